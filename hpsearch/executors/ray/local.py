"""Whether the Ray that was started on this machine lives. Without its node a driver would wait for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from hpsearch.errors import StudyError

_PARTS = frozenset({"raylet", "gcs_server"})
_EVERY_S = 1.0


class LocalWatch:
    """Looks at the processes of Ray, which are children of this one.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_s = clock()

    def look(self) -> None:
        """Check once in a while that they are alive.

        Raises:
            StudyError: One is not.
        """
        if self._clock() - self._looked_s < _EVERY_S:
            return
        self._looked_s = self._clock()
        if gone := sorted(_PARTS - _living_children()):
            raise StudyError(
                f"Ray on this machine has ended: its process {' and '.join(gone)} is gone, which the kernel may have "
                "killed to free memory; resume to go on"
            )


def _living_children() -> set[str]:
    found = set()
    for child in psutil.Process().children():
        try:
            if child.status() != psutil.STATUS_ZOMBIE:
                found.add(child.name())
        except psutil.NoSuchProcess:
            continue
    return found
