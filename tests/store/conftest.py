"""Fixtures of several stores."""

from __future__ import annotations

import pytest

from hpsearch.store import lock as locking
from hpsearch.store.lock import DriverLock


@pytest.fixture
def lock(place, monkeypatch):
    """Make locks of a study; all are given back in the end, for each has a thread."""
    monkeypatch.setattr(locking, "WATCH_S", 0.05)
    monkeypatch.setattr(locking, "_LOOK_S", 0.01)
    made: list[DriverLock] = []

    def lock(study: str = "cnn") -> DriverLock:
        made.append(place.make(study))
        return made[-1]

    yield lock
    for one in made:
        one.release()
