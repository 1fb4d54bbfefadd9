"""Values as Python literals, in the style of the text that they replace."""

from __future__ import annotations

import ast
import keyword
import math
from typing import Any

from hpsearch.system.documents.scalars import float_text


def python_text(value: Any, old: str = "") -> str:
    """Return a plain value as a Python literal on one line.

    Args:
        value: What `plain` returned.
        old: The text that it replaces. Its style of exponents, quotes and brackets is kept: a tuple stays one.
    """
    if isinstance(value, float):
        return float_text(value, old) if math.isfinite(value) else f'float("{value}")'
    if isinstance(value, str):
        return _string_text(value, old)
    if isinstance(value, list):
        return _list_text([python_text(item) for item in value], old)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name!r}: {python_text(item)}' for name, item in value.items())}}}"
    return repr(value)


def _string_text(value: str, old: str) -> str:
    simple = value.isprintable() and '"' not in value and "\\" not in value
    return f'"{value}"' if old.startswith('"') and simple else repr(value)


def _list_text(items: list[str], old: str) -> str:
    if _is_tuple(old):
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    return f"[{', '.join(items)}]"


def is_name(text: str) -> bool:
    """Return whether Python can assign to a name."""
    return text.isidentifier() and not keyword.iskeyword(text)


def _is_tuple(old: str) -> bool:
    try:
        return bool(old) and isinstance(ast.parse(f"({old}\n)", mode="eval").body, ast.Tuple)
    except (SyntaxError, ValueError):
        return False
