"""Whether a trial that broke off has failed, or its disk has: then it is held, to be resumed."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from hpsearch.errors import DiskFullError, UnwritableError
from hpsearch.system.disk import is_full, says_full, why_unwritable


def held_by(error: BaseException, folder: str) -> UnwritableError | None:
    """Return why a trial is held instead of failed; None if the disk is not to blame.

    Args:
        error: What its objective raised, or what the writing of its results raised.
        folder: The trial's own folder.
    """
    code = error.errno if isinstance(error, OSError) else None
    # Libraries say in their own words that a file took no more.
    if says_full(error) or is_full(Path(folder)):
        return DiskFullError(f"{folder}: the disk is full; make room, then resume")
    if code is not None and (why := why_unwritable(Path(folder))):
        return UnwritableError(f"{folder}: can't be written: {why}; repair that, then resume")
    return None


class TrialLog(logging.FileHandler):
    """A trial's log. A line that the disk does not take is an error here; other handlers only print one."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """Raise the error that kept a line from being written."""
        if isinstance(error := sys.exception(), OSError):
            raise error
        super().handleError(record)
