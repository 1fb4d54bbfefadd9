"""The text of a space file: values as YAML, arguments as a shell reads them, comments in a column."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*|\.\.?(?:/[\w./-]*)?", re.ASCII)  # words and paths, also `.` and `../a`
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_LARGEST_INTEGER = 2**63
_LONGEST = 200
_WIDTH = 110
_COLUMN = 44  # comments begin no farther right than this


def scalar(value: Any) -> str | None:
    """Return a value as YAML, or None if a space file can't hold it on a line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < _LARGEST_INTEGER else None
    if isinstance(value, float):
        return number(value) if math.isfinite(value) else None
    if not isinstance(value, str) or not value.isprintable() or len(value) > _LONGEST:
        return None
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return "'" + value.replace("'", "''") + "'"


def number(value: float) -> str:
    """Return a float as people write it: 0.3, 1e-4."""
    text = repr(value)
    if "e" not in text and (not value or abs(value) >= 0.01):  # noqa: PLR2004 - where zeros begin to be counted
        return text
    return format(Decimal(text).normalize(), "e").replace("e+", "e")


def distribution(kind: str, arguments: Sequence[Any]) -> str | None:
    """Return a distribution as YAML, or None if an argument can't be written."""
    texts = [scalar(argument) for argument in arguments]
    known = [text for text in texts if text is not None]
    different = (
        len(set(arguments)) == len(arguments) if all(isinstance(a, (str, int, float)) for a in arguments) else False
    )
    return f"{{{kind}: [{', '.join(known)}]}}" if different and len(known) == len(texts) else None


def argument(text: str) -> str:
    """Return literal text as a part of a command: quoted where a shell needs it, with its braces doubled."""
    return shlex.quote(text).replace("{", "{{").replace("}", "}}")


def command_lines(parts: Sequence[str]) -> list[str]:
    """Return a command's parts as lines of a block, continued as in a shell."""
    lines = [f"    {parts[0]}"]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) < _WIDTH:
            lines[-1] += f" {part}"
        else:
            lines[-1] += " \\"
            lines.append(f"      {part}")
    return lines


def printable(text: str) -> str:
    """Return text with a question mark for what a comment can't hold."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def aligned(rows: Sequence[tuple[str, str]], indent: str = "  ") -> list[str]:
    """Return lines of text with their comments in a column.

    Args:
        rows: Text and comment; no text makes the comment a line of its own, no comment leaves it out.
    """
    column = min(_COLUMN, max((len(text) for text, note in rows if text and note), default=0))
    lines = []
    for text, note in rows:
        if not text:
            lines.append(f"{indent}# {printable(note)}")
        else:
            lines.append(f"{indent}{text.ljust(column)}  # {printable(note)}" if note else f"{indent}{text}")
    return lines
