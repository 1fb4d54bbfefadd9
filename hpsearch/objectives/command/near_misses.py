"""What came near to a measurement, for the error of a command that measured nothing."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hpsearch.objectives.command.computed import Computed, computed_of
from hpsearch.objectives.command.fields import EPOCH, at, epoch_in, json_object, number_of, plain
from hpsearch.objectives.command.names import NEAR, may_name, nearest_name, nearness
from hpsearch.objectives.command.patterns import Named, named_numbers, pattern_for
from hpsearch.objectives.command.section import Metrics

_MOST_LINES = 100_000
_LINE_CHARACTERS = 300
_LAST_LINES = 10
_MOST_NAMES = 20
_SHORT = 40  # characters of a value
_MOST_FORMS = 1000  # each takes about 0.5 ms
_PLACES = {
    "metrics": "below objective in",
    **dict.fromkeys(("csv", "tensorboard"), "below objective.metrics in"),
}
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A line that was nearly a measurement.

    Attributes:
        rank: How near it came; 0 is the nearest.
        what: What is wrong, for a line of text.
        write: What to write into the space file; empty if that is not known.
    """

    rank: float
    what: str
    line: str
    write: str


def near_miss(lines: Iterable[str], metric: str, settings: Metrics | None) -> NearMiss | None:
    """Return the line that came nearest to a measurement; None if none did.

    Args:
        lines: All that the command printed, on both outputs.
        settings: How its measurements are read; None for lines of JSON.
    """
    computed = computed_of(settings)
    best: NearMiss | None = None
    seen: set[str] = set()
    for line in islice(lines, _MOST_LINES):
        text = plain(line).strip()
        form = _DIGITS.sub("0", text)
        if form in seen or len(seen) >= _MOST_FORMS:
            continue
        seen.add(form)
        for found in _of_line(text, metric, settings, computed):
            if best is None or found.rank < best.rank:
                best = found
    return best


def told(found: NearMiss | None, last: Iterable[str]) -> tuple[str, str]:
    """Return a near miss in words: what stands in the error's first line, and what stands below it.

    Args:
        last: The last lines of the command's output, which are shown where nothing came near.
    """
    if found is None:
        lines = [line for line in last if line.strip()][-_LAST_LINES:]
        if not lines:
            return "; it printed nothing", ""
        return "", "\n".join(("\nThe end of its output:", *map(_cut, lines)))
    where = _PLACES.get(found.write.partition(":")[0], "into")
    write = f"\nWrite {where} the space file:\n    {found.write}" if found.write else ""
    return f"; {found.what}", f"\n    {_cut(found.line)}{write}"


def _of_line(line: str, metric: str, settings: Metrics | None, computed: Computed) -> Iterator[NearMiss]:
    if settings is not None and settings.regex is not None:
        if re.search(settings.regex, line, re.IGNORECASE):
            yield NearMiss(0, "a line differs only in upper and lower case", line, _regex(f"(?i){settings.regex}"))
    elif (loaded := json_object(line)) is not None:
        yield from _of_json(line, loaded, metric, computed)
        return
    found = _nearest_in_text(line, metric)
    if found is None:
        return
    exact, is_dict = found.name == metric, _is_dict(line)
    rank = (1 if is_dict else 3) if exact else 5.5 - nearness(found.name, metric) - 0.5 * is_dict
    under = "" if exact else f", as {found.name!r}"
    no_epoch = 0.0 if EPOCH in line.lower() else 0.25
    yield NearMiss(
        rank + no_epoch,
        f"{_kind(line) if is_dict else 'a line of text'} has it{under}",
        line,
        _to_read(line, found, metric),
    )


def _of_json(line: str, found: Mapping[str, Any], metric: str, computed: Computed) -> Iterator[NearMiss]:
    """Yield what is wrong with a line of JSON, which is no measurement."""
    value = at(found, metric)
    if number_of(value) is not None:
        epoch = at(found, EPOCH)
        if epoch is not None and epoch_in(epoch) is None:
            yield NearMiss(2, f"a line of JSON has it, but the epoch is {json.dumps(epoch)[:_SHORT]}", line, "")
        else:
            yield NearMiss(2, "a line of JSON on its standard error has it", line, _to_read_exactly(line, metric))
        return
    if value is not None and not isinstance(value, Mapping):
        what = f"a line of JSON has {json.dumps(value)[:_SHORT]} for it, which is no number"
        yield NearMiss(0, what, line, _to_read_exactly(line, metric))
    names = [name for name, inner in _flat(found) if name != EPOCH and number_of(inner) is not None]
    lacking = computed.lacking(metric, names)
    if lacking:
        what = f"{metric!r} is computed of {lacking[0]!r}, and lines of JSON have {', '.join(names[:_MOST_NAMES])}"
        yield NearMiss(6, what, line, "")
        return
    deeper = next((name for name in names if name.endswith(f".{metric}")), None)
    name = deeper or nearest_name(names, metric)
    if name is not None:
        where = "below another key" if deeper else "under another name"
        yield NearMiss(2 if deeper else 4, f"a line of JSON has it {where}, {name!r}", line, f"metric: {name}")
    elif names:
        shown = ", ".join(names[:_MOST_NAMES])
        yield NearMiss(7, f"lines of JSON have other names: {shown}", line, "metric: one of these names")


def _flat(found: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested mappings, with dots between the keys."""
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _is_dict(line: str) -> bool:
    """Return whether a line has a Python dict, or JSON with something around it."""
    try:
        return isinstance(ast.parse(_braces(line), mode="eval").body, ast.Dict)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _kind(line: str) -> str:
    is_json = json_object(_braces(line)) is not None
    return "a line with JSON and other text" if is_json else "a Python dict, which is no JSON,"


def _braces(line: str) -> str:
    return line[line.find("{") : line.rfind("}") + 1] if "{" in line else ""


def _nearest_in_text(line: str, metric: str) -> Named | None:
    """Return the number in a line whose name is nearest to the metric; None if none is near."""
    if not may_name(line, metric):
        return None
    last = metric.rpartition(".")[2]
    found = [one for one in named_numbers(line) if one.name.lower() != EPOCH]
    best = max(found, key=lambda one: (one.name == metric, nearness(one.name, metric), one.name == last), default=None)
    return best if best is not None and (best.name == metric or nearness(best.name, metric) >= NEAR) else None


def _to_read_exactly(line: str, metric: str) -> str:
    last = metric.rpartition(".")[2]
    found = next((one for one in named_numbers(line) if one.name in (metric, last)), None)
    return "" if found is None else _to_read(line, found, metric)


def _to_read(line: str, found: Named, metric: str) -> str:
    group = metric if metric.isidentifier() else re.sub(r"\W", "_", metric)
    pattern = pattern_for(line, found, group) if group.isidentifier() else None
    if pattern is None:
        return ""
    computed = "" if group == metric else f", {_quoted(metric)}: {group}"
    first = ", first_epoch: 0" if pattern[1] is not None and epoch_in(pattern[1]) == 0 else ""
    return _regex(pattern[0], computed + first)


def _regex(pattern: str, more: str = "") -> str:
    return f"metrics: {{regex: {_quoted(pattern)}{more}}}"


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _cut(line: str) -> str:
    return line if len(line) <= _LINE_CHARACTERS else f"{line[:_LINE_CHARACTERS]}..."
