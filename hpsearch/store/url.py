"""Messages about storage URLs and from databases: one line each, without secrets."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from hpsearch.errors import InputError
from hpsearch.system.disk import is_full, says_full

if TYPE_CHECKING:
    import sqlalchemy as sa

_UNKNOWN = "the storage URL"
FIX = "fix it (sqlite3 has .recover) or put back a copy of it"
_MAKE_ROOM = "make room on the disk"
_PRIMARY_CODE = 0xFF  # of an SQLite error code; the other bits give details
_SECRET_WORDS = ("pass", "secret", "token")  # of a driver's options: password, sslpassword, passwd, ...
_PACKAGES = {"psycopg": '"hpsearch[postgresql]"', "psycopg2": "psycopg2-binary", "mysqldb": "mysqlclient"}  # by driver


def redact(url: str) -> str:
    """Return a storage URL without its password, wherever in the URL that stands."""
    parsed = _parsed(url)
    if parsed is None:
        return _UNKNOWN
    hidden = {key: "***" for key in parsed.query if _is_secret(key)}
    return parsed.update_query_dict(hidden).render_as_string(hide_password=True).replace("%2A", "*")


@contextmanager
def opening(url: str, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn any error of opening a store into one message.

    Args:
        url: Of the store.
        errors: What the libraries behind it raise.

    Raises:
        InputError: It can't be opened.
    """
    expected: tuple[type[Exception], ...] = (*errors, OSError, ImportError, RuntimeError, ValueError)
    try:
        yield
    except expected as error:
        hint = f"; {todo}" if (todo := remedy(error, url)) else ""
        raise InputError(f"{redact(url)}: can't be opened as a store: {cause_of(error, url)}{hint}") from None


def cause_of(error: BaseException, url: str) -> str:
    """Return what the database's own driver said, in one line without secrets."""
    for wrapper in (error, error.__cause__):
        if original := _original(wrapper):
            return _hide_secrets(str(original), url)
    line = _hide_secrets(str(error.__cause__ or error), url)
    return f"{line}; allowed: after pip install {_package(url)}" if isinstance(error, ImportError) else line


def remedy(error: BaseException, url: str) -> str:
    """Return what a user can do about a store's error; empty if that is unknown."""
    cause = _original(error) or error.__cause__
    for one in (error, cause, _original(cause)):
        if says_full(one):
            return _MAKE_ROOM
        if isinstance(one, sqlite3.Error):
            return _remedy_of(getattr(one, "sqlite_errorcode", 0) & _PRIMARY_CODE, url)
    return ""


def _original(error: BaseException | None) -> BaseException | None:
    """Return what a database's driver raised, out of SQLAlchemy's wrapper; None for any other error."""
    original = getattr(error, "orig", None)
    return original if isinstance(original, BaseException) else None


def _remedy_of(code: int, url: str) -> str:
    parsed = _parsed(url)
    folder = Path(parsed.database).parent if parsed is not None and parsed.database else Path()
    blocked = code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and is_full(folder)
    if code == sqlite3.SQLITE_FULL or blocked:
        return _MAKE_ROOM
    if code == sqlite3.SQLITE_BUSY:
        return "end the process that holds it"
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return FIX
    return ""


def _hide_secrets(text: str, url: str) -> str:
    parsed = _parsed(url)
    if parsed is None:
        return "it is not a URL such as postgresql://user:password@host/name, with special characters percent-encoded"
    secrets = [str(parsed.password)] if parsed.password else []
    secrets += [str(value) for key, value in parsed.query.items() if _is_secret(key)]
    line = text.strip().partition("\n")[0]
    for secret in secrets:
        for form in (secret, quote(secret, safe=""), quote_plus(secret)):
            line = line.replace(form, "***")
    return line


def _package(url: str) -> str:
    import sqlalchemy as sa

    driver = sa.engine.make_url(url).get_driver_name()
    return _PACKAGES.get(driver, driver)


def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in _SECRET_WORDS)


def _parsed(url: str) -> sa.URL | None:
    import sqlalchemy as sa  # heavy; needed for a message only

    try:
        url.encode()
        parsed = sa.engine.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return None
    # Part of a password with a bare @ or / is taken for the host or the port, or with a slash too many for the path.
    database = parsed.database or ""
    misread = "@" in f"{parsed.host}{database if parsed.host else ''}" or ":" in database.rpartition("@")[0]
    return None if misread else parsed
