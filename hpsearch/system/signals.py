"""Signals that end the command: the handler sets a flag, which the driver's loop checks.

`escalation` says what the second and the third do.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

from hpsearch.errors import Interrupted
from hpsearch.system.escalation import SIGNALS, TOGETHER_S, Escalation, Force


class Interrupts:
    """Whether a signal asked the command to end.

    Attributes:
        requested: The first signal's number, or None.
    """

    def __init__(self) -> None:
        self.requested: int | None = None
        self._at_once = self._swallowed = False
        self._elsewhere = sys.unraisablehook
        self._handled_at: float | None = None  # when a handler of ours has last run
        self._told_at: float | None = None  # when the handler first raised in an objective
        self._escalation = Escalation(self._ask, lambda: self._told_at)

    def check(self) -> None:
        """Raise if a signal has come.

        Raises:
            Interrupted: One has.
        """
        if self.requested is not None:
            raise Interrupted(self.requested)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle the signals until the exit."""
        with _handlers_put_back(), self._escalation.watching():
            self.install()
            yield

    def install(self) -> None:
        """Set the handlers; needed again after `ray.init`, which may replace them."""
        _handle_with(self._handle)
        self._escalation.listen_again()

    def on_second(self, force: Force | None, *, in_process: bool = False) -> None:
        """Set what ends the workers at once when a second signal comes; None for nothing.

        Args:
            force: Called in another thread.
            in_process: Whether objectives run in this process, which is ended then.
        """
        self._escalation.force, self._escalation.in_process = force, in_process

    def guarded(self, mark: str) -> AbstractContextManager[int | None]:
        """Have another process see to it that the last signal ends this one, until the exit, and give its id.

        Args:
            mark: Of the processes that are started.
        """
        return self._escalation.guarded(mark)

    def _ask(self, number: int) -> None:
        self.requested = self.requested or number

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise from the handler until the exit: an objective in this process may run for long.

        Raises:
            Interrupted: A signal has come already.
        """
        with self.breaking_off():
            self.check()
            yield

    @contextmanager
    def breaking_off(self) -> Iterator[None]:
        """Raise from the handler until the exit, also where a signal has come before: the next one is raised too."""
        self._at_once = True
        before, sys.unraisablehook = sys.unraisablehook, self._unraisable
        self._elsewhere = before
        self._escalation.listen_again()
        try:
            yield
        finally:
            self._at_once = False
            sys.unraisablehook = before

    def _unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Note that the handler ran where nothing can be raised, as in a destructor: `check` raises later."""
        if isinstance(unraisable.exc_value, Interrupted):
            self._swallowed = True
        else:
            self._elsewhere(unraisable)

    def _handle(self, number: int, _: FrameType | None) -> None:
        now, before = time.monotonic(), self._handled_at
        self._handled_at, self.requested = now, self.requested or number
        if self._escalation.listen_again():
            self._escalation.heard(number)
        together = before is not None and now - before < TOGETHER_S and not self._swallowed
        if self._at_once and not together:
            self._swallowed = False
            self._told_at = self._told_at or now
            raise Interrupted(self.requested)


@contextmanager
def raising_signals() -> Iterator[None]:
    """Let signals raise `Interrupted` at once, until a driver sets its own handlers."""

    def handle(number: int, _: FrameType | None) -> None:
        raise Interrupted(number)

    with _handlers_put_back():
        _handle_with(handle)
        yield


@contextmanager
def _handlers_put_back() -> Iterator[None]:
    """Set the handlers at the exit to what they are now."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        if _in_main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def _handle_with(handler: Callable[[int, FrameType | None], None]) -> None:
    if _in_main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
                signal.signal(number, handler)


def _in_main_thread() -> bool:
    # Handlers can be set only there. A notebook's or a server's thread leaves them as they are.
    return threading.current_thread() is threading.main_thread()
