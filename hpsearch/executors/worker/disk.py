"""Who is to blame when a trial breaks off: the trial, or the disk that it writes to."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from hpsearch.errors import DiskFullError, UnwritableError
from hpsearch.system.file_system import is_full, why_unwritable
from hpsearch.system.files import is_disk_full


def held_by(error: BaseException, folder: str) -> UnwritableError | None:
    """Return why a trial is held and not failed; None if the disk has nothing to do with its error.

    Args:
        error: What its objective raised, or what was raised when its results were written.
        folder: Its own.
    """
    code = error.errno if isinstance(error, OSError) else None
    # Libraries say in words of their own that a file took no more.
    if is_disk_full(error) or is_full(_nearest(Path(folder))):
        return DiskFullError(f"{folder}: the disk is full; make room, then resume")
    if code is not None and (why := why_unwritable(Path(folder))):
        return UnwritableError(f"{folder}: can't be written: {why}; fix that, then resume")
    return None


def _nearest(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


class TrialLog(logging.FileHandler):
    """A trial's log; a line that the disk does not take is an error, where other handlers only grumble."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """Raise what kept a line from being written."""
        if isinstance(error := sys.exception(), OSError):
            raise error
        super().handleError(record)
