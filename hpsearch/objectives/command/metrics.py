"""The sources of a command's measurements: its output, or a log that it writes."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import logging
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from hpsearch.errors import FieldError, ObjectiveError
from hpsearch.objectives.command.section import Metrics

_FIELD = ("objective", "metrics")
_EPOCH = "epoch"
Row = tuple[int, dict[str, float]]  # an epoch and its metrics


class Source(Protocol):
    """Finds measurements in what a command prints or writes.

    Attributes:
        reads_stderr: Whether lines of standard error may hold measurements too.
        polls: Whether there are files to read from time to time.
        expected: A measurement in words, for messages.
    """

    reads_stderr: bool
    polls: bool
    expected: str

    def wants(self, line: str) -> bool:
        """Return whether a line may be a measurement."""
        ...

    def rows(self, line: str | None) -> Iterator[Row]:
        """Yield the measurements of a line, or, for None, the new ones in the files.

        Raises:
            ObjectiveError: An epoch is no whole number, or a metric is no number.
        """
        ...


def source_of(settings: Metrics | None, metric: str, trial_dir: Path, cwd: str | None) -> Source:
    """Return the source that a space file names.

    Args:
        settings: None for lines of JSON.
        metric: The study's.
        trial_dir: The attempt's folder, which `{trial_dir}` stands for.
        cwd: The command's working directory, which paths are relative to.
    """
    if settings is None:
        return _JsonLines(metric)
    if settings.regex is not None:
        return _Regex(re.compile(settings.regex), metric, settings.first_epoch)
    place = (settings.csv or settings.tensorboard or "").replace("{trial_dir}", str(trial_dir))
    path = Path(cwd or Path.cwd(), place)
    read = _read_csv if settings.csv is not None else _TensorBoard()
    return _Files(path, read, metric, settings.first_epoch)


def check_metrics(settings: Metrics | None, metric: str) -> None:
    """Refuse a source that can't give the study's metric.

    Raises:
        FieldError: The regular expression is wrong, or has no group for the metric; the log is not in the trial's
            folder; or TensorBoard is not installed.
    """
    if settings is None:
        return
    if settings.regex is not None:
        _check_regex(settings.regex, metric)
    for name, place in (("csv", settings.csv), ("tensorboard", settings.tensorboard)):
        if place is not None and not place.startswith("{trial_dir}"):
            problem = f"found {place!r}, which all trials would share"
            raise FieldError((*_FIELD, name), problem, "a path that begins with {trial_dir}")
    if settings.tensorboard is not None and importlib.util.find_spec("tensorboard") is None:
        raise FieldError(
            (*_FIELD, "tensorboard"),
            "needs the package tensorboard, which is not installed",
            'pip install "hpsearch[tensorboard]"',
        )


def _check_regex(text: str, metric: str) -> None:
    field = (*_FIELD, "regex")
    try:
        groups = list(re.compile(text).groupindex)
    except re.error as error:
        raise FieldError(field, f"is no regular expression: {error}", "Python's, with named groups") from None
    if metric not in groups:
        found = f"has the groups {', '.join(groups)}" if groups else "has no named groups"
        raise FieldError(field, f"{found}, and none for the metric", f"(?P<{metric}>...) in it")


class _JsonLines:
    """Lines of JSON on standard output that have the metric. One without an epoch belongs to the next epoch."""

    reads_stderr = False
    polls = False

    def __init__(self, metric: str) -> None:
        self.expected = f"a line of JSON with {metric!r} on its standard output"
        self._metric, self._epoch = metric, 0

    def wants(self, line: str) -> bool:
        return line.lstrip().startswith("{")

    def rows(self, line: str | None) -> Iterator[Row]:
        metrics = None if line is None else _json_metrics(line, self._metric)
        if metrics is None:
            return
        given = metrics.pop(_EPOCH, None)
        self._epoch = self._epoch + 1 if given is None else _whole(given)
        yield self._epoch, metrics


def _json_metrics(line: str, metric: str) -> dict[str, float] | None:
    """Return the numbers of a line, or None if it is no JSON object with a number as the metric."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    if metric in found and found[metric] is None:
        found[metric] = math.nan  # strict JSON has no NaN, and writers put null
    numbers = {key: _float(value) for key, value in found.items() if type(value) in (int, float)}
    return numbers if metric in numbers else None


class _Regex:
    """Lines of either output that a regular expression matches a part of; its named groups are metrics."""

    reads_stderr = True
    polls = False

    def __init__(self, pattern: re.Pattern[str], metric: str, first_epoch: int) -> None:
        self.expected = f"a line that {pattern.pattern!r} is found in"
        self._pattern, self._metric, self._first = pattern, metric, first_epoch
        self._epoch = 0

    def wants(self, line: str) -> bool:
        return self._pattern.search(line) is not None

    def rows(self, line: str | None) -> Iterator[Row]:
        match = None if line is None else self._pattern.search(line)
        if match is None or match[self._metric] is None:
            return
        metrics = {name: _parsed(text, name) for name, text in match.groupdict().items() if text is not None}
        given = metrics.pop(_EPOCH, None)
        self._epoch = self._epoch + 1 if given is None else _shifted(given, self._first)
        yield self._epoch, metrics


class _Reader(Protocol):
    def __call__(self, path: Path) -> dict[float | None, list[dict[str, float]]]:
        """Return the rows of a log by epoch; those without one under None."""
        ...


class _Files:
    """A log that grows. An epoch is measured as soon as the log has its metric."""

    reads_stderr = False
    polls = True

    def __init__(self, path: Path, read: _Reader, metric: str, first_epoch: int) -> None:
        self.expected = f"{metric!r} in {path}"
        self._path, self._read, self._metric, self._first = path, read, metric, first_epoch
        self._done = 0  # the last epoch that was yielded
        self._seen: object = None

    def wants(self, line: str) -> bool:  # noqa: ARG002 - its output is for the log alone
        return False

    def rows(self, line: str | None) -> Iterator[Row]:  # noqa: ARG002 - as above
        state = _state(self._path)
        if state == self._seen:
            return
        self._seen = state
        found = self._read(self._path)
        rows = [row for row in found.pop(None, []) if self._metric in row]
        joined = dict(enumerate(rows, start=1))
        for epoch, parts in found.items():
            joined[_shifted(epoch or 0, self._first)] = {name: x for part in parts for name, x in part.items()}
        for epoch in sorted(joined):
            if epoch > self._done and self._metric in joined[epoch]:
                self._done = epoch
                yield epoch, joined[epoch]


def _state(path: Path) -> object:
    """Return a value that changes whenever a file, or one below a folder, changes."""
    paths = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    found = []
    for one in paths:
        try:
            status = one.stat()
        except FileNotFoundError:  # it was renamed just now, and is found the next time
            continue
        found.append((str(one), status.st_size, status.st_mtime_ns))
    return found


def _read_csv(path: Path) -> dict[float | None, list[dict[str, float]]]:
    """Read the numbers of a CSV file with a header line, without a last line that is not complete yet."""
    try:
        text = path.read_text(errors="replace")
    except FileNotFoundError:
        return {}
    rows: dict[float | None, list[dict[str, float]]] = {}
    for cells in csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1])):
        row = {name: number for name, cell in cells.items() if name and (number := _number(cell)) is not None}
        rows.setdefault(row.pop(_EPOCH, None), []).append(row)
    return rows


class _TensorBoard:
    """The scalars below a folder. A step is an epoch, unless a scalar `epoch` was written with the same step."""

    def __init__(self) -> None:
        self._readers: dict[Path, Any] = {}

    def __call__(self, path: Path) -> dict[float | None, list[dict[str, float]]]:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it logs a line for each file that grows
        steps: dict[int, dict[str, float]] = {}
        for folder in {file.parent for file in path.rglob("*tfevents*")}:
            reader = self._readers.setdefault(folder, EventAccumulator(str(folder), size_guidance={"scalars": 0}))
            reader.Reload()
            for tag in reader.Tags()["scalars"]:
                for event in reader.Scalars(tag):
                    steps.setdefault(event.step, {})[tag] = event.value
        rows: dict[float | None, list[dict[str, float]]] = {}
        for step in sorted(steps):
            rows.setdefault(steps[step].pop(_EPOCH, float(step)), []).append(steps[step])
        return rows


def _number(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def _parsed(text: str, name: str) -> float:
    number = _number(text)
    if number is None:
        msg = f"the regular expression found {text!r} for {name}; allowed: a number"
        raise ObjectiveError(msg)
    return number


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf if number > 0 else -math.inf


def _shifted(epoch: float, first_epoch: int) -> int:
    if epoch < first_epoch:
        msg = f"found a measurement of epoch {epoch:g}; for a log that counts from 0, set metrics.first_epoch: 0"
        raise ObjectiveError(msg)
    return _whole(epoch) + 1 - first_epoch


def _whole(epoch: float) -> int:
    if not float(epoch).is_integer():
        msg = f"found a measurement of epoch {epoch}; allowed: whole epochs from 1"
        raise ObjectiveError(msg)
    return int(epoch)
