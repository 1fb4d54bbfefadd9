"""The regular expression that reads a line like a given one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hpsearch.objectives.command.fields import EPOCH, epoch_in, number_in

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w)|[-+]?(?i:nan|inf|infinity)\b"
_BETWEEN = r"""["']?\s*(?:[:=]|\bis\b|\s)\s*["']?(?:[A-Za-z][\w.]*\()?\[?\s*"""
_NAME = r"[A-Za-z][\w./@-]*(?: [A-Za-z][\w./@-]*){0,3}?"
_PAIR = re.compile(rf"(?P<name>{_NAME})(?P<between>{_BETWEEN})(?P<number>{_NUMBER})")
_EPOCH = re.compile(r"""(?P<name>\bepochs?)(?P<between>["']?\W{0,4}?)(?P<number>\d+(?:\.\d+)?)""", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")
_MOST_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Named:
    """A number in a line, with the name before it.

    Attributes:
        literal: The text from the name's beginning to the number's.
        start: Where the name begins.
        end: Where the number ends.
    """

    name: str
    literal: str
    number: str
    start: int
    end: int


def named_numbers(line: str) -> Iterator[Named]:
    """Yield the numbers of a line that have a name before them, such as `val acc: 0.93` or `'loss': tensor(0.5)`."""
    for match in _PAIR.finditer(line[:_MOST_CHARACTERS]):
        yield _named(match)


def pattern_for(line: str, found: Named, group: str) -> tuple[str, str | None] | None:
    """Return a regular expression that reads a number, and the epoch if the line has one, of lines like this one.

    Args:
        found: The number in the line.
        group: The name of its group.

    Returns:
        The expression, and the epoch that it finds in this line; None if there is no expression that does.
    """
    others = (match for match in _EPOCH.finditer(line) if not found.start <= match.start() < found.end)
    epoch = next(map(_named, others), None)
    for number in (r"[-+.\w]+", r"[-+.\d]+"):
        parts = [(found.start, f"{_literal(line, found)}(?P<{group}>{number})")]
        if epoch is not None:
            digits = r"[\d.]+" if "." in epoch.number else r"\d+"
            parts.append((epoch.start, f"{_literal(line, epoch)}(?P<{EPOCH}>{digits})"))
        text = ".*?".join(part for _, part in sorted(parts))
        match = re.search(text, line)
        if match is None or str(number_in(match[group])) != str(number_in(found.number)):  # NaN differs from itself
            continue
        if epoch is None:
            return text, None
        if epoch_in(match[EPOCH]) == epoch_in(epoch.number):
            return text, match[EPOCH]
    return None


def _named(match: re.Match[str]) -> Named:
    name, between = match["name"], match["between"]
    return Named(name, name + between, match["number"], match.start("name"), match.end("number"))


def _literal(line: str, found: Named) -> str:
    quote = line[found.start - 1] if found.start and line[found.start - 1] in "\"'" else ""
    words = _BLANKS.split(f"{quote}{found.literal}")
    boundary = r"\b" if not quote else ""
    return boundary + r"\s*".join(_escaped(word) for word in words)


def _escaped(text: str) -> str:
    return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)
