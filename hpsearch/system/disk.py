"""Whether a disk takes more: what counts as full, by an error or by the disk itself."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

_FULL_BYTES = 64 * 1024  # less is too little for a checkpoint, or for a page of a database and its log


def says_full(error: object) -> bool:
    """Return whether an error says that a file system, or its quota, has no more room."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_full(folder: Path) -> bool:
    """Return whether the disk of a folder has no room for another file: too few bytes, or no free inode.

    Args:
        folder: The folder; if it is not there, the nearest one above it counts.
    """
    try:
        found = os.statvfs(_nearest(folder))
    except OSError:
        return False
    blocks = found.f_bfree if os.geteuid() == 0 else found.f_bavail
    return blocks * found.f_frsize < _FULL_BYTES or (found.f_files > 0 and found.f_favail == 0)


def why_unwritable(folder: Path) -> str:
    """Return why nothing can be written in a folder, or in the nearest one above it that is there; empty if it can."""
    if is_full(folder):
        return "the disk is full"
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _nearest(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
