"""Signals that end the command: the handler sets a flag, which the driver's loop checks."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from hpsearch.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Whether a signal asked the command to end.

    Attributes:
        requested: The first signal's number, or None.
    """

    def __init__(self) -> None:
        self.requested: int | None = None
        self._at_once = self._swallowed = False
        self._elsewhere = sys.unraisablehook

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
        with _handlers_put_back():
            self.install()
            yield

    def install(self) -> None:
        """Set the handlers; needed again after `ray.init`, which may replace them."""
        _handle_with(self._handle)

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise from the handler until the exit: an objective in this process may run for long."""
        self._at_once = True
        before, sys.unraisablehook = sys.unraisablehook, self._unraisable
        self._elsewhere = before
        try:
            self.check()
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
        again = self.requested is not None and not self._swallowed
        self.requested = self.requested or number
        if self._at_once and not again:
            self._swallowed = False
            raise Interrupted(number)


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
