"""How tables look: columns of text without lines, for terminals and pipes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace

from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from hpsearch.text import clean

_ENDLESS = 10_000  # columns; more than anything needs
_GAP = 2  # columns between those of a table


class FirstThatFits:
    """Renders the first of its renderables that fits the width, or the last.

    Args:
        choices: From the widest to the narrowest.
    """

    def __init__(self, *choices: RenderableType) -> None:
        self._choices = choices

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for choice in self._choices[:-1]:
            if _wanted(console, options, choice).maximum <= options.max_width:
                yield choice
                return
        yield self._choices[-1]


class Wrapping:
    """Renders a table whose cells wrap between words. To `FirstThatFits` it fits if no word is cut.

    Args:
        below: What stands below the table.
    """

    def __init__(self, table: Table, *below: RenderableType) -> None:
        self._table, self._below = table, below

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        least = _wanted(console, options, Group(self._table, *self._below)).minimum
        return Measurement(least, least)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = copy(self._table)
        wanted = [_of_column(console, options, column) for column in table.columns]
        widths = _widths(wanted, options.max_width - _GAP * (len(wanted) - 1))
        table.columns = [replace(column, width=width) for column, width in zip(table.columns, widths, strict=True)]
        yield table
        yield from self._below


def _wanted(console: Console, options: ConsoleOptions, renderable: RenderableType) -> Measurement:
    """Return how wide something is without any limit: wrapped at each word, and not wrapped at all."""
    return Measurement.get(console, options.update(max_width=_ENDLESS), renderable)


def _of_column(console: Console, options: ConsoleOptions, column: Column) -> Measurement:
    wanted = [_wanted(console, options, one) for one in (column.header, *column.cells)]
    most = max(one.maximum for one in wanted)
    return Measurement(most if column.no_wrap else max(one.minimum for one in wanted), most)


def _widths(wanted: Sequence[Measurement], room: int) -> list[int]:
    """Return the columns' widths: each word fits, and the narrowest columns get the rest of the room first."""
    widths = [one.minimum for one in wanted]
    for _ in range(room - sum(widths)):
        growing = [at for at, one in enumerate(wanted) if widths[at] < one.maximum]
        if not growing:
            break
        widths[min(growing, key=widths.__getitem__)] += 1
    return widths


def stacked(table: Table) -> RenderableType:
    """Return the rows of a table one below the other, with a line for each cell."""
    names = [str(column.header) for column in table.columns]
    rows = zip(*(column.cells for column in table.columns), strict=True)
    blocks = [facts(list(zip(names, row, strict=True))) for row in rows]
    return Group(*(part for block in blocks for part in (block, Text("")))) if blocks else table


def cell(text: object, style: str = "") -> Text:
    """Return a table's cell: without control characters, and brackets in it are no markup."""
    return Text(clean(text), style=style, overflow="fold")


def heading(text: str) -> Text:
    """Return the heading of a section."""
    return Text(clean(text), style="bold")


def text_table(left: Iterable[str], right: Iterable[str] = (), *, last: Iterable[str] = ()) -> Table:
    """Return an empty table. A cell that is too long continues on the next line, so that no digit is lost.

    Args:
        left: Headers of the first columns, for text.
        right: Headers of the columns after them, for numbers.
        last: Headers of the columns after those, for text.
    """
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    sides: list[tuple[Iterable[str], JustifyMethod]] = [(left, "left"), (right, "right"), (last, "left")]
    for names, justify in sides:
        for name in names:
            table.add_column(cell(name), justify=justify, overflow="fold")
    return table


def whole(text: object, style: str = "") -> Text:
    """Return a line that is never broken, such as a path or a command, so that it can be copied."""
    return Text(clean(text), style=style, no_wrap=True, overflow="ignore")


def facts(rows: Sequence[tuple[str, RenderableType]]) -> RenderableType:
    """Return names with their values beside them, or below them where a word would be cut."""
    below = (part for name, value in rows for part in (cell(name, "dim"), Padding(_value(value), (0, 0, 0, _GAP))))
    return FirstThatFits(Wrapping(facts_table(rows)), Group(*below))


def facts_table(rows: Sequence[tuple[str, RenderableType]], style: str = "dim") -> Table:
    """Return a table of names with their values."""
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style=style)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(cell(name), _value(value))
    return table


def _value(value: RenderableType) -> RenderableType:
    return cell(value) if isinstance(value, str) else value
