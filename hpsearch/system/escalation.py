"""What a second and a third signal do, whatever the main thread is blocked in.

Python runs a signal's handler in the main thread, between two steps of Python code. A call into C that does not return
keeps it from running, and an objective may have handlers of its own. But the number of each signal is written to a pipe
at once (`signal.set_wakeup_fd`), and a thread reads that.

The first signal asks the command to end. The second ends the workers at once. The third leaves by the hard way: all
that was started is killed, and the process ends without another look at anything. What was committed stays: a kill
costs nothing more.
"""

from __future__ import annotations

import json
import math
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hpsearch.system.last_exit import exits_on_message

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TOGETHER_S = 0.25  # `timeout` and Slurm tell a process and then its group: that is one signal
_PATIENCE_S = 10.0  # so long may Ctrl-C take
_GRACE_S = 1.5
_OURS = __name__.rpartition(".")[0]  # the package whose handlers a child has no use for
_STOP = b"\0"
_SHOW_CURSOR = b"\x1b[?25h"


@dataclass
class _HardEnd:
    """What is left to do at a hard end.

    Attributes:
        allowed: Whether this process may be ended: it is a command, and not a notebook.
        words: Printed then.
        folders: Removed then.
        clean_ups: Called then.
    """

    allowed: bool = False
    words: str = ""
    folders: list[str] = field(default_factory=list)
    clean_ups: list[Callable[[], None]] = field(default_factory=list)


_HARD_END = _HardEnd()


@contextmanager
def may_leave() -> Iterator[None]:
    """Let signals end this process by the hard way until the exit; a notebook's process belongs to others."""
    _HARD_END.allowed = True
    try:
        yield
    finally:
        _HARD_END.allowed, _HARD_END.words = False, ""


def say_at_a_hard_end(words: str) -> None:
    """Set what is printed if this process has to leave by the hard way."""
    _HARD_END.words = words


@contextmanager
def removed_at_a_hard_end(folder: str) -> Iterator[None]:
    """Let a temporary folder be removed if this process has to leave by the hard way before the exit."""
    _HARD_END.folders.append(folder)
    try:
        yield
    finally:
        _HARD_END.folders.remove(folder)


@contextmanager
def done_at_a_hard_end(clean_up: Callable[[], None]) -> Iterator[None]:
    """Let something be called if this process has to leave by the hard way before the exit, if it still can."""
    _HARD_END.clean_ups.append(clean_up)
    try:
        yield
    finally:
        _HARD_END.clean_ups.remove(clean_up)


class Force(Protocol):
    """Ends what an executor has started, from any thread."""

    def __call__(self, *, hard: bool) -> None:
        """Kill the workers; with `hard` all other processes too, for nothing else will end them."""
        ...


class Escalation:
    """Watches the signals that come while a study runs.

    Args:
        first: Called with the number of the first signal, also if no handler of ours has run.
        told: Returns since when an objective of this process knows that it is to end, on the monotonic clock; None if
            it does not.

    Attributes:
        force: Ends what was started; None before there is anything.
        in_process: Whether objectives run in this process. Then there is no worker to kill: the process leaves by the
            hard way if it has not ended 1.5 s after the second signal, or 10 s after it was told of the first.
    """

    def __init__(self, first: Callable[[int], None], told: Callable[[], float | None]) -> None:
        self._first, self._told = first, told
        self.force: Force | None = None
        self.in_process = False
        self._target = -1  # where the numbers of signals are written to

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch until the exit; inside of another call there is nothing to do."""
        if self._target >= 0 or threading.current_thread() is not threading.main_thread():
            yield
            return
        source, target = os.pipe()
        before = signal.set_wakeup_fd(-1)
        thread = threading.Thread(target=_Watcher(self, source).run, name="signals", daemon=True)
        thread.start()
        try:
            with self._writing_to(target):
                yield
        finally:
            signal.set_wakeup_fd(before)
            os.write(target, _STOP)
            thread.join()
            os.close(source)
            os.close(target)

    @contextmanager
    def guarded(self, mark: str) -> Iterator[int | None]:
        """Have another process watch too until the exit, for what this one waits in may keep the thread from running.

        Args:
            mark: Of the processes that are started.

        Yields:
            The id of the process; None if nothing watches.
        """
        if self._target < 0 or not _HARD_END.allowed:
            yield None
            return
        source, target = os.pipe()
        with exits_on_message(128 + number for number in SIGNALS) as queues:
            count = 2 if self.in_process else 3
            folders = json.dumps(_HARD_END.folders)
            process = _start_guard([mark, str(count), _HARD_END.words, folders], queues, source, self._target)
            os.close(source)
            try:
                with self._writing_to(target if process is not None else self._target):
                    yield None if process is None else process.pid
            finally:
                os.close(target)
                if process is not None:
                    process.kill()  # it has nothing left to do
                    process.wait()

    @contextmanager
    def _writing_to(self, target: int) -> Iterator[None]:
        """Have the numbers of signals written to a pipe until the exit."""
        os.set_blocking(target, False)
        before, self._target = self._target, target
        signal.set_wakeup_fd(target, warn_on_full_buffer=False)
        _WATCHED.add(target)
        try:
            yield
        finally:
            self._target = before
            signal.set_wakeup_fd(before, warn_on_full_buffer=False)
            if target != before:
                _WATCHED.discard(target)

    def listen_again(self) -> bool:
        """Take back the pipe of signals from an objective that has let go of it; return whether that was needed."""
        if self._target < 0 or threading.current_thread() is not threading.main_thread():
            return False
        before = signal.set_wakeup_fd(self._target, warn_on_full_buffer=False)
        if before not in (-1, self._target):  # an event loop that is running
            signal.set_wakeup_fd(before)
        return before != self._target

    def heard(self, number: int) -> None:
        """Take a signal of which the pipe did not tell."""
        if self._target >= 0:
            with suppress(OSError):
                os.write(self._target, bytes([number]))


class _Watcher:
    """Counts signals, in a thread of its own."""

    def __init__(self, escalation: Escalation, source: int) -> None:
        self._of, self._source = escalation, source
        self._count = self._number = 0
        self._last = -math.inf
        self._terminal = _terminal_state()

    def run(self) -> None:
        """Read the pipe until the end of the study."""
        deadline: float | None = None
        while True:
            timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
            if select.select([self._source], [], [], timeout)[0]:
                data = os.read(self._source, 4096)
                if _STOP in data:
                    return
                if not self._counts([number for number in data if number in SIGNALS]):
                    continue
            elif self._count == 1 and not self._is_stuck():
                deadline = time.monotonic() + 1
                continue
            self._count += 1
            deadline = self._act()

    def _counts(self, numbers: list[int]) -> bool:
        """Return whether signals that have just come count as another one."""
        now = time.monotonic()
        together, self._last = now - self._last < TOGETHER_S, now if numbers else self._last
        self._number = self._number or (numbers[0] if numbers else 0)
        return bool(numbers) and not together

    def _is_stuck(self) -> bool:
        """Return whether an objective was told to end a while ago."""
        told = self._of._told()  # noqa: SLF001 - the other half of this class
        return told is not None and time.monotonic() - told >= _PATIENCE_S

    def _act(self) -> float | None:
        """Do what the count of signals asks for; return until when the command has to end then, if there is a limit."""
        now, limited = time.monotonic(), self._of.in_process and _HARD_END.allowed
        if self._count == 1:
            self._of._first(self._number)  # noqa: SLF001 - as above
            return now + _PATIENCE_S if limited else None
        if self._count == 2:  # noqa: PLR2004 - the second signal
            self._force(hard=False)
            return now + _GRACE_S if limited else None
        if _HARD_END.allowed:
            self._leave()
        return None

    def _force(self, *, hard: bool) -> None:
        """Kill what was started, but don't wait long for it: the next signal goes further."""
        force = self._of.force
        if force is not None:
            thread = threading.Thread(target=force, kwargs={"hard": hard}, daemon=True)
            thread.start()
            thread.join(_GRACE_S)

    def _leave(self) -> None:
        """End this process and all that it has started."""
        self._force(hard=True)
        for folder in _HARD_END.folders:
            shutil.rmtree(folder, ignore_errors=True)
        for clean_up in _HARD_END.clean_ups:
            with suppress(Exception):
                clean_up()
        _restore_terminal(self._terminal)
        if _HARD_END.words:
            with suppress(OSError):
                os.write(2, f"{_HARD_END.words}\n".encode(errors="backslashreplace"))
        os._exit(128 + self._number)


def _start_guard(
    arguments: list[str], queues: dict[int, int], source: int, target: int
) -> subprocess.Popen[bytes] | None:
    """Start the guard, which reads from one pipe and writes to another; return None if that is not possible."""
    pairs = [f"{code - 128}={queue}" for code, queue in queues.items()]
    script = str(Path(__file__).with_name("guard.py"))
    try:
        return subprocess.Popen(  # noqa: S603 - a script of ours
            [sys.executable, "-I", "-S", script, *arguments, *pairs],
            stdin=source,
            stdout=target,
            pass_fds=tuple(queues.values()),
            start_new_session=True,  # what ends the process group must not end it
        )
    except OSError:
        return None


_WATCHED: set[int] = set()  # pipes of this process


def _forget_in_child() -> None:
    """Let a forked child not tell of its own signals: a pool ends its workers by SIGTERM."""
    if not _WATCHED:
        return
    for descriptor in _WATCHED:
        os.close(descriptor)
    _WATCHED.clear()
    with suppress(ValueError):  # Python has no main thread there
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            if getattr(signal.getsignal(number), "__module__", "").startswith(_OURS):
                own = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                signal.signal(number, own)


os.register_at_fork(after_in_child=_forget_in_child)


def _terminal_state() -> list[Any] | None:
    """Return how the terminal is set; None without one."""
    with suppress(Exception):  # not every system has the module, and not every command a terminal
        import termios

        return termios.tcgetattr(2)
    return None


def _restore_terminal(state: list[Any] | None) -> None:
    if state is None:
        return
    with suppress(Exception):
        import termios

        termios.tcsetattr(2, termios.TCSANOW, state)
        os.write(2, _SHOW_CURSOR + b"\r\n")
        sys.stderr.flush()
