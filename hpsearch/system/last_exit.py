"""Message queues that end this process with an exit code, whatever it is doing.

While a call into C holds Python's lock, no Python code runs here, not even a signal's handler. But the C library
itself can call a function when a message arrives: `_exit`, with the exit code.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

_SIGEV_THREAD = 2


class _Attributes(ctypes.Structure):
    """`struct mq_attr`: a queue is accounted for by its size, and this one takes a byte."""

    _fields_ = (
        ("flags", ctypes.c_long),
        ("most_messages", ctypes.c_long),
        ("message_bytes", ctypes.c_long),
        ("rest", ctypes.c_long * 5),
    )


class _SignalEvent(ctypes.Structure):
    """`struct sigevent` of Linux: 64 bytes."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal_number", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("rest", ctypes.c_byte * 32),
    )


@contextmanager
def exits_on_message(codes: Iterable[int]) -> Iterator[dict[int, int]]:
    """Give the descriptors of queues until the exit: a message in one of them ends this process.

    Args:
        codes: Exit codes.

    Yields:
        A descriptor for each code; none where that does not work: elsewhere than on Linux, or without room for a queue.
    """
    queues = {}
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            for code in codes:
                queues[code] = _open(code)
    try:
        yield queues
    finally:
        for queue in queues.values():
            os.close(queue)


def _open(code: int) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    name = f"/hpsearch-{os.getpid()}-{code}".encode()
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    attributes = _Attributes(most_messages=1, message_bytes=1)
    queue = int(library.mq_open(name, flags, 0o600, ctypes.byref(attributes)))
    if queue < 0:
        raise OSError(ctypes.get_errno(), "mq_open")
    library.mq_unlink(name)
    leave = ctypes.cast(library._exit, ctypes.c_void_p)  # noqa: SLF001 - so it is called in C
    event = _SignalEvent(value=code, notify=_SIGEV_THREAD, function=leave)
    if library.mq_notify(queue, ctypes.byref(event)):
        os.close(queue)
        raise OSError(ctypes.get_errno(), "mq_notify")
    return queue
