"""How a store is opened for writing.

If a database server goes away for a moment, the driver waits for it.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.storages import RDBStorage

from hpsearch.store.backend import Backend
from hpsearch.store.journal import JournalBackend
from hpsearch.store.location import JOURNAL_SCHEME, file_of
from hpsearch.store.sql import backend_of, is_known
from hpsearch.store.sqlite import BUSY_S, check_tables, opener
from hpsearch.store.url import opening

_OUTAGE_S = 30.0  # longer than a server's restart, shorter than the driver's lock lasts
_PAUSE_S = 0.5
_RACES = 4  # in three steps another process may be first: Optuna's tables, their version, their revision
CLOCK, SLEEP = time.monotonic, time.sleep
# How long PostgreSQL's client waits for a silent server: the first in seconds, the second in milliseconds.
_SILENCE = {"connect_timeout": 10, "tcp_user_timeout": 30_000}

_logger = logging.getLogger(__name__)

optuna.logging.set_verbosity(optuna.logging.WARNING)
# It would print a traceback if a signal ends the command while a connection is being closed.
logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)


def connect(url: str, *, make: bool) -> Backend:
    """Open a store.

    Args:
        url: Any that SQLAlchemy takes, or one of `location.url_of`.
        make: Whether to make the file or Optuna's tables, if they are missing.

    Raises:
        InputError: It can't be opened.
    """
    with opening(url, Backend.errors):
        if url.startswith(JOURNAL_SCHEME):
            return JournalBackend(Path(url.removeprefix(JOURNAL_SCHEME)), make=make)
        return backend_of(_storage(url, make=make))


def _storage(url: str, *, make: bool) -> RDBStorage:
    parsed = sa.engine.make_url(url)
    sqlite, file = parsed.get_backend_name() == "sqlite", file_of(url)
    new = make and sqlite
    if new:
        parsed.get_dialect()().create_connect_args(parsed)  # raises, before a file is made, if there is no such URL
        _make_file(url)
    options = _options(parsed, file, make=make)
    if make and not sqlite:
        _make_tables(url, options)
    if file is not None and not new:
        check_tables(file)
    storage = RDBStorage(url, engine_kwargs=options, skip_table_creation=not new, skip_compatibility_check=True)
    if not is_known(storage.engine):
        storage.engine.dispose()
        storage = RDBStorage(url, engine_kwargs=options, skip_table_creation=True)
    if sqlite:
        storage.remove_session()
        storage.engine.dispose()
        sa.event.listen(storage.engine, "connect", _relax)
    else:
        sa.event.listen(storage.engine, "do_connect", Outage().connect)
    return storage


def _make_tables(url: str, options: dict[str, Any]) -> None:
    """Make Optuna's tables if they are missing; another process may be making them at the same moment."""
    for left in reversed(range(_RACES)):
        try:
            RDBStorage(url, engine_kwargs=options | {"poolclass": sa.NullPool})
        except (sa.exc.IntegrityError, sa.exc.ProgrammingError):
            if not left:
                raise
        else:
            return


def _options(url: sa.URL, file: Path | None, *, make: bool) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_S}} if file is None else {"creator": opener(file, make=make)}
    limits = _SILENCE if url.get_driver_name() in {"psycopg", "psycopg2"} else {}
    return {"pool_pre_ping": True, "connect_args": {k: v for k, v in limits.items() if k not in url.query}}


class Outage:
    """Waits for a server that takes no connections, for at most 30 s."""

    def __init__(self) -> None:
        self._since: float | None = None

    def connect(
        self, dialect: sa.Dialect, _: object, arguments: list[Any], options: dict[str, Any]
    ) -> sa.engine.interfaces.DBAPIConnection:
        """Return a new connection; handles SQLAlchemy's event `do_connect`."""
        while True:
            try:
                connection = dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError:
                now = CLOCK()
                if self._since is None:
                    self._since = now
                    _logger.warning("the study's database takes no connections; waiting %g s for it", _OUTAGE_S)
                if now - self._since > _OUTAGE_S:
                    raise
                SLEEP(_PAUSE_S)
            else:
                self._since = None
                return connection


def _make_file(url: str) -> None:
    # WAL lets `show` read while the driver writes. The file remembers the mode.
    path = sa.engine.make_url(url).database
    if path:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


def _relax(connection: sqlite3.Connection, _: object) -> None:
    # With WAL and NORMAL a killed driver loses nothing. A power cut may lose the last commits, but the manifests have
    # what they held.
    connection.execute("PRAGMA synchronous=NORMAL")
