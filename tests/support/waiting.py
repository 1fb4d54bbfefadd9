"""Waiting for a condition, never for a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


class Patience:
    """A limit of time that a busy machine does not shorten.

    If more processes want to run than there are processors, a second counts for less.
    """

    def __init__(self, seconds: float) -> None:
        self._left, self._seen = seconds, time.monotonic()

    def ended(self) -> bool:
        """Count the time since the last look; return whether none is left."""
        now = time.monotonic()
        self._left -= (now - self._seen) / max(1.0, _wanted() / (os.cpu_count() or 1))
        self._seen = now
        return self._left < 0


def _wanted() -> int:
    """Return the number of processes that run or want to."""
    try:
        return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    except OSError:  # only Linux has the file
        return 1


def wait_until(
    condition: Callable[[], bool], timeout_s: float = 60.0, what: str = "the condition", every_s: float = 0.02
) -> None:
    """Poll until a condition holds; the timeout only bounds a failure, or is a promise for an idle machine."""
    patience = Patience(timeout_s)
    while not condition():
        if patience.ended():
            raise AssertionError(f"{what} did not come true within {timeout_s:g} s")
        time.sleep(every_s)
