"""What an objective raised, as text that can always be stored and shown."""

from __future__ import annotations

from collections.abc import Sequence

from hpsearch.errors import HpsearchError, Interrupted
from hpsearch.executors.worker.own_frames import own_frames
from hpsearch.objectives.command.headline import headline

_LINE_CHARACTERS = 500  # a line of a table or a terminal; the traceback has the rest
_TRACE_CHARACTERS = 1 << 16
_TRACEBACK = "Traceback (most recent call last)"


def in_a_line(error: BaseException) -> str:
    """Return the type and the first line of an exception, at most 500 characters.

    If that line ends in a colon, the next one goes with it. An exception that came from another process has a traceback
    in its text. The line is then the exception in there.
    """
    name = type(error).__name__
    try:
        lines = str(error).strip().splitlines()
        if not isinstance(error, HpsearchError) and any(_TRACEBACK in line for line in lines):
            lines = [headline(lines).removeprefix(f"{name}: ")]
    except Interrupted:
        raise
    except BaseException:  # noqa: BLE001 - `__str__` is the objective's code too
        lines = ["(its text can't be read)"]
    line = _storable(": ".join([name, *_first_words(lines)]))
    return line if len(line) <= _LINE_CHARACTERS else f"{line[: _LINE_CHARACTERS - 1]}…"


def in_full(error: BaseException) -> str:
    """Return the traceback of an exception from the user's code on.

    Of one that is longer than 65,536 characters only the beginning and the end are there.
    """
    try:
        text = _storable(own_frames(error))
    except Exception:  # noqa: BLE001 - attributes of an exception can be anything
        text = f"{in_a_line(error)}\n"
    if len(text) <= _TRACE_CHARACTERS:
        return text
    half = _TRACE_CHARACTERS // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def _first_words(lines: Sequence[str]) -> list[str]:
    """Return the first line, and the next one if the first only announces it; none if there is none."""
    words = [stripped for line in lines if (stripped := line.strip())]
    return [" ".join(words[: 2 if words[0].endswith(":") else 1])] if words else []


def _storable(text: str) -> str:
    """Return text without lone surrogates, which no file and no terminal takes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
