"""SQLite files as stores, by Python's own module.

A file that is not there is not made, one that can't be written is read, and one that is held is waited for with a word.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import quote

from hpsearch.store import rows
from hpsearch.store.records import StoredTrial
from hpsearch.store.source import Source
from hpsearch.system.disk import is_full

BUSY_S = 30.0  # wait this long for a file that another process holds
_TELL_S = 3.0  # warn after this wait
_PRIMARY_CODE = 0xFF  # of an error code; the other bits give details

_logger = logging.getLogger(__name__)


class SqliteSource(Source):
    """A file with Optuna's tables, read without Optuna.

    Each reading opens the file and closes it again.

    Args:
        path: The file.
        url: Where it is.

    Raises:
        sqlite3.Error: It can't be opened, or has none of Optuna's tables.
    """

    errors: ClassVar[tuple[type[Exception], ...]] = (sqlite3.Error,)

    def __init__(self, path: Path, url: str) -> None:
        self.url = url
        self._connect = opener(path)
        check_tables(path)

    @property
    def is_known(self) -> bool:
        """Whether the tables are of a version that can be read here."""
        with self._reading() as execute:
            return rows.is_known(execute)

    def study_id(self, name: str) -> int:
        """Return the id of one of Optuna's studies."""
        with self._reading() as execute:
            return rows.study_id(execute, name)

    def study_attributes(self, study: int) -> dict[str, Any]:
        """Return the attributes of one of Optuna's studies."""
        with self._reading() as execute:
            return rows.study_attributes(execute, study)

    def trials(self, study: int) -> list[StoredTrial]:
        """Return the trials of one of Optuna's studies as they were at one moment; ended ones without their values."""
        with self._reading() as execute:
            return rows.trials_with_late_curves(execute, study)

    def curves(self, study: int) -> dict[int, dict[int, float]]:
        """Return the values of all trials by step, by their ids; those of ended trials don't change any more."""
        with self._reading() as execute:
            return rows.steps(execute, study)

    def damage(self) -> str:
        """Return what is wrong with the file's pages."""
        with self._reading() as execute:
            return damage_of(str(next(iter(execute(QUICK_CHECK, {})))[0]))

    def close(self) -> None:
        """Do nothing: no connection stays open."""

    @contextmanager
    def _reading(self) -> Iterator[rows.Execute]:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN")  # a driver may be writing between two queries
            yield connection.execute


QUICK_CHECK = "PRAGMA quick_check(1)"


def damage_of(found: str) -> str:
    """Return what is wrong with a file by the answer to `QUICK_CHECK`; empty if nothing is."""
    return "" if found == "ok" else found.strip().splitlines()[-1]


def opener(path: Path, *, make: bool = False) -> Callable[[], sqlite3.Connection]:
    """Return a function that opens a file that is there: for writing, or for reading where it can't be written.

    Args:
        make: Whether the file is new, and has to be written.
    """

    def connect() -> sqlite3.Connection:
        if make or (os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)):
            connection = _open(path, "mode=rw")
            if make or not is_full(path.parent) or _is_readable(connection):
                return connection
            connection.close()
        log = path.with_name(f"{path.name}-wal")
        # A file with a log needs a shared-memory file beside it. Without a log it doesn't, and none could be made here.
        return _open(path, "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1")

    return connect


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?{mode}",
        uri=True,
        timeout=_TELL_S,
        check_same_thread=False,  # SQLAlchemy's pool hands a connection to one thread at a time
        factory=_PatientConnection,
    )


def _is_readable(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.OperationalError:
        return False
    return True


def check_tables(path: Path) -> None:
    """Refuse a file that has none of Optuna's tables.

    Raises:
        sqlite3.Error: It is empty, is another program's, or can't be read.
    """
    with closing(opener(path)()) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    if not tables:
        raise sqlite3.DatabaseError("it is empty; put back a copy of it")
    if "version_info" not in tables:
        raise sqlite3.DatabaseError("it has no table of Optuna's")


class _PatientCursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        _patiently(self.connection, super().execute, (sql, parameters))
        return self

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        _patiently(self.connection, super().executemany, (sql, parameters))
        return self


class _PatientConnection(sqlite3.Connection):
    """Waits for a file that another process holds, and warns of it."""

    def cursor(self, *_: Any) -> sqlite3.Cursor:  # type: ignore[override]  # nobody here asks for another class
        return super().cursor(_PatientCursor)

    def commit(self) -> None:
        _patiently(self, super().commit, ())


def _patiently(connection: sqlite3.Connection, step: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Repeat a step while another process holds the file; each try waits for `_TELL_S`."""
    end, before, told = time.monotonic() + BUSY_S, connection.total_changes, False
    while True:
        try:
            step(*arguments)
        except sqlite3.OperationalError as error:
            code = error.sqlite_errorcode
            busy = code & _PRIMARY_CODE == sqlite3.SQLITE_BUSY and code != sqlite3.SQLITE_BUSY_SNAPSHOT
            held = busy and connection.total_changes == before
            if not held or time.monotonic() >= end:
                raise
            if not told:
                _logger.warning("%s; waiting for it, %.0f s at most", _held(connection), BUSY_S)
                told = True
        else:
            return


def _held(connection: sqlite3.Connection) -> str:
    _, _, file = connection.execute("PRAGMA database_list").fetchone()
    return f"{file}: another process holds it"


class SameFile:
    """Checks that a file is still the one that was opened, for SQLite goes on writing a deleted one.

    Args:
        path: The file, which exists; None for a database that is not one file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found = None if path is None else _identity(path)

    def check(self) -> None:
        """Check it.

        Raises:
            sqlite3.Error: It was deleted or replaced.
        """
        if self._path is not None and _identity(self._path) != self._found:
            raise sqlite3.OperationalError("it was deleted or replaced while the study ran")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
