"""Processes that objectives leave behind: a mark in their environment, which all children inherit, finds them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import psutil

MARK = "HPSEARCH_EXECUTOR"
_GRACE_S = 1.0
_TRACKER = "multiprocessing.resource_tracker"


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
    for process in (*children(), *_marked(mark)):
        with suppress(psutil.Error):
            if process.pid != spared:
                process.kill()


def children() -> set[psutil.Process]:
    """Return all processes below this one."""
    with suppress(psutil.Error):
        return {one for one in psutil.Process().children(recursive=True) if not _is_tracker(one)}
    return set()


def forked() -> set[psutil.Process]:
    """Return those below this process that are copies of it: a fork without a program of its own has our command line.

    What a caller starts meanwhile in this process, such as a database, is none of them.
    """
    with suppress(psutil.Error):
        ours = psutil.Process().cmdline()
        return {one for one in children() if _command_line(one) == ours}
    return set()


def _command_line(process: psutil.Process) -> list[str] | None:
    with suppress(psutil.Error):
        return process.cmdline()
    return None  # it has ended meanwhile


def end_marked(mark: str) -> None:
    """End all other processes with a mark; those that don't end when told are killed."""
    end_all(_marked(mark))


def end_all(found: Collection[psutil.Process]) -> None:
    """End processes; those that don't end when told are killed."""
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(found, timeout=_GRACE_S)[1]:
        with suppress(psutil.Error):
            process.kill()


def _marked(mark: str) -> list[psutil.Process]:
    """Return all other processes with a mark."""
    others = (process for process in psutil.process_iter() if process.pid != os.getpid())
    return [process for process in others if has_mark(process, mark) and not _is_tracker(process)]


def _is_tracker(process: psutil.Process) -> bool:
    """Return whether a process is what frees semaphores and shared memory once all that use them have ended.

    Python starts it, and starts it again with a warning if it is ended earlier.
    """
    with suppress(psutil.Error):
        return any(_TRACKER in argument for argument in process.cmdline())
    return False
