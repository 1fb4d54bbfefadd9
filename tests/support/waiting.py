"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], bool], timeout_s: float = 60.0, what: str = "the condition", every_s: float = 0.02
) -> None:
    """Poll until a condition holds; the timeout is generous, for it only bounds a failure."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {timeout_s:g} s")
        time.sleep(every_s)
