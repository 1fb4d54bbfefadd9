"""Runs one command, and ends all that it started when standard input closes.

`python -I -S supervisor.py GRACE_S KEPT PROGRAM [ARGUMENT ...]`. The worker holds the other end of standard input,
which closes even if the worker is killed. This is a script of its own because it has to outlive the worker. It imports
little, because it starts once a trial.

It passes the command's output on, and writes the lines to the file KEPT, unless that is empty: a killed worker may have
missed the last lines.

On Linux it is the subreaper: orphans of the command, even in sessions of their own, become its children, so that it
finds them. On other systems it ends the command's process group only.
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
_LINE_BYTES = 1 << 18  # the rest of a longer line is not kept
_GIVE_UP_S = 10.0  # after SIGKILL; what is left is stuck in the kernel, or another user's
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
    """The command's two outputs.

    Args:
        kept: The file that gets whole lines of both; empty for none.
    """

    def __init__(self, kept: str) -> None:
        self.ends: dict[int, int] = {}  # the ends that the command writes to, by its descriptors
        self._to: dict[int, int] = {}  # for each end that is read, where its output goes
        for descriptor in (1, 2):
            source, self.ends[descriptor] = os.pipe()
            os.set_blocking(source, False)
            self._to[source] = descriptor
        self._rest = dict.fromkeys(self._to, b"")
        self._kept = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666) if kept else None

    @property
    def open(self) -> list[int]:
        """The descriptors to read from."""
        return list(self._to)

    def close_ends(self) -> None:
        """Close this process's copies of the writing ends, so that they close with the command."""
        for descriptor in self.ends.values():
            os.close(descriptor)

    def copy(self) -> None:
        """Pass on the output so far."""
        for source, target in list(self._to.items()):
            while (chunk := _read(source)) is not None:
                if not chunk:
                    os.close(source)
                    del self._to[source]
                    self._keep(self._rest.pop(source))
                    break
                *lines, rest = (self._rest[source] + chunk).split(b"\n")
                if len(rest) > _LINE_BYTES:  # cut a huge line, and keep the last state of a progress bar
                    rest = rest[rest.rfind(b"\r") + 1 :][:_LINE_BYTES]
                self._rest[source] = rest
                self._keep(b"".join(line + b"\n" for line in lines))  # first, for the worker may be gone
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
    """Write all, or give up where nobody reads any more or the disk is full."""
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
        """Return the processes that are left, as arguments of `os.kill`."""
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
        """End all of it by SIGTERM, then by SIGKILL when the grace is over; give up on what can't be ended."""
        deadline = time.monotonic() + grace_s
        told: set[int] = set()
        while (living := self.living()) and time.monotonic() < deadline + _GIVE_UP_S:
            late = time.monotonic() >= deadline
            for pid in living if late else living - told:
                try:
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
                except OSError:
                    continue  # it has ended meanwhile, or is another user's
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
            continue  # it has ended meanwhile
        state, parent = stat.rpartition(")")[2].split()[:2]  # the name before it may hold spaces and brackets
        if state not in "ZX":  # these are dead, and not collected yet
            parents[int(entry.name)] = int(parent)
    return parents


def _pass_on(exit_code: int) -> None:
    """End with the command's exit code or signal."""
    if exit_code >= 0:
        os._exit(exit_code)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core dump is enough
    if -exit_code not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-exit_code, signal.SIG_DFL)
    os.kill(os.getpid(), -exit_code)


def main(grace_s: float, kept: str, arguments: list[str]) -> None:
    """Run a command until it ends, standard input closes, or a signal comes; then end all of its processes."""
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
