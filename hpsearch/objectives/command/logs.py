"""Measurements in the logs that a command writes: CSV files, and TensorBoard's events."""

from __future__ import annotations

import csv
import glob
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from hpsearch.objectives.command.computed import Computed
from hpsearch.objectives.command.epochs import COUNT_ALL, shifted
from hpsearch.objectives.command.fields import EPOCH, Fields, epoch_in, number_in
from hpsearch.objectives.command.lines import Row

_DELIMITERS = ",;\t"
LogRow = tuple[float | None, Fields]  # an epoch as the log counts, if the row names one, and its numbers


class Reader(Protocol):
    """Reads a log as far as it is written."""

    def rows(self, path: Path) -> list[LogRow]:
        """Return the rows in their order."""
        ...

    def names(self, path: Path) -> list[str]:
        """Return the names of the columns or tags, for messages."""
        ...


class Logs:
    """A log that grows. An epoch is measured as soon as the log has its metric.

    Args:
        path: A file or folder; `*` and `**` stand for what is not known before, and the newest one counts.
    """

    reads_stderr = False
    polls = True

    def __init__(
        self, path: Path, reader: Reader, metric: str, computed: Computed, *, first: int = 1, counted: bool = False
    ) -> None:
        self.expected = f"{metric!r} in {path}"
        self.notices: list[str] = []
        self.counts = False
        self.path, self.reader, self.computed = path, reader, computed
        self._metric, self._first, self._all = metric, first, counted
        self._done = 0  # the last epoch that was yielded
        self._seen: object = None

    def wants(self, line: str) -> bool:  # noqa: ARG002 - its output is for the log alone
        """Return that no line is a measurement."""
        return False

    def rows(self, line: str | None) -> Iterator[Row]:  # noqa: ARG002 - as above
        """Yield the epochs that the log has now, and had not before."""
        path = found_at(self.path)
        state = _state(path)
        if state == self._seen:
            return
        self._seen = state
        joined = self._joined(self.reader.rows(path))
        for epoch in sorted(joined):
            if epoch > self._done and self._metric in joined[epoch]:
                self._done = epoch
                yield epoch, joined[epoch]

    def left(self, epochs: int) -> Iterator[Row]:
        """Yield nothing: no row waits."""
        del epochs
        yield from ()

    def _joined(self, rows: list[LogRow]) -> dict[int, Fields]:
        """Return the metrics by epoch. Rows without an epoch are counted if no row has one."""
        self.counts = not self._all and all(epoch is None for epoch, _ in rows)
        if self.counts or self._all:
            whole = [self.computed.added_to(row) for _, row in rows]
            return dict(enumerate((row for row in whole if self._metric in row), start=1))
        joined: dict[int, Fields] = {}
        for epoch, row in rows:
            if epoch is not None:
                self._join(joined.setdefault(shifted(epoch, self._first), {}), row)
        return {epoch: self.computed.added_to(row) for epoch, row in joined.items()}

    def _join(self, joined: Fields, row: Fields) -> None:
        """Add a row to its epoch. The first value of the metric counts, whenever the log is read."""
        first = joined.get(self._metric)
        joined |= row
        if first is None or first == joined[self._metric]:
            return
        joined[self._metric] = first
        if not self.notices:
            self.notices.append(
                f"an epoch has several rows with {self._metric!r}: its first one counts; or {COUNT_ALL}"
            )


def found_at(path: Path) -> Path:
    """Return the newest file or folder that a path with `*` stands for; the path itself if there is none yet."""
    if "*" not in str(path):
        return path
    found = [Path(one) for one in glob.glob(str(path), recursive=True)]  # noqa: PTH207 - the pattern is absolute
    return max(found, key=lambda one: one.stat().st_mtime_ns, default=path)


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


class CsvReader:
    """A CSV file with a header line, without a last line that is not complete yet."""

    def rows(self, path: Path) -> list[LogRow]:
        """Return the numbers of its rows."""
        rows: list[LogRow] = []
        for cells in self._cells(path):
            named = {name.strip(): cell for name, cell in cells.items() if name}
            row = {name: number for name, cell in named.items() if (number := number_in(cell)) is not None}
            row.pop(EPOCH, None)
            rows.append((epoch_in(named.get(EPOCH)), row))
        return rows

    def names(self, path: Path) -> list[str]:
        """Return its columns."""
        return [name.strip() for name in self._cells(path).fieldnames or ()]

    def _cells(self, path: Path) -> csv.DictReader[str]:
        try:
            text = path.read_text(encoding="utf-8-sig", errors="replace")
        except (FileNotFoundError, IsADirectoryError):
            text = ""
        header = text.partition("\n")[0]
        delimiter = max(_DELIMITERS, key=header.count)  # the first of equals
        return csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]), delimiter=delimiter)


class TensorBoardReader:
    """The scalars below a folder. A step is an epoch, unless a scalar `epoch` was written with the same step."""

    def __init__(self) -> None:
        self._readers: dict[Path, Any] = {}

    def rows(self, path: Path) -> list[LogRow]:
        """Return the scalars of each step."""
        steps: dict[int, Fields] = {}
        for reader in self._reloaded(path):
            for tag in reader.Tags()["scalars"]:
                for event in reader.Scalars(tag):
                    steps.setdefault(event.step, {})[tag] = event.value
        return [(steps[step].pop(EPOCH, float(step)), steps[step]) for step in sorted(steps)]

    def names(self, path: Path) -> list[str]:
        """Return the tags."""
        return sorted({tag for reader in self._reloaded(path) for tag in reader.Tags()["scalars"]})

    def _reloaded(self, path: Path) -> list[Any]:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it logs a line for each file that grows
        readers = []
        for folder in sorted({file.parent for file in path.rglob("*tfevents*")}):
            reader = self._readers.setdefault(folder, EventAccumulator(str(folder), size_guidance={"scalars": 0}))
            reader.Reload()
            readers.append(reader)
        return readers
