"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name whole, or not at all.

    Args:
        path: The file; its folder exists.
        durable: Whether a power cut from now on leaves this one; else it may leave the one before, whole as well.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object, *, durable: bool = True) -> None:
    """Write a JSON file, whole or not at all."""
    with atomic_write(path, durable=durable) as file:
        file.write((json.dumps(value, allow_nan=False) + "\n").encode())


def is_disk_full(error: object) -> bool:
    """Return whether an error says that a file system, or its quota, has no more room."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
