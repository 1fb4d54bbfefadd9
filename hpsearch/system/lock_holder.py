"""Who holds a lock, and whether that process still lives: by its id on this host, by its heartbeat on another."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

import psutil

EXPIRE_S = 60.0  # a holder on another host is gone after this long without a heartbeat
_SAME_START_S = 1.0
_SINCE_1970_S = 1e9  # older versions stored the start in seconds since 1970, which changes when the clock is set
_START_FIELD = 19  # after the name: `starttime` of proc(5)


_given_up: set[str] = set()  # tokens of this process's locks that could not be given back


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """A process that holds a lock.

    Attributes:
        token: A new one for each lock that it takes.
        started: When the process started, in seconds since the machine did; since 1970 if that is not known.
    """

    token: str
    host: str
    pid: int
    started: float

    @classmethod
    def this_process(cls) -> Holder:
        """Return this process, with a token of its own."""
        started = _start_of(psutil.Process())
        return cls(token=uuid.uuid4().hex, host=socket.gethostname(), pid=os.getpid(), started=started)

    @property
    def is_here(self) -> bool:
        """Whether it is or was a process of this host."""
        return self.host == socket.gethostname()

    def give_up(self) -> None:
        """Count as gone although the lock can't be given back: this process may take it again."""
        _given_up.add(self.token)

    def lives(self, silent_s: float) -> bool:
        """Return whether it is still there.

        Args:
            silent_s: Seconds since its last heartbeat, which count on another host.
        """
        if not self.is_here:
            return silent_s < EXPIRE_S
        if self.token in _given_up:
            return False
        try:
            process = psutil.Process(self.pid)
            started = process.create_time() if self.started > _SINCE_1970_S else _start_of(process)
            status = process.status()
        except psutil.NoSuchProcess:
            return False
        # Process ids are used again: it is the same process only if it started at the same time. A killed driver stays
        # a zombie until its parent, such as a queue's script or a container's init, waits for it.
        return abs(started - self.started) < _SAME_START_S and status != psutil.STATUS_ZOMBIE


def _start_of(process: psutil.Process) -> float:
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return process.create_time()  # this is not Linux, or the process has just ended
    fields = stat.rpartition(")")[2].split()  # the name, in parentheses, may contain anything
    return int(fields[_START_FIELD]) / os.sysconf("SC_CLK_TCK")
