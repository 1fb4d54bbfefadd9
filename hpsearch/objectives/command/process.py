"""A running command: its processes, its output, and how it ended."""

from __future__ import annotations

import math
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from hpsearch.errors import ObjectiveError
from hpsearch.objectives.command.headline import headline
from hpsearch.objectives.command.metrics import Source

if TYPE_CHECKING:
    import logging

_GRACE_S = 2.0
_SUPERVISOR_S = 5.0  # for the supervisor to find all processes on a busy machine; Ctrl-C has to end within 10 s
_ESCAPED_S = 1.0
_POLL_S = 0.2
_STDERR_LINES = 20
_SEARCHED_LINES = 400  # for what failed: a launcher's summary may come after it
_SEARCHED_CHARACTERS = 4096  # of each of them
_SHELL_SIGNAL = 128  # a shell's exit code for a signal, less its number
_CHUNK_BYTES = 1 << 16
_LINE_BYTES = 1 << 18  # the rest of a longer line is dropped
_OUT_OF_MEMORY = re.compile(r"OutOfMemoryError|CUDA out of memory|CUDA error: out of memory")  # PyTorch's words


class CommandOutOfMemoryError(ObjectiveError, MemoryError):
    """The command ended with an error because a GPU's memory was used up."""


class RunningCommand:
    """A running command. Two threads read its output, so that it never waits for a verdict.

    Args:
        arguments: The program and its arguments.
        log: Gets all of its output.
        source: Says which lines may hold measurements. Only these are queued while the worker is busy.
        kept: A file that gets all lines, even if this process is killed; None for none.

    Raises:
        ObjectiveError: It can't be started.
    """

    def __init__(
        self,
        arguments: list[str],
        cwd: str | None,
        environment: Mapping[str, str],
        log: logging.Logger,
        source: Source,
        kept: Path | None = None,
    ) -> None:
        log.info("command: %s", shlex.join(arguments))
        supervisor = Path(__file__).with_name("supervisor.py")
        self._log, self._source = log, source
        try:
            self._process = subprocess.Popen(  # noqa: S603 - running the user's command is the task
                [sys.executable, "-I", "-S", str(supervisor), str(_GRACE_S), str(kept or ""), *arguments],
                bufsize=0,
                cwd=cwd,
                env=environment,
                start_new_session=True,  # Ctrl-C on the terminal reaches the driver, which decides
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except (OSError, ValueError) as error:
            msg = f"the command can't be started: {error}"
            raise ObjectiveError(msg) from error
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._deadline = math.inf
        self._errors: deque[str] = deque(maxlen=_SEARCHED_LINES)
        self._printed: deque[str] = deque(maxlen=_SEARCHED_LINES)  # without measurements
        self._last: deque[str] = deque(maxlen=_STDERR_LINES)
        self._busy: set[int] = set()  # the threads that hold a line
        self._heard = 0.0  # when one had last done with a line
        self._pumps = [
            threading.Thread(target=self._pump, args=pair, daemon=True)
            for pair in ((self._process.stdout, self._put), (self._process.stderr, self._put_error))
        ]
        self._reading = len(self._pumps)
        for pump in self._pumps:
            pump.start()

    def _pump(self, stream: IO[bytes], keep: Callable[[str], None]) -> None:
        try:
            with stream:
                for line in _lines(stream):
                    self._busy.add(threading.get_ident())
                    self._log.info("%s", line)
                    self._last.append(line)
                    keep(line)
                    self._heard = time.monotonic()
                    self._busy.discard(threading.get_ident())
        finally:
            self._busy.discard(threading.get_ident())
            self._queue.put(None)

    def _put(self, line: str) -> None:
        if self._source.wants(line):
            self._queue.put(line)
        else:
            self._printed.append(line[:_SEARCHED_CHARACTERS])

    def _put_error(self, line: str) -> None:
        self._errors.append(line[:_SEARCHED_CHARACTERS])
        if self._source.reads_stderr:
            self._put(line)

    def output(self) -> Iterator[str | None]:
        """Yield the lines that the source wants as they come, until the command has ended and all is read.

        For a source that polls files, None comes from time to time between them, and once at the end. It goes on where
        an earlier call was left, and ends early at the end of the grace.
        """
        silent_since: float | None = None  # the end of the command was seen then, and no line came after it
        while self._reading and time.monotonic() < self._deadline:
            try:
                line = self._queue.get(timeout=self._wait_s())
            except queue.Empty:
                if silent_since is None and self._process.poll() is not None:
                    silent_since = time.monotonic()
                if silent_since is not None and self._silent_s(silent_since) > _ESCAPED_S:
                    break  # a process that still holds the pipe has escaped the supervisor
                if self._source.polls:
                    yield None
                continue
            silent_since = None
            if line is None:
                self._reading -= 1
            else:
                yield line
        if self._source.polls:
            yield None

    def _wait_s(self) -> float:
        longest = _POLL_S if self._source.polls else _ESCAPED_S
        return max(0.0, min(longest, self._deadline - time.monotonic()))

    def _silent_s(self, since: float) -> float:
        """Return for how long nothing was read; none while a line is still searched, as by a slow expression."""
        return 0.0 if self._busy else time.monotonic() - max(since, self._heard)

    @property
    def last(self) -> tuple[str, ...]:
        """The last lines of both outputs."""
        return tuple(self._last)

    def end_within(self, grace_s: float) -> None:
        """Begin the grace: `output` ends when it is over, whether the command has ended or not."""
        self._deadline = time.monotonic() + grace_s

    def outcome(self) -> str | None:
        """Wait until the command has ended or the grace is over.

        Returns:
            How it ended, with the line that names what failed; empty if it ended without an error, and None if it
            still runs.
        """
        try:
            left_s = self._deadline - time.monotonic()
            code = self._process.wait(None if left_s == math.inf else max(0.0, left_s))
        except subprocess.TimeoutExpired:
            return None
        if code == 0:
            return ""
        named = headline(self._errors, self._printed)
        return f"{_how(code)}: {named}" if named else _how(code)

    def check(self) -> None:
        """Wait until the command has ended.

        Raises:
            ObjectiveError: It ended with an error. The message has the last lines of its standard error, or of its
                standard output if there are none.
        """
        how = self.outcome()
        if not how:
            return
        msg = "\n".join((f"the command ended with {how}", *self._tail()))
        if any(_OUT_OF_MEMORY.search(line) for line in self._errors):
            raise CommandOutOfMemoryError(msg)
        raise ObjectiveError(msg)

    def _tail(self) -> tuple[str, ...]:
        errors = list(self._errors)[-_STDERR_LINES:]
        if any(line.strip() for line in errors):
            return ("The end of its standard error:", *errors)
        printed = list(self._printed)[-_STDERR_LINES:]
        return ("The end of its output:", *printed) if any(line.strip() for line in printed) else ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()  # the supervisor ends the command, if it still runs
        try:
            self._process.wait(_GRACE_S + _SUPERVISOR_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # and the kernel kills the command, whose parent it was
            self._process.wait()
        for pump in self._pumps:
            pump.join(_ESCAPED_S)


def _how(code: int) -> str:
    """Return how a process ended, in words."""
    if code < 0:
        return _signal_name(-code)
    named = _signal_name(code - _SHELL_SIGNAL) if code > _SHELL_SIGNAL else ""
    return f"exit code {code} ({named})" if named.startswith("SIG") else f"exit code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield lines as they come: the beginning of a huge one, and the last state of a progress bar."""
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from map(_shown, lines)
        if len(rest) > _LINE_BYTES:
            rest = rest[rest.rfind(b"\r") + 1 :][:_LINE_BYTES]
    if rest:
        yield _shown(rest)


def kept_lines(path: Path) -> Iterator[str]:
    """Yield the lines in the file that a command's supervisor writes."""
    with path.open("rb", buffering=0) as stream:
        yield from _lines(stream)


def _shown(line: bytes) -> str:
    last = line.rstrip(b"\r").rpartition(b"\r")[2]
    text = last[:_LINE_BYTES].decode(errors="replace")
    return text if len(last) < _LINE_BYTES else f"{text} [cut]"
