"""Where a study's store is, and how it is opened.

Without a URL it is a file in the study's folder: SQLite, or on a network file system a journal.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.storages import RDBStorage

from hpsearch.errors import InputError
from hpsearch.file_system import is_network
from hpsearch.storage_url import opening
from hpsearch.store_backend import Backend
from hpsearch.store_journal import SCHEME, JournalBackend
from hpsearch.store_sql import backend_of, is_known

DATABASE, JOURNAL = "study.db", "journal.log"
FILES = {"sqlite": DATABASE, "journal": JOURNAL}  # by what --storage calls them
_BUSY_TIMEOUT_S = 30

optuna.logging.set_verbosity(optuna.logging.WARNING)


def new_place(folder: Path, storage: str | None) -> tuple[str, str | None]:
    """Return where a new study's store is to be.

    Args:
        folder: The study's, which is there.
        storage: What was asked for: a URL, a key of `FILES`, or None for what is right where the folder lies.

    Returns:
        Its URL, and the name of its file in the folder; None if it is elsewhere.

    Raises:
        InputError: It is the URL of a journal.
    """
    if storage is None:
        storage = "journal" if is_network(folder) else "sqlite"
    if storage.startswith("journal:"):
        raise InputError(f"--storage {storage}: a journal lies in its study's folder; allowed: journal")
    file = FILES.get(storage)
    return (storage, None) if file is None else (url_of(folder, file), file)


def url_of(folder: Path, file: str) -> str:
    """Return the URL of a store that is a file in a study's folder."""
    return f"{SCHEME if file == JOURNAL else 'sqlite:///'}{(folder / file).resolve()}"


def connect(url: str, *, make: bool) -> Backend:
    """Open a store.

    Args:
        url: Any that SQLAlchemy takes, or one of `url_of`.
        make: Whether to make the file or Optuna's tables, where they are not there.

    Raises:
        InputError: It can't be opened.
    """
    with opening(url):
        if url.startswith(SCHEME):
            return JournalBackend(Path(url.removeprefix(SCHEME)), make=make)
        return backend_of(_storage(url, make=make))


def _storage(url: str, *, make: bool) -> RDBStorage:
    sqlite = sa.engine.make_url(url).get_backend_name() == "sqlite"
    options: dict[str, Any] = {"connect_args": {"timeout": _BUSY_TIMEOUT_S}} if sqlite else {"pool_pre_ping": True}
    if not make:
        storage = RDBStorage(url, engine_kwargs=options, skip_table_creation=True, skip_compatibility_check=True)
        if not is_known(storage.engine):
            storage.engine.dispose()
            storage = RDBStorage(url, engine_kwargs=options, skip_table_creation=True)
    else:
        if sqlite:
            _make_file(url)
        storage = RDBStorage(url, engine_kwargs=options)
    if sqlite:
        storage.remove_session()
        storage.engine.dispose()
        sa.event.listen(storage.engine, "connect", _relax)
    return storage


def _make_file(url: str) -> None:
    # WAL lets `show` read while the driver writes; the mode is kept in the file.
    path = sa.engine.make_url(url).database
    if path:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


def _relax(connection: sqlite3.Connection, _: object) -> None:
    # With WAL a kill of the driver loses nothing at NORMAL; a power cut may lose the last commits, which the manifests,
    # synced one by one, give back.
    connection.execute("PRAGMA synchronous=NORMAL")
