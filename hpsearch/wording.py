"""Words of messages: values as a space file shows them, and the known word nearest to a mistyped one."""

from __future__ import annotations

import re

from hpsearch.errors import printable

_SHOWN_CHARACTERS = 60

Path = tuple[str | int, ...]
"""Where something stands in a space file: keys, and positions in lists."""


def nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Return the known word nearest to a mistyped one, or an empty string."""
    import difflib

    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.6)), "")


def shown(value: object) -> str:
    """Return a value as YAML would show it, cut to part of a line."""
    words = {True: "true", False: "false", None: "null"}
    return words[value] if value is None or isinstance(value, bool) else shown_in_python(value)


def shown_in_python(value: object) -> str:
    """Return a value as Python would show it, cut to part of a line."""
    try:
        text = repr(value)
    except ValueError:  # an integer has more digits than Python writes
        text = f"a huge {'integer' if isinstance(value, int) else type(value).__name__}"
    text = printable(re.sub(r"\s*\n\s*", " ", text))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
