"""What a script has printed, read back: its measurements, and what to write where none were found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.drafting.flow import flow
from hpsearch.drafting.from_script.labels import Named, clause_of, metrics_of
from hpsearch.drafting.from_script.logs import best_name
from hpsearch.drafting.from_script.metric_names import direction_of, kind_rank, split_rank, words_of
from hpsearch.drafting.from_script.regexes import regex_of
from hpsearch.drafting.from_script.templates import Piece, Template, Value
from hpsearch.objectives.command.section import Command

_DIGITS = re.compile(
    r"(?<![\w@.])[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?!\w)"  # a number
    r"|(?<![\w@.])(?:nan|inf)\b"
    r"|(?<![A-Za-z@_\d])\d+"  # a part of something else, such as 5 in 5s
)
_EPOCH_BEFORE = re.compile(r"[Ee]poch\W*$|[Ee]poch\(\w+\) *\[$")
_WHOLE = re.compile(r"\d+")
_WRAPPED = re.compile(r"(?:tensor|np\.float\d+)\($")
_EPOCH_IN_BRACKETS = 2  # pieces: `[` and the number
_MOST_SHAPES = 200
_SHOWN_NAMES = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """A line that was no measurement, and what to write for it.

    Attributes:
        line: Its number in the output, from 1; None if it is no line.
        text: It.
        found: What it has.
        write: What to write into the space file, a line for each entry.
    """

    line: int | None
    text: str
    found: str
    write: tuple[str, ...]


def measured_lines(lines: Sequence[str], command: Command, metric: str) -> list[int]:
    """Return the indices of the lines that hold the metric; none for a log that is a file."""
    settings = command.metrics
    if settings is not None and (settings.csv is not None or settings.tensorboard is not None):
        return []
    if settings is not None and settings.regex is not None:
        pattern = re.compile(settings.regex)
        return [at for at, line in enumerate(lines) if pattern.search(line)]
    return [at for at, line in enumerate(lines) if metric in (_object(line) or {})]


def hints(lines: Sequence[str], files: Mapping[str, Sequence[str]], command: Command, metric: str) -> list[Hint]:
    """Return what could be read instead, the best first.

    Args:
        lines: What the script printed.
        files: CSV files that it wrote into the trial's folder, by their paths there, each with its columns.
        command: The objective's section.
        metric: The study's.
    """
    found = [*_of_json(lines, command, metric), *_of_files(files, metric), *_of_text(lines)]
    return found[:3]


def _object(line: str) -> dict[str, Any] | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _of_json(lines: Sequence[str], command: Command, metric: str) -> Iterator[Hint]:
    """Yield the last line of JSON that has other metrics than the study's."""
    for at in reversed(range(len(lines))):
        found = _object(lines[at])
        if found is None or metric in found:
            continue
        name = best_name(key for key, value in found.items() if type(value) in (int, float))
        if not name:
            continue
        keys = ", ".join(list(found)[:_SHOWN_NAMES])
        write = [f"metric: {flow(name)}", f"direction: {direction_of(name)}"]
        write += ["no `metrics` in `objective`: it is a line of JSON"] if command.metrics is not None else []
        yield Hint(line=at + 1, text=lines[at], found=f"a line of JSON with {keys}", write=tuple(write))
        return


def _of_files(files: Mapping[str, Sequence[str]], metric: str) -> Iterator[Hint]:
    for path, columns in files.items():
        name = metric if metric in columns else best_name(columns)
        if name:
            place = _metrics_line(csv=f"{{trial_dir}}/{path}")
            write = (f"metric: {flow(name)}", f"direction: {direction_of(name)}", place)
            names = ", ".join(columns[:_SHOWN_NAMES])
            yield Hint(line=None, text=path, found=f"a CSV file with the columns {names}", write=write)


def _of_text(lines: Sequence[str]) -> Iterator[Hint]:
    """Yield the kinds of lines that have a metric, the best first."""
    shapes: dict[tuple[str, ...], list[int]] = {}
    for at, line in enumerate(lines):
        shape = tuple(piece if isinstance(piece, str) else "" for piece in as_template(line))
        if len(shapes) < _MOST_SHAPES or shape in shapes:
            shapes.setdefault(shape, []).append(at)
    templates = {shape: as_template(lines[places[-1]]) for shape, places in shapes.items()}
    kinds = [_Kind.of(shape, templates[shape], places) for shape, places in shapes.items()]
    for one in sorted((kind for kind in kinds if kind is not None), key=lambda kind: kind.rank):
        others = [template for shape, template in templates.items() if shape != one.shape]
        text, _ = regex_of(templates[one.shape], one.epoch, [one.best], others, logged=True)
        if text:
            line, best = lines[one.last], one.best
            kind = "a Python dictionary, which is no JSON" if line.lstrip().startswith("{'") else "a line"
            write = (f"metric: {best.name}", f"direction: {direction_of(best.name)}", _metrics_line(regex=text))
            yield Hint(line=one.last + 1, text=line, found=f"{kind} with {' '.join(best.words)}", write=write)


def _metrics_line(**settings: str) -> str:
    return f"metrics: {flow(settings)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    """Lines that differ in their numbers alone.

    Attributes:
        shape: Their text.
        epoch: The index of the epoch among their pieces.
        best: The metric to judge by.
        count: How many there are.
        last: The index of the last one.
    """

    shape: tuple[str, ...]
    epoch: int | None
    best: Named
    count: int
    last: int

    @classmethod
    def of(cls, shape: tuple[str, ...], pieces: Template, places: list[int]) -> _Kind | None:
        """Return the kind of some lines; None if they have no metric."""
        epoch = _epoch(pieces)
        best = min(metrics_of(pieces, epoch), key=_rank, default=None)
        return None if best is None else cls(shape=shape, epoch=epoch, best=best, count=len(places), last=places[-1])

    @property
    def rank(self) -> tuple[int, ...]:
        """Where they stand: the smallest is the first to look at."""
        return (*_rank(self.best), int(self.epoch is None), self.count, -self.last)


def as_template(line: str) -> Template:
    """Return a printed line as text and values: its numbers."""
    pieces: list[Piece] = []
    end = 0
    for match in _DIGITS.finditer(line):
        text = line[end : match.start()]
        pieces += [text] if text else []
        is_whole = _WHOLE.fullmatch(match[0]) is not None
        is_wrapped = _WRAPPED.search(text) is not None
        pieces.append(Value(name="number", spec="d" if is_whole else "", bare=is_wrapped))
        end = match.end()
    return (*pieces, line[end:]) if line[end:] else tuple(pieces)


def _epoch(pieces: Template) -> int | None:
    for index, piece in enumerate(pieces):
        if isinstance(piece, str) or piece.spec != "d":
            continue
        before = pieces[index - 1] if index else ""
        words = words_of(clause_of(before)) if isinstance(before, str) else ()
        in_brackets = index < _EPOCH_IN_BRACKETS and before == "[" and str(pieces[index + 1 : index + 2])[2:3] == "]"
        if (
            words[-1:] in (("epoch",), ("ep",))
            or in_brackets
            or re.search(r"[Ee]poch\W*$|[Ee]poch\(\w+\) *\[$", str(before))
        ):
            return index
    return None


def _rank(one: Named) -> tuple[int, ...]:
    return (int(one.past), split_rank(one.split), int(one.coarse), kind_rank(one.words))
