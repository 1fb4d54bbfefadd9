"""Runs one command, and ends all that it started when standard input closes.

`python -I -S supervisor.py GRACE_S KEPT PROGRAM [ARGUMENT ...]`. The worker holds the other end of standard input, so
that it closes also when the worker is killed. A script of its own, with few imports and only of the standard library,
for it has to outlive its parent and starts once a trial.

What the command prints is passed on, and its lines are kept in the file KEPT, if that is not empty: a worker that is
killed may not have heard the last of them, and the command may go on after them.

On Linux it is the subreaper: what the command leaves orphaned, also in sessions of its own, becomes this process's
child and is found by a walk from here. Elsewhere only the command's process group is ended.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_CANNOT_START = 127  # what a shell exits with
_POLL_S = 0.05
_CHUNK_BYTES = 1 << 16
_LINE_BYTES = 1 << 18  # a line's rest is not kept beyond this
_GIVE_UP_S = 10.0  # after SIGKILL: what it can't end is stuck in the kernel, or another user's
_PROC = Path("/proc")


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _listen() -> int:
    """Return a descriptor from which the numbers of arriving signals can be read."""
    wake, notify = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(notify, False)
    signal.set_wakeup_fd(notify, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return wake


class _Output:
    """What the command prints on its two outputs.

    Args:
        kept: The file that gets whole lines of both; empty for none.
    """

    def __init__(self, kept: str) -> None:
        self.ends: dict[int, int] = {}  # the ends of pipes that it writes to, by what they stand for
        self._to: dict[int, int] = {}  # where what is read is passed on
        for descriptor in (1, 2):
            source, self.ends[descriptor] = os.pipe()
            os.set_blocking(source, False)
            self._to[source] = descriptor
        self._rest = dict.fromkeys(self._to, b"")
        self._kept = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666) if kept else None

    @property
    def open(self) -> list[int]:
        """What can be read from, or is at its end."""
        return list(self._to)

    def close_ends(self) -> None:
        """Leave the ends that are written to to the command, so that they close with it."""
        for descriptor in self.ends.values():
            os.close(descriptor)

    def copy(self) -> None:
        """Pass on what is there."""
        for source, target in list(self._to.items()):
            while (chunk := _read(source)) is not None:
                if not chunk:
                    os.close(source)
                    del self._to[source]
                    self._keep(self._rest.pop(source))
                    break
                *lines, rest = (self._rest[source] + chunk).split(b"\n")
                if len(rest) > _LINE_BYTES:  # a huge line is cut, and of a progress bar the last state stays
                    rest = rest[rest.rfind(b"\r") + 1 :][:_LINE_BYTES]
                self._rest[source] = rest
                self._keep(b"".join(line + b"\n" for line in lines))  # first: the worker may be gone
                _write(target, chunk)

    def _keep(self, lines: bytes) -> None:
        if self._kept is not None and lines:
            _write(self._kept, lines)


def _read(descriptor: int) -> bytes | None:
    """Return some bytes, none at the end, or None if there are none yet."""
    try:
        return os.read(descriptor, _CHUNK_BYTES)
    except BlockingIOError:
        return None


def _write(descriptor: int, rest: bytes) -> None:
    """Write all, but where nobody reads any more, or the disk is full."""
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        return


def _start(arguments: list[str], output: _Output) -> int:
    """Start the command in a session of its own, with nothing to read, and return its process id."""
    pid = os.fork()
    if pid:
        output.close_ends()
        return pid
    try:
        os.setsid()
        for descriptor, end in output.ends.items():
            os.dup2(end, descriptor)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # should this process itself be killed
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec passes that on
            signal.signal(number, signal.SIG_DFL)
        os.execvp(arguments[0], arguments)  # noqa: S606 - running the user's command without a shell is the task
    except (OSError, ValueError) as error:
        os.write(2, f"{arguments[0]}: can't be started: {error}\n".encode(errors="backslashreplace"))
    finally:
        os._exit(_CANNOT_START)


class _Family:
    """The command and all that it started."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.exit_code: int | None = None  # negative: the signal that ended the command

    def reap(self) -> None:
        """Collect all children that have ended; orphans are among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._pid:
                self.exit_code = os.waitstatus_to_exitcode(status)

    def living(self) -> set[int]:
        """Return what is left of it, as arguments of `os.kill`."""
        parents = _parents()
        if parents is None:
            try:
                os.killpg(self._pid, 0)
            except OSError:
                return set()
            return {-self._pid}  # the whole group
        found, unvisited = set(), {os.getpid()}
        while unvisited:
            unvisited = {pid for pid, parent in parents.items() if parent in unvisited}
            found |= unvisited
        return found

    def end(self, grace_s: float, output: _Output) -> None:
        """Return when none of it is left, or none that can be ended: SIGTERM, and SIGKILL once the grace is over."""
        deadline = time.monotonic() + grace_s
        told: set[int] = set()
        while (living := self.living()) and time.monotonic() < deadline + _GIVE_UP_S:
            late = time.monotonic() >= deadline
            for pid in living if late else living - told:
                try:
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
                except OSError:
                    continue  # it has ended since, or is another user's
            told |= living
            time.sleep(_POLL_S)
            output.copy()
            self.reap()


def _parents() -> dict[int, int] | None:
    """Return the parent of each living process, or None where there is no /proc to say."""
    if sys.platform != "linux" or not (_PROC / "self" / "stat").exists():
        return None
    parents = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            stat = (entry / "stat").read_text(errors="replace")
        except OSError:
            continue  # it has ended since
        state, parent = stat.rpartition(")")[2].split()[:2]  # the name before it may hold spaces and brackets
        if state not in "ZX":  # dead, and only not collected yet
            parents[int(entry.name)] = int(parent)
    return parents


def _pass_on(exit_code: int) -> None:
    """End as the command did."""
    if exit_code >= 0:
        os._exit(exit_code)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core dump is enough
    if -exit_code not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-exit_code, signal.SIG_DFL)
    os.kill(os.getpid(), -exit_code)


def main(grace_s: float, kept: str, arguments: list[str]) -> None:
    """Run a command until it ends, standard input closes, or a signal arrives; then end what is left of it."""
    wake = _listen()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    output = _Output(kept)
    family = _Family(_start(arguments, output))
    while family.exit_code is None:
        ready, _, _ = select.select([0, wake, *output.open], [], [])
        output.copy()
        if wake in ready and set(os.read(wake, 4096)) != {signal.SIGCHLD}:
            break
        if 0 in ready and not os.read(0, 4096):
            break
        family.reap()
    family.end(grace_s, output)
    output.copy()
    _pass_on(-signal.SIGKILL if family.exit_code is None else family.exit_code)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2], sys.argv[3:])
