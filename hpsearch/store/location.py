"""Where a study's store is: a file in the study's folder, or a database elsewhere, which has a URL."""

from __future__ import annotations

from pathlib import Path

from hpsearch.errors import InputError
from hpsearch.system.file_system import is_network

DATABASE, JOURNAL = "study.db", "journal.log"
FILES = {"sqlite": DATABASE, "journal": JOURNAL}  # by what --storage calls them
JOURNAL_SCHEME = "journal:///"
_SQLITE = ("sqlite", "sqlite+pysqlite")  # the names that SQLAlchemy has for Python's own module


def new_place(folder: Path, storage: str | None) -> tuple[str, str | None]:
    """Return where a new study's store goes.

    Args:
        folder: The study's, which exists.
        storage: What the user asked for: a URL, a key of `FILES`, or None for what suits the folder's file system.

    Returns:
        The store's URL, and the name of its file in the folder; None if the store is elsewhere.

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
    return f"{JOURNAL_SCHEME if file == JOURNAL else 'sqlite:///'}{(folder / file).resolve()}"


def file_of(url: str) -> Path | None:
    """Return the file of an SQLite URL, absolute; None for another database, one in memory, or a URL with options."""
    scheme, _, name = url.partition(":///")
    if scheme not in _SQLITE or not name or "?" in name or name.startswith((":", "file:")):
        return None
    return Path(name).resolve()
