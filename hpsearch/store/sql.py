"""Writes the same rows as Optuna's `RDBStorage`, many of them in one transaction.

Optuna's public interface makes a transaction with several queries for each value and each attribute: 20 transactions
for a trial of five epochs. To number a trial, it counts all earlier ones. Here a trial costs two transactions. The rows
are the same, for the schema versions that `rows` names. A database of any other version is written in Optuna's own way.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from optuna.distributions import distribution_to_json
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.storages._rdb import models  # the tables have no public name
from optuna.trial import FrozenTrial, TrialState

from hpsearch.store import rows
from hpsearch.store.backend import Backend, Changes
from hpsearch.store.location import file_of
from hpsearch.store.lock import DatabaseLock
from hpsearch.store.records import StoredTrial
from hpsearch.store.sqlite import QUICK_CHECK, SameFile, damage_of

_DIALECTS = ("sqlite", "postgresql")
_Result = TypeVar("_Result")

_TRIALS = models.TrialModel.__table__
_PARAMS = models.TrialParamModel.__table__
_ATTRIBUTES = models.TrialUserAttributeModel.__table__
_STEPS = models.TrialIntermediateValueModel.__table__
_VALUES = models.TrialValueModel.__table__
_IN_UTC = hasattr(models.TrialModel, "_datetime_start_utc")  # Optuna 4 stored local time


def backend_of(storage: RDBStorage) -> Backend:
    """Return the fastest backend that can write a database."""
    if storage.engine.dialect.name in _DIALECTS and is_known(storage.engine):
        return SqlBackend(storage)
    return DatabaseBackend(storage)


def is_known(engine: sa.Engine) -> bool:
    """Return whether a database has tables as they are written here; Optuna's own check takes ten times as long."""
    with engine.connect() as connection:
        return rows.is_known(_executing(connection))


class DatabaseBackend(Backend):
    """A database that is written in Optuna's own way.

    Args:
        storage: Optuna's.
    """

    def __init__(self, storage: RDBStorage) -> None:
        super().__init__(storage, storage.url)
        self._engine = storage.engine
        self._file = SameFile(file_of(storage.url))

    def lock(self, study: str) -> DatabaseLock:
        """Return the lock that makes one process the driver of a study."""
        return DatabaseLock(self._engine, study)

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self._engine.dispose()

    def check_there(self) -> None:
        """Check that a file is still the one that was opened."""
        self._file.check()

    def damage(self) -> str:
        """Return what is wrong with the pages of an SQLite file."""
        if self._engine.dialect.name != "sqlite":
            return ""
        with self._engine.connect() as connection:
            return damage_of(str(connection.exec_driver_sql(QUICK_CHECK).scalar()))

    def settle(self) -> None:
        """Write the log of a new SQLite file into the file itself, which is then whole without the log."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


class SqlBackend(DatabaseBackend):
    """A database that is written with few statements.

    Args:
        storage: Optuna's; its own queries still work beside this.
    """

    def __init__(self, storage: RDBStorage) -> None:
        super().__init__(storage)
        insert = importlib.import_module(f"sqlalchemy.dialects.{storage.engine.dialect.name}").insert
        self._put_attribute = _upsert(insert, _ATTRIBUTES, ("trial_id", "key"))
        self._put_step = _upsert(insert, _STEPS, ("trial_id", "step"))
        self._put_value = _upsert(insert, _VALUES, ("trial_id", "objective"))
        self._last_number = (
            sa.select(_TRIALS.c.number)
            .where(_TRIALS.c.study_id == sa.bindparam("study"))
            .order_by(_TRIALS.c.trial_id.desc())
            .limit(1)
        )
        self._end = (
            sa.update(_TRIALS)
            .where(_TRIALS.c.trial_id == sa.bindparam("id"), _TRIALS.c.state == TrialState.RUNNING)
            .values(state=sa.bindparam("ended"), datetime_complete=sa.bindparam("at"))
        )

    def create_trial(self, study_id: int, number: int, template: FrozenTrial) -> tuple[int, int]:
        """Create a trial in one transaction; nothing is written if its number is taken."""

        def write(connection: sa.Connection) -> tuple[int, int]:
            last = connection.scalar(self._last_number, {"study": study_id})
            following = 0 if last is None else last + 1
            if following != number:
                return -1, following
            row = {"study_id": study_id, "number": number, "state": template.state, "datetime_start": _now()}
            created = connection.execute(sa.insert(_TRIALS).returning(_TRIALS.c.trial_id), row)
            trial_id: int = created.scalar_one()
            _execute(connection, sa.insert(_PARAMS), _param_rows(trial_id, template))
            attributes = (
                {"trial_id": trial_id, "key": name, "value_json": json.dumps(value)}
                for name, value in template.user_attrs.items()
            )
            _execute(connection, sa.insert(_ATTRIBUTES), attributes)
            return trial_id, number

        return self._in_transaction(write)

    def apply(self, changes: Changes) -> None:
        """Write changes in one transaction.

        Raises:
            UpdateFinishedTrialError: A trial that is to end has ended already: another writer was here.
        """
        self._in_transaction(lambda connection: self._write(connection, changes))

    def _in_transaction(self, write: Callable[[sa.Connection], _Result]) -> _Result:
        """Write and commit. Do it once more if the server has cut the connection before the commit."""
        with self._engine.connect() as connection:
            try:
                result = write(connection)
            except sa.exc.DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            else:
                connection.commit()
                return result
        with self._engine.begin() as connection:
            return write(connection)

    def _write(self, connection: sa.Connection, changes: Changes) -> None:
        to_step = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr
        steps = (
            {"trial_id": trial_id, "step": step, "intermediate_value": stored, "intermediate_value_type": kind}
            for (trial_id, step), (stored, kind) in ((key, to_step(value)) for key, value in changes.values.items())
        )
        attributes = (
            {"trial_id": trial_id, "key": name, "value_json": json.dumps(value)}
            for (trial_id, name), value in changes.attributes.items()
        )
        to_value = models.TrialValueModel.value_to_stored_repr
        values = (
            {"trial_id": trial_id, "objective": 0, "value": stored, "value_type": kind}
            for trial_id, (stored, kind) in (
                (trial_id, to_value(value)) for trial_id, (_, value) in changes.ends.items() if value is not None
            )
        )
        _execute(connection, self._put_step, steps)
        _execute(connection, self._put_attribute, attributes)
        _execute(connection, self._put_value, values)
        for trial_id, (state, _) in changes.ends.items():
            if not connection.execute(self._end, {"id": trial_id, "ended": state, "at": _now()}).rowcount:
                msg = f"the trial with id {trial_id} is not there, or has ended: something else writes this store"
                raise UpdateFinishedTrialError(msg)

    def trials(self, study: int) -> list[StoredTrial]:
        """Return a study's trials by number, with one query for each table."""
        with self._engine.connect() as connection:
            return rows.trials(_executing(connection), study)


def _executing(connection: sa.Connection) -> rows.Execute:
    return lambda query, parameters: connection.execute(sa.text(query), parameters)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) if _IN_UTC else datetime.now()  # noqa: DTZ005 - as Optuna stores it


def _upsert(insert: Any, table: Any, keys: tuple[str, ...]) -> Any:
    statement = insert(table)
    names = [c.name for c in table.columns if c.name not in keys and not c.primary_key]
    return statement.on_conflict_do_update(
        index_elements=list(keys), set_={name: statement.excluded[name] for name in names}
    )


def _execute(connection: sa.Connection, statement: Any, rows: Iterable[dict[str, Any]]) -> None:
    if parameters := list(rows):
        connection.execute(statement, parameters)


def _param_rows(trial_id: int, template: FrozenTrial) -> Iterator[dict[str, Any]]:
    for name, value in template.params.items():
        distribution = template.distributions[name]
        yield {
            "trial_id": trial_id,
            "param_name": name,
            "param_value": distribution.to_internal_repr(value),
            "distribution_json": distribution_to_json(distribution),
        }
