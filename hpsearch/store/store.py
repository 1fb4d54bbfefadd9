"""The study's database, the only state there is, opened for writing by the driver.

All reads go through the mirror of `StoreReader`, which every write keeps: with one writer it can't go stale.

Measurements and ends of trials are written when `flush` is called, all in one transaction: the manifests already have
them, so no worker has to wait. Whatever decides what comes next is written at once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState

from hpsearch.errors import InputError, StudyError
from hpsearch.space.space import Space
from hpsearch.store.backend import Backend, Changes
from hpsearch.store.connection import connect
from hpsearch.store.location import new_place
from hpsearch.store.lock import DriverLock
from hpsearch.store.pointer import FORMAT, STUDY_FILE
from hpsearch.store.reader import StoreReader
from hpsearch.store.records import final
from hpsearch.store.url import cause_of, opening, redact, remedy
from hpsearch.system.files import write_json
from hpsearch.trial.trial import Decision, Direction, Measurement, Params, Stage, State, StopReason, TrialRecord

# Something else writes this store where there is a KeyError, or where Optuna says that a trial has ended already.
_REFUSALS: tuple[type[Exception], ...] = (*Backend.errors, OSError, KeyError)


class Store(StoreReader):
    """One study in a database. `create`, `open` and `of` make it.

    Raises:
        StudyError: From any write that the database refuses (a full disk, a lost server).
    """

    def __init__(self, backend: Backend, name: str) -> None:
        super().__init__(backend, name)
        self._backend, self._storage = backend, backend.storage
        self._changes = Changes()
        self._lock: DriverLock | None = None
        self._direction = Direction.MAXIMIZE  # until it is read or made

    @classmethod
    def create(
        cls, folder: Path, name: str, url: str | None, direction: Direction, attributes: Mapping[str, Any]
    ) -> Store:
        """Make a study in the store; one that a kill has left half-made is made again.

        Args:
            folder: The study's, which exists.
            name: The study's.
            url: Where the store goes: a URL, or `sqlite` or `journal` for a file in the folder. None for the file that
                suits the folder's file system.
            direction: Of the metric.
            attributes: JSON values that the study has from the start.

        Raises:
            InputError: The database can't be reached, or has a study of that name.
        """
        url, file = new_place(folder, url)
        pointer = {"format": FORMAT, "study": name, "storage": None if file else redact(url), "file": file}
        store = cls(connect(url, make=True), name)
        with store._or_closed():
            store._make_studies(direction)
            for key, value in attributes.items():
                store.put(key, value)
            write_json(folder / STUDY_FILE, pointer)
            store.put("format", FORMAT)  # last: without it the study does not exist
            store._backend.settle()
        return store

    @classmethod
    def of(cls, reader: StoreReader) -> Store:
        """Open for writing what a reader has open, and close the reader; a store is returned as it is."""
        if isinstance(reader, cls):
            return reader
        reader.close()
        return cls._of_study(reader.url, reader.name)

    @classmethod
    def _connected(cls, url: str) -> Backend:
        return connect(url, make=False)

    def remove(self) -> None:
        """Remove the study from the database."""
        with self._writing():
            for study_id in self._ids.values():
                self._storage.delete_study(study_id)
        self.close()

    def lock(self) -> DriverLock:
        """Return the lock that makes one process this study's driver."""
        self._lock = self._backend.lock(self.name)
        return self._lock

    # Writing: the database first, then the mirror.

    def put(self, key: str, value: Any) -> None:
        """Set an attribute of the study to a JSON value; earlier changes are written first."""
        self.flush()
        with self._writing():
            self._storage.set_study_user_attr(self._ids[Stage.SEARCH], key, value)
        self._attributes[key] = json.loads(json.dumps(value))

    def create_trial(self, record: TrialRecord, space: Space) -> None:
        """Add a running trial with its params in one transaction.

        Args:
            record: The trial, with the next number of its stage.
            space: That its params are of.

        Raises:
            StudyError: The number is not the next one, so another process writes this store.
        """
        attributes: dict[str, Any] = {"seed": record.seed, "attempt": record.attempt}
        if record.source is not None:
            attributes |= {"source": record.source, "replicate": record.replicate or 0}
        if record.code is not None:
            attributes["code"] = record.code
        if record.asked:
            attributes["asked"] = record.asked
        if record.until is not None:
            attributes["until"] = record.until
        template = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=dict(record.params),
            distributions=space.optuna_distributions(record.params),
            user_attrs=attributes,
        )
        with self._writing():
            trial_id, number = self._backend.create_trial(self._ids[record.stage], record.number, template)
        if number != record.number:
            raise StudyError(
                f"study {self.name}: trial {record.number} became {number}; something else writes its store"
            )
        self._mirror.add(record, trial_id)

    def start_attempt(self, stage: Stage, number: int, attempt: int) -> None:
        """Store an attempt's number; called before the attempt is sent out."""
        self._set(stage, number, attempt=attempt, paused_at=None)
        self.flush()

    def go_on(self, stage: Stage, number: int, until: int) -> None:
        """Store that a trial goes on until an epoch; called before it is told."""
        self._set(stage, number, until=until, paused_at=None)
        self.flush()

    def audit(self, stage: Stage, number: int, epoch: int) -> None:
        """Note that a trial goes on although a rule would have ended it at an epoch; `flush` writes it."""
        self._set(stage, number, audited_at=epoch)

    def pause(self, stage: Stage, number: int, epoch: int) -> None:
        """Store that a trial is paused after an epoch; called before it is told."""
        self._set(stage, number, paused_at=epoch)
        self.flush()

    def put_code(self, stage: Stage, number: int, code: Mapping[str, Any] | None) -> None:
        """Note which code a trial's last attempt runs, if it has changed."""
        if code != self.record(stage, number).code:
            self._set(stage, number, code=code)

    def add_measurement(self, stage: Stage, number: int, measurement: Measurement, metric: str) -> None:
        """Note the metric after an epoch, NaN for none; `flush` writes it."""
        self._set_value(stage, number, measurement.epoch, measurement.metrics.get(metric, math.nan))

    def _set_value(self, stage: Stage, number: int, epoch: int, value: float) -> None:
        record = self.record(stage, number)
        known = record.values.get(epoch)
        if known is not None and (known == value or (math.isnan(known) and math.isnan(value))):
            return
        self._changes.values[self._mirror.id_of(stage, number), epoch] = value
        self._mirror.change(stage, number, values={**record.values, epoch: value})

    @property
    def pending(self) -> int:
        """How many changes wait for `flush`."""
        return len(self._changes)

    def flush(self) -> None:
        """Write all that was noted, in one transaction if the database has them."""
        if not self._changes:
            return
        changes, self._changes = self._changes, Changes()
        with self._writing():
            self._backend.apply(changes)

    def end_trial(
        self,
        stage: Stage,
        number: int,
        decision: Decision,
        *,
        history: Sequence[Measurement],
        metric: str,
        worker: str | None,
        error: str | None,
    ) -> TrialRecord:
        """Note the end of a trial; `flush` writes it.

        Args:
            stage: Of the trial.
            number: Of the trial.
            decision: Why it ended; a trial without a finite value has diverged.
            history: All of its measurements; those that are not stored yet are stored now.
            metric: The study's.
            worker: The host and process that ran it.
            error: What the objective raised, in a line.

        Returns:
            What has become of the trial.
        """
        values = {m.epoch: m.metrics.get(metric, math.nan) for m in history}
        epochs = max(values, default=0)
        for epoch in self.record(stage, number).values:
            if epoch < epochs:
                values.setdefault(epoch, math.nan)  # measured by an earlier attempt, and not by this one
        for epoch, value in values.items():
            self._set_value(stage, number, epoch, value)
        best = self._direction.best([m.metrics.get(metric, math.nan) for m in history])
        reason = decision.reason or StopReason.FINISHED
        if best is None and reason.state is State.COMPLETE:
            reason = StopReason.DIVERGED
        self._set(
            stage,
            number,
            best_epoch=None if best is None else history[best[0]].epoch,
            epochs=epochs,
            seconds=round(sum(m.seconds for m in history), 3),
            worker=worker,
            error=error,
            why=decision.words,
            stop_reason=reason.value,  # last: a trial that has it has all the others too
        )
        record = final(replace(self.record(stage, number), values=dict(sorted(values.items()))))
        self._tell(record)
        return record

    def _read_study(self) -> None:
        super()._read_study()
        with opening(self.url, self._source.errors), self._reading():
            (found,) = self._storage.get_study_directions(self._ids[Stage.SEARCH])
            self._direction = Direction[found.name]

    def _tell(self, record: TrialRecord) -> None:
        state = TrialState[record.state.value]
        value = None if state is TrialState.FAIL else record.value
        self._changes.ends[self._mirror.id_of(record.stage, record.number)] = state, value
        self._mirror.put(record)

    def _set(self, stage: Stage, number: int, **attributes: Any) -> None:
        record = self.record(stage, number)
        for key, value in attributes.items():
            if value not in (None, "") or getattr(record, key) not in (None, ""):
                self._changes.attributes[self._mirror.id_of(stage, number), key] = value
        if "stop_reason" in attributes:
            attributes["stop_reason"] = StopReason(attributes["stop_reason"])
        self._mirror.change(stage, number, **attributes)

    def _make_studies(self, direction: Direction) -> None:
        self._direction, optuna_direction = direction, StudyDirection[direction.name]
        existing = {study.study_name: study for study in self._storage.get_all_studies()}
        names = {stage: f"{self.name}/{stage}" for stage in Stage}
        halves = {name: self._storage.get_study_id_from_name(name) for name in names.values() if name in existing}
        # A study that a kill has left half-made has no trials. Anything else is somebody's work.
        if any("format" in existing[name].user_attrs or self._storage.get_n_trials(halves[name]) for name in halves):
            raise InputError(f"{redact(self._backend.url)}: has a study {self.name} already; give another --name")
        for study_id in halves.values():
            self._storage.delete_study(study_id)
        for stage, name in names.items():
            self._ids[stage] = self._storage.create_new_study([optuna_direction], name)

    def repair(
        self,
        space_of: Callable[[int], Space],
        draw: Callable[[int], Params],
        seed_of: Callable[[int], int],
    ) -> None:
        """Finish what a killed driver has half written. Only the driver calls this.

        Args:
            space_of: What a trial's params are drawn from.
            draw: Returns the params of a number, for a trial that has none.
            seed_of: Returns the seed of a number, for the same trials.
        """
        self._mirror.load()
        for stage, number in self._mirror.unfinished:
            record = self.record(stage, number)
            if record.stop_reason is not None:
                self._tell(record)
            elif stage is Stage.SEARCH and not (space := space_of(number)).is_complete(record.params):
                self._fill(record, space, draw(number))
                self._set(stage, number, seed=seed_of(number))
        self._mirror.unfinished.clear()
        self.flush()

    def _fill(self, record: TrialRecord, space: Space, params: Params) -> None:
        trial_id = self._mirror.id_of(record.stage, record.number)
        with self._writing():
            for name, distribution in space.optuna_distributions(params).items():
                if name not in record.params:  # Optuna never overwrites one
                    internal = distribution.to_internal_repr(params[name])
                    self._storage.set_trial_param(trial_id, name, internal, distribution)
        self._mirror.change(record.stage, record.number, params={**params, **record.params})

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            if self._lock is not None:
                self._lock.confirm()
            self._backend.check_there()
            yield
        except _REFUSALS as error:
            url = self._backend.url
            raise StudyError(
                f"study {self.name}: its store {redact(url)} can't be written: {cause_of(error, url)}; "
                f"{remedy(error, url) or 'fix that'}, then resume"
            ) from None
