"""SQLite files as stores: opened without making one, read where nothing can be written, and waited for with a word."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import sqlalchemy as sa
from optuna.exceptions import StorageInternalError

from hpsearch.system.file_system import is_full

BUSY_S = 30.0  # so long a file is waited for that another process holds
_TELL_S = 3.0  # after so long it is said
_PRIMARY_CODE = 0xFF  # the rest of a code says more exactly what happened

_logger = logging.getLogger(__name__)


def file_of(url: str | sa.URL) -> Path | None:
    """Return the file of an SQLite URL, absolute; None for another database, one in memory, or a URL with options."""
    parsed = sa.engine.make_url(url)
    name = parsed.database
    if parsed.get_backend_name() != "sqlite" or parsed.query or not name or name.startswith((":", "file:")):
        return None
    return Path(name).resolve()


def opener(path: Path, *, make: bool = False) -> Callable[[], sqlite3.Connection]:
    """Return what opens a file that is there; where it can't be written, to read it.

    Args:
        make: Whether it is to be written first of all.
    """

    def connect() -> sqlite3.Connection:
        if make or (os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)):
            connection = _open(path, "mode=rw")
            if make or not is_full(path.parent) or _is_readable(connection):
                return connection
            connection.close()
        log = path.with_name(f"{path.name}-wal")
        # Without a log, readers need no memory that they share, which could not be made here.
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


def check_tables(url: sa.URL) -> None:
    """Refuse a file that holds nothing of Optuna's.

    Raises:
        StorageInternalError: It is empty, or another program's.
    """
    path = file_of(url)
    if path is None:
        return
    with closing(opener(path)()) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    if not tables:
        raise StorageInternalError("it is empty; put back a copy of it")
    if "version_info" not in tables:
        raise StorageInternalError("it has no table of Optuna's")


class _PatientCursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        _patiently(self.connection, super().execute, (sql, parameters))
        return self

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        _patiently(self.connection, super().executemany, (sql, parameters))
        return self


class _PatientConnection(sqlite3.Connection):
    """Waits for a file that another process holds, and says so."""

    def cursor(self, *_: Any) -> sqlite3.Cursor:  # type: ignore[override]  # SQLAlchemy gives no class of its own
        return super().cursor(_PatientCursor)

    def commit(self) -> None:
        _patiently(self, super().commit, ())


def _patiently(connection: sqlite3.Connection, step: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Do a step again while another process holds the file; each try waits for `_TELL_S`."""
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
    """Tells whether a file is still the one that was opened: SQLite goes on writing one that was deleted.

    Args:
        path: Of a file that is there; None for a database that is no file of its own.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found = None if path is None else _identity(path)

    def check(self) -> None:
        """Check it.

        Raises:
            StorageInternalError: It was deleted or replaced.
        """
        if self._path is not None and _identity(self._path) != self._found:
            raise StorageInternalError("it was deleted or replaced while the study ran")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def damage(engine: sa.Engine) -> str:
    """Return what is wrong with a file's pages; empty if nothing is, or if the database is no file of SQLite."""
    if engine.dialect.name != "sqlite":
        return ""
    with engine.connect() as connection:
        found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    return "" if found == "ok" else found.strip().splitlines()[-1]


def into_one_file(engine: sa.Engine) -> None:
    """Write what is in the log of a new file into the file itself, so that it is a study without it."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
