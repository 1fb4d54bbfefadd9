"""The study's database, the only state there is; the only importer of Optuna's storages and studies.

A study is two Optuna studies, `NAME/search` and `NAME/finalists`, that any Optuna tool opens. All reads go through one
mirror that is filled when the store opens and kept by every write: with one writer it can't go stale.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from hpsearch.errors import InputError, StudyError, StudyNotFoundError
from hpsearch.locking import DriverLock
from hpsearch.space import Space
from hpsearch.storage_url import cause_of, opening, redact
from hpsearch.stored_trial import final, finite, record_of
from hpsearch.trial import Direction, Measurement, Stage, State, StopReason, TrialRecord
from hpsearch.trial_dir import write_json

FORMAT = 2  # 1 had no rounds; its studies open as they are
STUDY_FILE = "study.json"
DATABASE = "study.db"
_BUSY_TIMEOUT_S = 30

optuna.logging.set_verbosity(optuna.logging.WARNING)


def default_url(folder: Path) -> str:
    """Return the URL of a study's own SQLite database."""
    return f"sqlite:///{(folder / DATABASE).resolve()}"


class Store:
    """One study in a database. `create` and `open` make it.

    Raises:
        StudyError: From any write that the database refuses (a full disk, a lost server).
    """

    def __init__(self, storage: RDBStorage, name: str) -> None:
        self._storage = storage
        self.name = name
        self._ids: dict[Stage, int] = {}
        self._trial_ids: dict[tuple[Stage, int], int] = {}
        self._records: dict[Stage, dict[int, TrialRecord]] = {stage: {} for stage in Stage}
        self._attributes: dict[str, Any] = {}

    @classmethod
    def create(
        cls, folder: Path, name: str, url: str | None, direction: Direction, attributes: Mapping[str, Any]
    ) -> Store:
        """Make a study in the store; half of one that a kill left behind is made anew.

        Args:
            folder: The study's directory, which is there.
            url: None for SQLite in the folder.
            attributes: JSON values that are there from the start.

        Raises:
            InputError: The database can't be reached, or has a study of that name.
        """
        pointer = {"format": FORMAT, "study": name, "storage": redact(url) if url else None}
        store = cls(_connect(url or default_url(folder), make=True), name)
        with store._or_closed():
            store._make_studies(direction)
            for key, value in attributes.items():
                store.put(key, value)
            write_json(folder / STUDY_FILE, pointer)
            store.put("format", FORMAT)  # last: without it the study does not exist
        return store

    @classmethod
    def open(cls, folder: Path, url: str | None = None) -> Store:
        """Open the study of a directory.

        Raises:
            StudyNotFoundError: There is none.
            InputError: Its database is elsewhere and was not given, or can't be read.
        """
        pointer = read_pointer(folder)
        if pointer["storage"] is not None and url is None:
            raise InputError(
                f"{folder}: the study's store is at {pointer['storage']}; give it with --storage or HPSEARCH_STORAGE"
            )
        local = pointer["storage"] is None
        if local and not (folder / DATABASE).is_file():
            raise StudyNotFoundError(f"{folder}: its store {DATABASE} is missing")
        store = cls(_connect(default_url(folder) if local or url is None else url, make=False), pointer["study"])
        with store._or_closed():
            store.reload()
        return store

    @property
    def is_empty(self) -> bool:
        """Whether no trial was ever begun."""
        return not any(self._records.values())

    def remove(self) -> None:
        """Remove the study from the database, with all that it has."""
        with self._writing():
            for study_id in self._ids.values():
                self._storage.delete_study(study_id)
        self.close()

    def lock(self) -> DriverLock:
        """Return the lock that makes one process this study's driver."""
        return DriverLock(self._storage.engine, self.name)

    def close(self) -> None:
        """Close all connections."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    @contextmanager
    def _or_closed(self) -> Iterator[None]:
        try:
            with opening(self._storage.url):
                yield
        except BaseException:
            self.close()
            raise

    # Reading: all from the mirror.

    def get(self, key: str, default: Any = None) -> Any:
        """Return an attribute of the study."""
        return self._attributes.get(key, default)

    def records(self, stage: Stage) -> list[TrialRecord]:
        """Return the trials of a stage, by number."""
        return [record for _, record in sorted(self._records[stage].items())]

    def record(self, stage: Stage, number: int) -> TrialRecord:
        """Return one trial.

        Raises:
            KeyError: There is none of that number.
        """
        return self._records[stage][number]

    # Writing: the database first, then the mirror.

    def put(self, key: str, value: Any) -> None:
        """Set an attribute of the study to a JSON value."""
        with self._writing():
            self._storage.set_study_user_attr(self._ids[Stage.SEARCH], key, value)
        self._attributes[key] = json.loads(json.dumps(value))

    def create_trial(self, record: TrialRecord, space: Space) -> None:
        """Add a running trial with its params in one transaction.

        Args:
            record: Its number is the next of its stage.

        Raises:
            StudyError: The number is not the next: another writer was here.
        """
        attributes: dict[str, Any] = {"seed": record.seed, "attempt": record.attempt}
        if record.source is not None:
            attributes |= {"source": record.source, "replicate": record.replicate or 0}
        if record.code is not None:
            attributes["code"] = record.code
        template = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=dict(record.params),
            distributions=space.optuna_distributions(record.params),
            user_attrs=attributes,
        )
        with self._writing():
            trial_id = self._storage.create_new_trial(self._ids[record.stage], template)
            number = self._storage.get_trial_number_from_id(trial_id)
        if number != record.number:
            raise StudyError(
                f"study {self.name}: trial {record.number} became {number}; something else writes its store"
            )
        self._trial_ids[record.stage, record.number] = trial_id
        self._records[record.stage][record.number] = record

    def start_attempt(self, stage: Stage, number: int, attempt: int) -> None:
        """Store an attempt's number, before it is sent out."""
        self._set(stage, number, attempt=attempt)

    def put_code(self, stage: Stage, number: int, code: Mapping[str, Any] | None) -> None:
        """Store what code a trial's last attempt runs, if it is another than is stored."""
        if code != self.record(stage, number).code:
            self._set(stage, number, code=code)

    def add_measurement(self, stage: Stage, number: int, measurement: Measurement, metric: str) -> None:
        """Store the metric after an epoch."""
        self._set_value(stage, number, measurement.epoch, finite(measurement.metrics[metric]))

    def _set_value(self, stage: Stage, number: int, epoch: int, value: float) -> None:
        record = self.record(stage, number)
        known = record.values.get(epoch)
        if known is not None and (known == value or (math.isnan(known) and math.isnan(value))):
            return
        with self._writing():
            self._storage.set_trial_intermediate_value(self._trial_ids[stage, number], epoch, value)
        self._records[stage][number] = replace(record, values={**record.values, epoch: value})

    def end_trial(
        self,
        stage: Stage,
        number: int,
        reason: StopReason,
        *,
        history: Sequence[Measurement],
        metric: str,
        direction: Direction,
        worker: str | None,
        error: str | None,
    ) -> TrialRecord:
        """Store the end of a trial: attributes first, then the state that makes it final.

        Args:
            history: All of its measurements; what is not stored yet, is first.
        """
        values = {m.epoch: finite(m.metrics[metric]) for m in history}
        epochs = max(values, default=0)
        for epoch in self.record(stage, number).values:
            if epoch < epochs:
                values.setdefault(epoch, math.nan)  # an earlier attempt's, which this one did not measure: not its own
        for epoch, value in values.items():
            self._set_value(stage, number, epoch, value)
        best = direction.best([m.metrics[metric] for m in history])
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
            stop_reason=reason.value,  # last: a trial that has it has all the others, and `repair` only tells it
        )
        record = final(replace(self.record(stage, number), values=dict(sorted(values.items()))))
        self._tell(record)
        return record

    def _tell(self, record: TrialRecord) -> None:
        state = TrialState[record.state.value]
        values = None if record.value is None or state is TrialState.FAIL else [record.value]
        with self._writing():
            self._storage.set_trial_state_values(self._trial_ids[record.stage, record.number], state, values)
        self._records[record.stage][record.number] = record

    def _set(self, stage: Stage, number: int, **attributes: Any) -> None:
        record = self.record(stage, number)
        with self._writing():
            for key, value in attributes.items():
                if value is not None or getattr(record, key) is not None:
                    self._storage.set_trial_user_attr(self._trial_ids[stage, number], key, value)
        if "stop_reason" in attributes:
            attributes["stop_reason"] = StopReason(attributes["stop_reason"])
        self._records[stage][number] = replace(record, **attributes)

    def _make_studies(self, direction: Direction) -> None:
        optuna_direction = StudyDirection[direction.name]
        existing = {study.study_name: study for study in self._storage.get_all_studies()}
        names = {stage: f"{self.name}/{stage}" for stage in Stage}
        halves = {name: self._storage.get_study_id_from_name(name) for name in names.values() if name in existing}
        # What a kill left half-made has no trials; anything else is somebody's work.
        if any("format" in existing[name].user_attrs or self._storage.get_n_trials(halves[name]) for name in halves):
            raise InputError(f"{redact(self._storage.url)}: has a study {self.name} already; give another --name")
        for study_id in halves.values():
            self._storage.delete_study(study_id)
        for stage, name in names.items():
            self._ids[stage] = self._storage.create_new_study([optuna_direction], name)

    def reload(self) -> None:
        """Fill the mirror anew; what a driver does when it has got the lock, for another may have written until then.

        Raises:
            StudyNotFoundError: The study is not there, or only half-made.
            InputError: It was made by a newer hpsearch.
        """
        with opening(self._storage.url):
            self._load()

    def _load(self) -> None:
        for stage in Stage:
            try:
                self._ids[stage] = self._storage.get_study_id_from_name(f"{self.name}/{stage}")
            except KeyError:
                raise StudyNotFoundError(f"{redact(self._storage.url)}: has no study {self.name}") from None
        self._attributes = self._storage.get_study_user_attrs(self._ids[Stage.SEARCH])
        self._check_format()
        self._trial_ids.clear()
        for stage, study_id in self._ids.items():
            self._records[stage] = {}
            for trial in self._storage.get_all_trials(study_id, deepcopy=False):
                self._trial_ids[stage, trial.number] = trial._trial_id  # noqa: SLF001 - FrozenTrial has no public id
                self._records[stage][trial.number] = record_of(stage, trial)

    def _check_format(self) -> None:
        if "format" not in self._attributes:
            raise StudyNotFoundError(f"study {self.name}: its creation was interrupted; run it again")
        if self._attributes["format"] > FORMAT:
            raise InputError(
                f"study {self.name}: was made by a newer hpsearch (store format {self._attributes['format']}, "
                f"this one knows {FORMAT}); allowed: upgrade hpsearch"
            )

    def repair(
        self,
        space_of: Callable[[int], Space],
        draw: Callable[[int], Mapping[str, Any]],
        seed_of: Callable[[int], int],
    ) -> None:
        """Finish what a killed driver had half written; only the driver calls this.

        Args:
            space_of: What a trial's params are drawn from.
            draw: The sampler: a trial without params is filled with those of its own number.
            seed_of: Gives such a trial the seed of its own number.
        """
        for (stage, number), trial_id in self._trial_ids.items():
            record = self.record(stage, number)
            if self._storage.get_trial(trial_id).state.is_finished():
                continue
            if record.stop_reason is not None:
                self._tell(record)
            elif stage is Stage.SEARCH and not (space := space_of(number)).is_complete(record.params):
                self._fill(record, space, draw(number))
                self._set(stage, number, seed=seed_of(number))

    def _fill(self, record: TrialRecord, space: Space, params: Mapping[str, Any]) -> None:
        trial_id = self._trial_ids[record.stage, record.number]
        with self._writing():
            for name, distribution in space.optuna_distributions(params).items():
                if name not in record.params:  # Optuna never overwrites one
                    internal = distribution.to_internal_repr(params[name])
                    self._storage.set_trial_param(trial_id, name, internal, distribution)
        self._records[record.stage][record.number] = replace(record, params={**params, **record.params})

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.SQLAlchemyError, optuna.exceptions.OptunaError, KeyError) as error:
            # A KeyError, or a trial that is final already: something else writes this store.
            url = self._storage.url
            raise StudyError(
                f"study {self.name}: its store {redact(url)} can't be written: {cause_of(error, url)}; "
                "repair that, then resume"
            ) from None


def read_pointer(folder: Path) -> dict[str, Any]:
    """Return what a study's directory says about where its store is.

    Raises:
        StudyNotFoundError: It is no study's directory.
    """
    try:
        pointer = json.loads((folder / STUDY_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StudyNotFoundError(f"{folder}: no study is there (it has no readable {STUDY_FILE})") from None
    if not isinstance(pointer, dict) or not {"study", "storage"} <= set(pointer):
        raise StudyNotFoundError(f"{folder}: {STUDY_FILE} is not hpsearch's")
    return pointer


def _connect(url: str, *, make: bool) -> RDBStorage:
    with opening(url):
        parsed = sa.engine.make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return RDBStorage(url, engine_kwargs={"pool_pre_ping": True}, skip_table_creation=not make)
        if make and parsed.database:
            # WAL lets `show` read while the driver writes; the mode is kept in the file.
            connection = sqlite3.connect(parsed.database)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.close()
        storage = RDBStorage(
            url, engine_kwargs={"connect_args": {"timeout": _BUSY_TIMEOUT_S}}, skip_table_creation=not make
        )
        storage.remove_session()
        storage.engine.dispose()
        sa.event.listen(storage.engine, "connect", _relax)
        return storage


def _relax(connection: sqlite3.Connection, _: object) -> None:
    # With WAL a kill of the driver loses nothing at NORMAL; a power cut may lose the last commits, which the manifests,
    # synced one by one, give back.
    connection.execute("PRAGMA synchronous=NORMAL")
