"""Ends a process that does not answer signals any more, and all that it has started.

`python -I -S guard.py MARK COUNT WORDS FOLDERS [NUMBER=QUEUE ...]`. Standard input is the pipe to which the guarded
process, its parent, writes the number of each signal that it gets; those that ask for an end are passed on to standard
output, where a thread of that process counts them too. The guard acts where that thread can't: while a call into C
holds Python's lock, no other thread runs.

A while after signal number COUNT, and a shorter while after the third, it kills all that the process has started: what
is below it, and what has HPSEARCH_EXECUTOR=MARK in its environment. Then it prints WORDS and sends a message to the
QUEUE for the first signal's number, which makes the process end with the right exit code (`last_exit`); it kills the
process if that did not help. Last, it removes FOLDERS, a JSON list. If the process is killed by somebody else, the
guard kills what it has left behind.

It is a script of its own because it has to outlive that process. It imports little, because it starts with each study.
"""

from __future__ import annotations

import ctypes
import math
import os
import select
import signal
import sys
import time
from pathlib import Path

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TOGETHER_S = 0.25  # as in `escalation`
_GRACE_S = {2: 3.5, 3: 2.5}  # by the count of signals: the thread in the process goes first
_LAST_S = 5.0  # a busy machine takes its time
_POLL_S = 0.05
_TRACKER = b"multiprocessing.resource_tracker"  # it frees shared memory, and then ends by itself
_PROC = Path("/proc")


class Signals:
    """Counts the signals that ask a process to end.

    Args:
        patience: With how many of them it has to end.

    Attributes:
        first: The number of the first one; 0 for none.
        deadline: Until when the process has to have ended, on the monotonic clock.
    """

    def __init__(self, patience: int) -> None:
        self.first, self.deadline = 0, math.inf
        self._patience, self._count, self._last = patience, 0, -math.inf

    def heard(self, numbers: bytes, now: float) -> bytes:
        """Count signals that came just now, and return those that ask for an end.

        Python writes the number of each signal that it has a handler for: a data loader's handler gets those of its
        workers that end, others are a timer's.
        """
        asking = bytes(number for number in numbers if number in _SIGNALS)
        if asking:
            together, self._last = now - self._last < _TOGETHER_S, now
            self.first, self._count = self.first or asking[0], self._count + (not together)
            if self._count >= self._patience and (grace := _GRACE_S.get(self._count)) is not None:
                self.deadline = min(now + grace, self.deadline)
        return asking


def main(mark: str, patience: int, words: str, folders: str, queues: dict[int, int]) -> None:
    """Pass signals on until the process lets go of the pipe, or is to be ended."""
    parent = os.getppid()
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signals = Signals(patience)
    while True:
        left = signals.deadline - time.monotonic()
        if left <= 0:
            os.write(2, f"{words}\n".encode(errors="backslashreplace"))
            _end(parent, mark, queues.get(signals.first, -1))
            _remove(folders)
            return
        if not select.select([0], [], [], None if left == math.inf else left)[0]:
            continue
        data = os.read(0, 4096)
        if not data:
            if os.getppid() != parent:
                _kill(_started(parent, mark))
            return
        if asking := signals.heard(data, time.monotonic()):
            os.write(1, asking)


def _end(parent: int, mark: str, queue: int) -> None:
    """End the process and what it has started."""
    _kill(_started(parent, mark))
    if queue >= 0:
        ctypes.CDLL(None).mq_send(queue, b"!", ctypes.c_size_t(1), 0)
        until = time.monotonic() + _LAST_S
        while os.getppid() == parent and time.monotonic() < until:
            time.sleep(_POLL_S)
    if os.getppid() == parent:
        _kill({parent})
    _kill(_started(parent, mark))


def _remove(folders: str) -> None:
    import json
    import shutil

    for folder in json.loads(folders):
        shutil.rmtree(folder, ignore_errors=True)


def _kill(pids: set[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue  # it has ended meanwhile


def _started(parent: int, mark: str) -> set[int]:
    """Return the processes below the guarded one, and those with its mark."""
    parents, found, trackers = {}, set(), set()
    wanted = f"HPSEARCH_EXECUTOR={mark}".encode()
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if not entry.name.isdecimal():
            continue
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
            if _TRACKER in (entry / "cmdline").read_bytes():
                trackers.add(int(entry.name))
        except (OSError, IndexError):
            continue  # it has ended meanwhile, or is another user's
    unvisited = {parent}
    while unvisited := {pid for pid, above in parents.items() if above in unvisited}:
        found |= unvisited
    return found - trackers - {parent, os.getpid()}


if __name__ == "__main__":
    pairs = [pair.split("=") for pair in sys.argv[5:]]
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], {int(number): int(queue) for number, queue in pairs})
