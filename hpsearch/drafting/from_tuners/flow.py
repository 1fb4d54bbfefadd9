"""Values of JSON's types as YAML on one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpsearch.drafting.from_script.layout import scalar

_SHOWN_CHARACTERS = 80


def flow(value: Any) -> str:
    """Return a value as YAML on one line, whatever its text holds."""
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{flow(key)}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(flow, value))}]"
    return scalar(value) or _quoted(str(value))


def short(value: Any) -> str:
    """Return a value as YAML for a message, cut to part of a line."""
    text = flow(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def _quoted(text: str) -> str:
    """Return text that is long, or has what can't be printed, in the quotes that know escapes."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"
