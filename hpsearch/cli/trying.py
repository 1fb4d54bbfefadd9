"""`hpsearch init --try`: one short trial of a drafted space file, and what it showed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hpsearch.errors import printable
from hpsearch.text import counted

if TYPE_CHECKING:
    from hpsearch.drafting.from_script.seen import Hint
    from hpsearch.driver.tried import Tried
    from hpsearch.objectives.command.section import Command

_LAST_LINES = 20
_CHARACTERS = 160
_FILL_IN = "FILL_IN"
_MISSING = re.compile(r"(?:following arguments are required|[Mm]issing (?:option|argument|required)\w*):? *(.*)")
_OPTION = re.compile(r"--?[A-Za-z][\w-]*")


def try_drafted(file: Path, name: str) -> bool:
    """Run one short trial of a space file, and print what it showed. Return whether it measured something.

    Args:
        file: The space file.
        name: What messages call it.

    Raises:
        InputError: The file can't be run.
        Interrupted: A signal came; nothing is left.
    """
    from hpsearch import api
    from hpsearch.system.escalation import may_leave
    from hpsearch.system.signals import raising_signals

    typer.echo("trying one trial of 2 epochs; Ctrl-C ends it", err=True)
    with raising_signals(), may_leave():
        tried = api.try_out(file)
    for line in _report(tried, file, name):
        typer.echo(printable(line), err=True)
    return bool(tried.measurements)


def _report(tried: Tried, file: Path, name: str) -> Iterator[str]:
    from hpsearch.drafting.from_script.seen import measured_lines
    from hpsearch.objectives.command.section import Command

    command = tried.config.objective
    matched = measured_lines(tried.lines, command, tried.config.metric) if isinstance(command, Command) else []
    said = f"the script printed {counted(len(tried.lines), 'line')}"
    if tried.measurements:
        yield f"{said}; {_sources(command, matched)}" if isinstance(command, Command) else said
        yield from _shown_lines(tried, matched)
        yield from _values(tried, len(matched))
        if tried.error:
            yield f"then it failed: {tried.error}"
        return
    yield f"{said}; nothing was measured{f': {_headline(tried)}' if tried.error else ''}"
    yield from _missing(tried, file, name)
    yield from _shown_lines(tried, matched)
    if tried.lines:
        yield f"its last {counted(min(_LAST_LINES, len(tried.lines)), 'line')}:"
        yield from (f"  {_cut(line)}" for line in tried.lines[-_LAST_LINES:])
    if isinstance(command, Command):
        yield from _instead(tried, command, name)


def _headline(tried: Tried) -> str:
    return tried.error.splitlines()[0].removeprefix("ObjectiveError: ")


def _sources(command: Command, matched: list[int]) -> str:
    settings = command.metrics
    place = None if settings is None else settings.csv or settings.tensorboard
    if place:
        return f"its measurements are in {place}"
    return "1 of them was a measurement" if len(matched) == 1 else f"{len(matched)} of them were measurements"


def _shown_lines(tried: Tried, matched: list[int]) -> Iterator[str]:
    for at in dict.fromkeys((*matched[:1], *matched[-1:])):
        yield f"  line {at + 1}: {_cut(tried.lines[at])}"


def _values(tried: Tried, lines: int) -> Iterator[str]:
    """Yield the metrics of each epoch, how long one takes, and whether there were more lines than epochs."""
    metric = tried.config.metric
    for one in tried.measurements:
        others = [f"{name} {value:.6g}" for name, value in one.metrics.items() if name != metric]
        yield f"epoch {one.epoch}: {', '.join((f'{metric} {one.metrics[metric]:.6g}', *others[:4]))}"
    seconds = [one.seconds for one in tried.measurements]
    slow = sum(seconds[1:]) / len(seconds[1:]) if len(seconds) > 1 else seconds[0]
    yield f"seconds an epoch: {slow:.2g} (the first one took {seconds[0]:.2g}, with the start of the script)"
    if lines > len(seconds):
        yield f"{lines} lines for {counted(len(seconds), 'epoch')}: does it train longer, or print several an epoch?"
    epochs = [one.epoch for one in tried.measurements]
    if epochs != list(range(1, len(epochs) + 1)):
        yield f"its epochs are {', '.join(map(str, epochs))}, not 1, 2, ...: see metrics.first_epoch"


def _missing(tried: Tried, file: Path, name: str) -> Iterator[str]:
    """Yield which lines of the space file have to be edited, for values that the script needs."""
    rows = file.read_text().splitlines()
    for number, row in enumerate(rows, start=1):
        if _FILL_IN in row:
            yield f"edit line {number} of {name}: {row.strip()}"
    command = next((number for number, row in enumerate(rows, start=1) if row.strip().startswith("command:")), 1)
    for line in (*tried.error.splitlines(), *tried.lines[-_LAST_LINES:]):
        found = _MISSING.search(line)
        if found is not None:
            wanted = ", ".join(_OPTION.findall(found[1])) or found[1].strip()
            yield f"edit line {command} of {name}, the command: the script also needs {wanted}"
            return


def _instead(tried: Tried, command: Command, name: str) -> Iterator[str]:
    from hpsearch.drafting.from_script.seen import hints

    found: list[Hint] = hints(tried.lines, tried.files, command, tried.config.metric)
    for hint in found:
        place = f"line {hint.line}" if hint.line is not None else "in the trial's folder"
        yield f"near miss: {place} is {hint.found}: {_cut(hint.text)}"
        yield f"  write into {name}:"
        yield from (f"    {entry}" for entry in hint.write)
    if not found and "the command ended with " not in tried.error:
        text = f'print(json.dumps({{"epoch": epoch, "{tried.config.metric}": value}}), flush=True)'
        yield f"let the script print a line of JSON after each epoch: {text}"


def _cut(line: str) -> str:
    text = line.replace("\t", " ").rstrip()
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"
