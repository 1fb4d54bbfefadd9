"""Which line of a program's output says why it failed: seldom the last one.

After the exception come a logger's farewell, warnings, a launcher's table, or the rest of a message of several lines.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import dropwhile

from hpsearch.text import clean

# Some programs put a rank, a worker or a time before each line.
_TRACEBACK = re.compile(r"^(?P<before>.*?)(?:Exception Group )?Traceback \(most recent call last\):$")
_GROUP = re.compile(r"^\s*[|+]\s?")  # before the lines of an exception group
_FRAME = re.compile(r"^(?:\s|> File |$)")
_RAISED = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:\([\w.]+\))?(?::.*)?$")  # RayTaskError(ValueError): ...
_NAMED = re.compile(
    r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|StopIteration)(?:\([\w.]+\))?(?::|$)"
    r"|^(?:Error|Exception|KeyboardInterrupt|SystemExit)(?::(?!\s*[-+.\d])|$)"
)
# Tracebacks of what failed beside the program's own end.
_BESIDE = re.compile(r"Exception ignored|Error in atexit|Logging error|^Exception in thread")
# A launcher's own exception says no more than that its child has failed.
_LAUNCHER = re.compile(r"(?:^|\.)(?:ChildFailedError|CalledProcessError|ProcessExitedException)(?::|$)")
_OTHER = re.compile(
    r"^(?:\S+ )*?\S*: error: \S"  # argparse: train.py: error: unrecognized arguments
    r"|^(?:fatal )?error(?:\[\w+\])?[ :](?!\s*[-+.\d])|^FATAL\b|^panic:|^thread '.*' panicked|^Exception in thread \""
    r"|^Fatal Python error|^terminate called|^what\(\):"
    r"|No such option|Unrecognized options|^Could not override|^Key '.*' is not in struct|^Cannot find primary config"
    r"|^In '.*': Could not|command not found|: not found$|can't open file|can't be started|No module named"
    r"|No such file or directory|Permission denied$|Segmentation fault|^Killed$",
    re.IGNORECASE,
)


def headline(lines: Collection[str], others: Collection[str] = ()) -> str:
    """Return the line of an output that says why its program failed: the last one that names an exception.

    Args:
        lines: The end of its standard error.
        others: The end of its standard output, where some programs print their errors.

    Returns:
        The line, stripped. If none names an exception, the last one that an argument parser, a shell or a runtime
        writes about an error, else the last one with any words; empty if there is none.
    """
    errors, printed = ([clean(line).rstrip() for line in found] for found in (lines, others))
    words = ([text for text in map(_bare, found) if re.search(r"\w", text)] for found in (errors, printed))
    # Standard output also has measurements of an error: only a traceback tells there.
    return _named(errors) or _last(_own(list(_raised(printed)))) or _last(next(filter(None, words), [])) or ""


def _named(lines: Sequence[str]) -> str | None:
    """Return the last line that names an exception or another error; None if there is none."""
    raised = list(_raised(lines))
    if own := _own(raised):
        return own[-1]
    bare = [_bare(line) for line in lines]
    in_tracebacks = {text for text, _ in raised}
    others = (text for text in bare if text not in in_tracebacks and (_NAMED.search(text) or _OTHER.search(text)))
    return _last(others) or _last(text for text, _ in raised)


def _own(raised: Iterable[tuple[str, bool]]) -> list[str]:
    """Return the exceptions that ended the program itself."""
    return [text for text, beside in raised if not beside and not _LAUNCHER.search(text.partition(":")[0])]


def _raised(lines: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yield the exception at the end of each traceback, and whether it is of something beside the program's end."""
    for at, line in enumerate(lines):
        found = _TRACEBACK.match(line)
        if found is None:
            continue
        before = found["before"]
        rest = [_without(before, one) for one in lines[at + 1 :]]
        is_beside = bool(_BESIDE.search(before) or (at and _BESIDE.search(_without(before, lines[at - 1]))))
        for text in dropwhile(_FRAME.match, rest):
            if _RAISED.match(text):
                yield _nested(text, rest), is_beside
            break


def _nested(text: str, rest: Sequence[str]) -> str:
    """Return the cause that Ray writes below its own exception, or the exception itself."""
    if "RayTaskError" not in text.partition(":")[0]:
        return text
    below = rest[rest.index(text) + 1 :]
    cause = next(dropwhile(_FRAME.match, below), "")
    return cause if _RAISED.match(cause) else text


def _without(before: str, line: str) -> str:
    """Return a line without what stands before the lines of a traceback."""
    if _GROUP.match(before):
        return re.sub(r"^(?:\s*[|+])+ ?", "", line)
    return line.removeprefix(before)


def _bare(line: str) -> str:
    """Return a line without the border of a box, and without a rank."""
    return re.sub(r"^\[[\w:]+\]: ?", "", line.strip(" \t│|╭╮╰╯─+"))


def _last(texts: Iterable[str]) -> str | None:
    return next(iter(deque(texts, maxlen=1)), None)
