"""Files of users, read with one message on what is wrong; and files that appear whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hpsearch.errors import InputError
from hpsearch.text import reason_of

STDOUT = Path("-")
"""What a command line names standard output."""

_MOST_BYTES = 4 << 20  # of a file that people write


def read_text(path: Path, *, allowed: str = "") -> str:
    """Return the text of a file that a user gave, without a byte order mark.

    Args:
        allowed: What else the user could give, for the message on a file that can't be read.

    Raises:
        InputError: It can't be read, is not UTF-8, or is too large.
    """
    try:
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise InputError(f"{path}: has {size} bytes; allowed: at most {_MOST_BYTES}")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file: byte {error.start} is not UTF-8; allowed: text in UTF-8") from None
    except (OSError, ValueError) as error:  # a null character in the name is a ValueError
        hint = f"; allowed: {allowed}" if allowed else ""
        raise InputError(f"{path}: can't be read: {reason_of(error)}{hint}") from None


def unwritable(path: Path, error: OSError, *, allowed: str = "") -> InputError:
    """Return the error of a file that a command was to write, and can't.

    Args:
        allowed: What the user could give instead.
    """
    hint = f"; allowed: {allowed}" if allowed else ""
    return InputError(f"{path}: can't be written: {reason_of(error)}{hint}")


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a file that appears whole under its name, or not at all.

    Args:
        path: The file; its folder exists.
        durable: Whether this file outlives a power cut. Else the one before may come back, or this one may be damaged.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        sync(path.parent)


def sync(path: Path) -> None:
    """Make a file durable, or the renames in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object, *, durable: bool = True) -> None:
    """Write a JSON file, whole or not at all."""
    with atomic_write(path, durable=durable) as file:
        file.write((json.dumps(value, allow_nan=False) + "\n").encode())
