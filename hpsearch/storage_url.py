"""Storage URLs, and what databases say about them, as people may see them: in a line and without secrets."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

import sqlalchemy as sa
from optuna.exceptions import OptunaError

from hpsearch.errors import InputError

_UNKNOWN = "the storage URL"
_SECRET_WORDS = ("pass", "secret", "token")  # of a driver's options: password, sslpassword, passwd, ...


def redact(url: str) -> str:
    """Return a storage URL without its password, also one that stands among the options."""
    parsed = _parsed(url)
    if parsed is None:
        return _UNKNOWN
    hidden = {key: "***" for key in parsed.query if _is_secret(key)}
    return parsed.update_query_dict(hidden).render_as_string(hide_password=True).replace("%2A", "*")


@contextmanager
def opening(url: str) -> Iterator[None]:
    """Turn whatever keeps a store from being opened into one message.

    Raises:
        InputError: It can't be opened.
    """
    try:
        yield
    except (sa.exc.SQLAlchemyError, OptunaError, sqlite3.Error, ImportError, RuntimeError, ValueError) as error:
        raise InputError(f"{redact(url)}: can't be opened as a store: {cause_of(error, url)}") from None


def cause_of(error: BaseException, url: str) -> str:
    """Return what the database's own driver said, in a line and without secrets."""
    for wrapper in (error, error.__cause__):
        if isinstance(wrapper, sa.exc.DBAPIError):
            return _hide_secrets(str(wrapper.orig), url)
    return _hide_secrets(str(error.__cause__ or error), url)


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


def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in _SECRET_WORDS)


def _parsed(url: str) -> sa.URL | None:
    try:
        parsed = sa.engine.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return None
    # A password with a bare @ or / ends up in part as the host or the port.
    return None if "@" in f"{parsed.host}{parsed.database if parsed.host else ''}" else parsed
