"""The numbers in one line of a command's output or one row of its log."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

EPOCH = "epoch"
Fields = dict[str, float]

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?(nan|inf|infinity)", re.IGNORECASE)
_OF_ALL = re.compile(r"(\d+)\s*/\s*\d+")  # 3/30, the third epoch of 30
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")


def plain(line: str) -> str:
    """Return a line without the codes that colour it on a terminal."""
    return _ESCAPE.sub("", line) if "\x1b" in line else line


def json_object(line: str) -> dict[str, Any] | None:
    """Return the JSON object that a line consists of; None if it is something else."""
    text = plain(line).strip()
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def at(mapping: Mapping[str, Any], name: str) -> Any:
    """Return the value of a key; dots lead into mappings where there is no such key. None if there is no value."""
    if name in mapping:
        return mapping[name]
    first, _, rest = name.partition(".")
    while rest:
        inner = mapping.get(first)
        if isinstance(inner, Mapping) and (found := at(inner, rest)) is not None:
            return found
        more, _, rest = rest.partition(".")
        first = f"{first}.{more}"
    return None


def has(mapping: Mapping[str, Any], name: str) -> bool:
    """Return whether there is such a key, also one that holds null."""
    return name in mapping or at(mapping, name) is not None


def number_of(value: Any) -> float | None:
    """Return a number as a float; None for anything else. A boolean is none."""
    if type(value) not in (int, float):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf if value > 0 else -math.inf


def number_in(text: object) -> float | None:
    """Return the number that a text consists of, such as `0.93`, `1e-3` or `nan`; None if it is not one number."""
    if not isinstance(text, str) or _NUMBER.fullmatch(text.strip()) is None:
        return None
    return float(text)


def epoch_in(value: Any) -> float | None:
    """Return the epoch that a value says: a number, its text, or `3/30`; None if it says none."""
    if not isinstance(value, str):
        return number_of(value)
    of_all = _OF_ALL.fullmatch(value.strip())
    return float(of_all[1]) if of_all else number_in(value)


def numbers_of(mapping: Mapping[str, Any], names: Iterable[str]) -> tuple[Fields, bool]:
    """Return the numbers of a JSON object.

    Args:
        mapping: The object.
        names: What is needed of it. It may lie below other keys, may be the text of a number, and null is NaN, for
            strict JSON has no other way to write that.

    Returns:
        The numbers by name, and whether one that is needed is text. Then all text that is a number counts.
    """
    found = {name: number for name, value in mapping.items() if (number := number_of(value)) is not None}
    as_text = False
    for name in names:
        value = at(mapping, name)
        number = math.nan if value is None and name in mapping else number_of(value)
        if number is None and (number := number_in(value)) is not None:
            as_text = True
        if number is not None:
            found[name] = number
    if as_text:
        found |= {name: number for name, value in mapping.items() if (number := number_in(value)) is not None}
    return found, as_text
