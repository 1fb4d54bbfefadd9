"""Values of JSON's types as YAML on one line, as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hpsearch.system.documents.scalars import double_quoted, is_word, single_quoted

_RELATIVE = re.compile(r"\.\.?(?:/[\w./-]*)?", re.ASCII)  # `.`, `../a`
_SHOWN_CHARACTERS = 80


def flow(value: Any) -> str:
    """Return a value as YAML on one line, whatever its text holds."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{flow(key)}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(flow, value))}]"
    return _text(str(value))


def short(value: Any) -> str:
    """Return a value as YAML for a message, cut to part of a line."""
    text = flow(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def _number(value: float) -> str:
    """Return a finite number as people write it: 3, 0.3, 1e-4."""
    text = repr(value)
    is_short = "e" not in text and (not value or abs(value) >= 0.01)  # noqa: PLR2004 - where zeros begin to be counted
    if isinstance(value, int) or is_short:
        return text
    return format(Decimal(text).normalize(), "e").replace("e+", "e")


def _text(text: str) -> str:
    if is_word(text) or _RELATIVE.fullmatch(text):
        return text
    return single_quoted(text) if text.isprintable() else double_quoted(text, short=False)
