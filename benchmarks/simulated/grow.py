"""Grows a study, and measures the cost of trials: `python grow.py FOLDER SAMPLER SIZE...` prints JSON."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import psutil
from executor import SimulatedExecutor
from study import begin

from hpsearch.study.study import Study
from hpsearch.trial.events import Event, TrialScored

_SLOTS = 2
_MORE = 10_000  # trials that the study may still have after the last size


class _Enough(Exception):  # noqa: N818 - no error
    """All sizes are reached."""


class Watch:
    """Measures the driver at some numbers of ended trials.

    Args:
        sizes: Numbers of trials, ascending.

    Attributes:
        found: What was seen at each of them.
    """

    def __init__(self, sizes: list[int]) -> None:
        self._sizes = sizes
        self._study: Study | None = None
        self._ended = 0
        self._began = 0.0, 0.0  # wall and CPU seconds, when the window began
        self.found: list[dict[str, float]] = []

    def __call__(self, news: Event | Study) -> None:
        """Take the study, or count a trial that has ended."""
        if isinstance(news, Study):
            self._study = news
        if not isinstance(news, TrialScored):
            return
        self._ended += 1
        size = self._sizes[len(self.found)]
        if self._ended == size - window(size):
            self._began = time.perf_counter(), time.process_time()
        if self._ended == size and self._study is not None:
            self._look(self._study, size)
            if len(self.found) == len(self._sizes):
                raise _Enough

    def _look(self, study: Study, size: int) -> None:
        wall, cpu = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        rss = psutil.Process().memory_info().rss
        found = {"size": size, "wall_ms": 1000 * wall / window(size), "cpu_ms": 1000 * cpu / window(size)}
        self.found.append(found | {"rss_mib": rss / 2**20})
        study.store.flush()
        copy(study.folder, study.folder.with_name(f"{study.name}-{size}"))


def window(size: int) -> int:
    """Return the number of trials, before a size, over which the cost of a trial is measured."""
    return max(size // 2 if size <= 100 else size // 10, 1)  # noqa: PLR2004 - the first has too few for a tenth


def copy(folder: Path, target: Path) -> None:
    """Copy a study whose database is open."""
    target.mkdir()
    for path in folder.iterdir():
        if path.suffix == ".db":
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target / path.name)) as copied:
                source.backup(copied)
        elif path.suffix == ".json":
            shutil.copy(path, target)


def main() -> None:
    """Grow the study."""
    folder, sampler, *sizes = sys.argv[1:]
    wanted = sorted(map(int, sizes))
    watch = Watch(wanted)
    with suppress(_Enough):
        begin(Path(folder), sampler, wanted[-1] + _MORE, SimulatedExecutor(_SLOTS), watch)
    print(json.dumps(watch.found))


if __name__ == "__main__":
    main()
