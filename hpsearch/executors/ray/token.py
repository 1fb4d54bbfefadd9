"""The token of a Ray cluster: `ray start` lets a cluster ask for one, and `ray.init` by address does not look for it.

Ray reads the environment once, tries for 20 seconds whatever the reason is, and logs each try. Here one call tells
first whether the cluster lets this process in.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from hpsearch.errors import ResourceError

_MODE, _TOKEN, _PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
_NAMES = (_MODE, _TOKEN, _PATH)
_STDERR = 2


@contextmanager
def own_token(token: str) -> Iterator[None]:
    """Start a Ray of one's own with a token, if the user gives none. It does not outlive the block.

    With one, Ray does not write a token into the user's home.
    """
    before = {name: os.environ.get(name) for name in _NAMES}
    if before[_TOKEN] is None:
        os.environ[_TOKEN] = token
        _read_again()
    try:
        yield
    finally:
        _put_back(before)


@contextmanager
def kept() -> Iterator[None]:
    """Put Ray's variables back at the exit, as `enter` may set them."""
    before = {name: os.environ.get(name) for name in _NAMES}
    try:
        yield
    finally:
        _put_back(before)


def enter(address: str) -> None:
    """Have Ray use its token if the cluster asks for one.

    Args:
        address: HOST:PORT, where something listens.

    Raises:
        ResourceError: The cluster asks for a token that is not here.
        ConnectionError: What listens there is no Ray.
    """
    _read_again()
    if os.environ.get(_MODE, "").lower() == "token" and not _has_token():
        raise _refused(address)  # to ask without one would end this process
    if _lets_in(address):
        return
    if os.environ.get(_MODE) is None and _has_token():
        os.environ[_MODE] = "token"
        _read_again()
        if _lets_in(address):
            return
    raise _refused(address)


def _lets_in(address: str) -> bool:
    """Return whether a cluster answers; true if this version of Ray can't tell."""
    try:
        client = importlib.import_module("ray._raylet").GcsClient
        errors = importlib.import_module("ray.exceptions")
        refused, failed = errors.AuthenticationError, errors.RpcError
    except (ImportError, AttributeError):
        return True
    try:
        with _silent():
            client(address=address)
    except refused:
        return False
    except failed as error:
        raise ConnectionError(str(error)) from None
    return True


def _refused(address: str) -> ResourceError:
    given = next((name for name in (_TOKEN, _PATH) if os.environ.get(name)), "~/.ray/auth_token")
    mode = os.environ.get(_MODE)
    if mode is not None and mode.lower() != "token":
        found, allowed = f"and {_MODE} is {mode}", f"{_MODE}=token"
    elif not _has_token():
        found, allowed = "and none is here", f"its token in {_TOKEN}, or in ~/.ray/auth_token as on its head"
    else:
        found, allowed = f"and {given} has another one", "the one that its head was started with"
    return ResourceError(f"--ray-address: the Ray cluster at {address} asks for a token, {found}; allowed: {allowed}")


def _loader() -> Any:
    return importlib.import_module("ray._raylet").AuthenticationTokenLoader.instance()


def _has_token() -> bool:
    try:
        return bool(_loader().has_token(ignore_auth_mode=True))
    except (ImportError, AttributeError, TypeError):
        return True


def _read_again() -> None:
    """Let Ray take in the variables as they are now: it keeps what it has read."""
    with suppress(ImportError, AttributeError, TypeError):
        importlib.import_module("ray._raylet").Config.initialize("")
        _loader().reset_cache()


def _put_back(before: Mapping[str, str | None]) -> None:
    if {name: os.environ.get(name) for name in before} == before:
        return
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _read_again()


@contextmanager
def _silent() -> Iterator[None]:
    """Drop what Ray's own code writes on standard error, which no setting of its logs reaches."""
    before, nowhere = os.dup(_STDERR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(before, _STDERR)
        os.close(before)
