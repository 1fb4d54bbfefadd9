"""A space file's content as values that JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.text import FieldPath, shown

_MAX_DEPTH = 32
_MAX_VALUES = 100_000  # aliases of aliases can make a short file endless
LARGEST_INTEGER = 2**63  # the limit of a signed column in a database


def plain(value: Any, path: FieldPath = ()) -> Any:
    """Return a copy of a space file's content that JSON can hold. No part of it is shared.

    Args:
        value: The content, from the parser.
        path: Where it stands in the file, for messages.

    Raises:
        FieldError: The content has a date, a set, a number that is too large or not finite, a key that is not text,
            half of a character, itself inside, or more than 100,000 values.
    """
    return _Copier().copy(value, path)


class _Copier:
    """Copies one file's content."""

    def __init__(self) -> None:
        self._count = 0

    def copy(self, value: Any, path: FieldPath) -> Any:
        """Return a copy of the content at a path."""
        self._count += 1
        if self._count > _MAX_VALUES:
            raise FieldError(path[:2], "has too many values", f"at most {_MAX_VALUES}, aliases followed")
        if len(path) > _MAX_DEPTH:
            raise FieldError(path[:2], "is nested too deeply", f"at most {_MAX_DEPTH} levels, and no alias of itself")
        if isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str):
                    raise FieldError((*path, key), f"the key {shown(key)} is not text", "names; put quotes around it")
            return {_text(key, (*path, key)): self.copy(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.copy(item, (*path, position)) for position, item in enumerate(value)]
        return _scalar(value, path)


def _scalar(value: object, path: FieldPath) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, int) and abs(value) < LARGEST_INTEGER:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, (int, float)):
        found = "a huge integer" if isinstance(value, int) else shown(value)
        raise FieldError(path, f"found {found}", "finite numbers, and integers below 2**63")
    raise FieldError(
        path,
        f"found {shown(str(value))}, a {type(value).__name__}",
        "text (in quotes), numbers, true, false, null, lists and mappings",
    )


def _text(value: str, path: FieldPath) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        half = ascii(value[error.start])
        raise FieldError(path, f"found {half}, half of a character", "text that can be written as UTF-8") from None
    return str(value)
