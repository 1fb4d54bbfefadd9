"""Tracebacks without the frames of hpsearch that lead to the objective's own code, and those that follow it."""

from __future__ import annotations

import traceback
from itertools import dropwhile
from pathlib import Path

from hpsearch.errors import HpsearchError
from hpsearch.system.libraries import is_standard

_PACKAGE = Path(__file__).parents[2]
_TRAINS = _PACKAGE / "vision"  # what is built in is an objective like any other


def own_frames(error: BaseException) -> str:
    """Return the traceback of an exception and its causes; each begins at the user's code.

    An error of hpsearch's own also ends there; if no such code has led to it, it has no frames. Any other exception
    keeps all frames then: it is a fault of hpsearch.
    """
    formatted = traceback.TracebackException.from_exception(error)
    _shorten(formatted, error, set())
    return "".join(formatted.format())


def _shorten(formatted: traceback.TracebackException, error: BaseException, seen: set[int]) -> None:
    """Leave frames out of an exception, its causes and the parts of a group."""
    if id(error) in seen:
        return
    seen.add(id(error))
    frames = list(dropwhile(_leads_there, formatted.stack or []))
    frames = frames or list(dropwhile(_is_ours, formatted.stack or []))
    if isinstance(error, HpsearchError):
        frames = list(dropwhile(_is_ours, frames[::-1]))[::-1]
    if frames:
        formatted.stack = traceback.StackSummary.from_list(frames)
    elif isinstance(error, (HpsearchError, SyntaxError)):  # the latter names its place itself
        formatted.stack = traceback.StackSummary()
    pairs = [(formatted.__cause__, error.__cause__), (formatted.__context__, error.__context__)]
    if isinstance(error, BaseExceptionGroup):
        pairs += zip(formatted.exceptions or [], error.exceptions, strict=False)
    for inner, raised in pairs:
        if inner is not None and raised is not None:
            _shorten(inner, raised, seen)


def _leads_there(frame: traceback.FrameSummary) -> bool:
    """Return whether a frame is of hpsearch, or of what it calls of Python itself, as to import a module."""
    return _is_ours(frame) or is_standard(frame.filename)


def _is_ours(frame: traceback.FrameSummary) -> bool:
    path = Path(frame.filename)
    return path.is_relative_to(_PACKAGE) and not path.is_relative_to(_TRAINS)
