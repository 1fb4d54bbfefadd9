"""A store's trials in memory: read once, when the first is needed, and changed with every write."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from hpsearch.store.records import Curve, StoredTrial, record_of
from hpsearch.trial.trial import Stage, State, TrialRecord


class Mirror:
    """The trials of a study.

    Args:
        read: Returns the stored trials of a stage by number.
        read_curves: Returns the values that those trials came without, by the trials' ids.
        reading: Turns the errors of damaged rows into one message.

    Attributes:
        unfinished: Stage and number of each trial that had not ended in the storage when it was read.
    """

    def __init__(
        self,
        read: Callable[[Stage], list[StoredTrial]],
        read_curves: Callable[[Stage], Mapping[int, Curve]],
        reading: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._read, self._read_curves, self._reading = read, read_curves, reading
        self._curves: dict[Stage, Mapping[int, Curve]] = {}
        self._records: dict[Stage, dict[int, TrialRecord]] | None = None
        self._ids: dict[tuple[Stage, int], int] = {}
        self.unfinished: list[tuple[Stage, int]] = []

    def forget(self) -> None:
        """Read the trials again when they are needed next."""
        self._records = None
        self._curves = {}

    def load(self) -> None:
        """Read the trials, unless they were read already."""
        if self._records is not None:
            return
        self._ids.clear()
        self.unfinished.clear()
        with without_collection(), self._reading():
            self._records = {stage: dict(self._taken(stage, trial) for trial in self._read(stage)) for stage in Stage}

    def _taken(self, stage: Stage, trial: StoredTrial) -> tuple[int, TrialRecord]:
        self._ids[stage, trial.number] = trial.id
        if trial.state is State.RUNNING:
            self.unfinished.append((stage, trial.number))
        return trial.number, record_of(stage, trial, partial(self._curve, stage, trial.id))

    def _curve(self, stage: Stage, trial_id: int) -> Curve:
        if stage not in self._curves:
            with without_collection():
                self._curves[stage] = self._read_curves(stage)
        return self._curves[stage].get(trial_id, {})

    def of(self, stage: Stage) -> dict[int, TrialRecord]:
        """Return the trials of a stage by number, ascending."""
        self.load()
        assert self._records is not None  # noqa: S101 - load has read them
        return self._records[stage]

    def id_of(self, stage: Stage, number: int) -> int:
        """Return the storage's id of a trial.

        Raises:
            KeyError: There is none of that number.
        """
        self.load()
        return self._ids[stage, number]

    def add(self, record: TrialRecord, trial_id: int) -> None:
        """Add a new trial."""
        self.put(record)
        self._ids[record.stage, record.number] = trial_id

    def put(self, record: TrialRecord) -> None:
        """Replace the record of a trial."""
        self.of(record.stage)[record.number] = record

    def change(self, stage: Stage, number: int, **changes: Any) -> None:
        """Change some fields of a trial's record."""
        records = self.of(stage)
        records[number] = replace(records[number], **changes)


@contextmanager
def without_collection() -> Iterator[None]:
    """Stop garbage collection while much is read: it would walk all that was read so far, again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
