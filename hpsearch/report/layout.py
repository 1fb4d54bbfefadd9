"""How tables look: columns of text without lines, readable on a terminal and in a pipe alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from hpsearch.text import clean

_ENDLESS = 10_000  # columns, to measure how wide something would like to be


class FirstThatFits:
    """Renders the first of its renderables that fits into the width, else the last.

    Args:
        choices: From the widest to the narrowest.
    """

    def __init__(self, *choices: RenderableType) -> None:
        self._choices = choices

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wanted = options.update(max_width=_ENDLESS)
        for choice in self._choices[:-1]:
            if Measurement.get(console, wanted, choice).maximum <= options.max_width:
                yield choice
                return
        yield self._choices[-1]


def cell(text: object, style: str = "") -> Text:
    """Return a table's cell; brackets in it are no markup, and control characters are gone."""
    return Text(clean(text), style=style, overflow="fold")


def heading(text: str) -> Text:
    """Return the heading of a section."""
    return Text(clean(text), style="bold")


def text_table(left: Iterable[str], right: Iterable[str] = (), *, last: Iterable[str] = ()) -> Table:
    """Return an empty table of aligned columns, which fold where they don't fit, so that no digit is lost.

    Args:
        left: Headers of the first columns, for text.
        right: Headers of the columns after them, for numbers.
        last: Headers of the columns after those, for text.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    sides: list[tuple[Iterable[str], JustifyMethod]] = [(left, "left"), (right, "right"), (last, "left")]
    for names, justify in sides:
        for name in names:
            table.add_column(cell(name), justify=justify, overflow="fold")
    return table


def facts(rows: Sequence[tuple[str, RenderableType]], style: str = "dim") -> Table:
    """Return names with what they stand for, one below the other."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style=style)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(cell(name), cell(value) if isinstance(value, str) else value)
    return table
