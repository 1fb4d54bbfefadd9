"""Who holds a lock, and whether they still live: a process id tells on this host, a heartbeat on another."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass

import psutil

EXPIRE_S = 60.0  # after so long without a heartbeat, a holder on another host is gone
_SAME_START_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """A process that holds a lock.

    Attributes:
        token: Its own for each lock that it takes.
        started: When the process was started, in seconds since 1970.
    """

    token: str
    host: str
    pid: int
    started: float

    @classmethod
    def this_process(cls) -> Holder:
        """Return this process, with a token that nobody else has."""
        started = psutil.Process().create_time()
        return cls(token=uuid.uuid4().hex, host=socket.gethostname(), pid=os.getpid(), started=started)

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this host."""
        return self.host == socket.gethostname()

    def lives(self, silent_s: float) -> bool:
        """Return whether it is still there.

        Args:
            silent_s: Seconds since its last heartbeat; what counts on another host.
        """
        if not self.is_here:
            return silent_s < EXPIRE_S
        try:
            process = psutil.Process(self.pid)
            started, status = process.create_time(), process.status()
        except psutil.NoSuchProcess:
            return False
        # Process ids are used again: only the same start time makes it the same process. A killed driver stays a
        # zombie until its parent, a queue's script or a container's init, asks after it.
        return abs(started - self.started) < _SAME_START_S and status != psutil.STATUS_ZOMBIE
