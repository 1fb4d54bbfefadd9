"""Processes that objectives leave behind: a mark in their environment, which all children inherit, finds them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

MARK = "HPSEARCH_EXECUTOR"
_GRACE_S = 1.0


@contextmanager
def marking(mark: str) -> Iterator[None]:
    """Mark all processes that are started until the exit, and their children later."""
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
    """Return whether a process was started with a mark; False if that can't be known."""
    with suppress(psutil.Error, OSError):
        return process.environ().get(MARK) == mark
    return False


def is_left_over(name: str, prefix: str) -> bool:
    """Return whether a file that is named by a prefix and its process, `prefix123-...`, has outlived that process."""
    pid = name.removeprefix(prefix).split("-")[0]
    return name.startswith(prefix) and pid.isdigit() and not psutil.pid_exists(int(pid))


def kill_all_started(mark: str, spared: int | None) -> None:
    """Kill all processes below this one, and those with a mark, at once; one of them may be spared."""
    with suppress(psutil.Error):
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if process.pid != spared:
                    process.kill()
    for process in psutil.process_iter():
        if process.pid != os.getpid() and has_mark(process, mark):
            with suppress(psutil.Error):
                process.kill()


def end_marked(mark: str) -> None:
    """End all other processes with a mark; those that don't end when told are killed."""
    found = [process for process in psutil.process_iter() if process.pid != os.getpid() and has_mark(process, mark)]
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(found, timeout=_GRACE_S)[1]:
        with suppress(psutil.Error):
            process.kill()
