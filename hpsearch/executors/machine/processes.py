"""What objectives start and leave behind: found by a mark in its environment, which children inherit at any depth."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

MARK = "HPSEARCH_EXECUTOR"
_GRACE_S = 1.0


@contextmanager
def marking(mark: str) -> Iterator[None]:
    """Mark all processes that are started meanwhile, and what these start later."""
    before = os.environ.get(MARK)
    os.environ[MARK] = mark
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(MARK, None)
        else:
            os.environ[MARK] = before


def has_mark(process: psutil.Process, mark: str) -> bool:
    """Return whether a process was started with a mark; not so if that can't be told."""
    with suppress(psutil.Error, OSError):
        return process.environ().get(MARK) == mark
    return False


def end_marked(mark: str) -> None:
    """End all processes that have a mark, but for this one; those that don't end by themselves are killed."""
    found = [process for process in psutil.process_iter() if process.pid != os.getpid() and has_mark(process, mark)]
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(found, timeout=_GRACE_S)[1]:
        with suppress(psutil.Error):
            process.kill()
