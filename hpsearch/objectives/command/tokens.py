"""How placeholders are told from the other text of a command."""

from __future__ import annotations

import re
from collections.abc import Iterator

TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
"""A doubled brace, a placeholder with its body as the group, or a single brace."""

DEFINITION = re.compile(r"\s*([^\W\d][\w.-]*)\s*=(?!=)(.*)", re.DOTALL)
"""A body such as `steps = 20 * epochs`, with the name and the formula as groups."""

ARITHMETIC = re.compile(r"[\w.\s()*/+%,-]*(?:[*/+%]|\s-\s)[\w.\s()*/+%,-]*")
"""A body such as `20 * epochs`, which lacks its name."""

VARIABLE = re.compile(r"env:\s*([^\W\d]\w*)\s*")
"""A body such as `env:HOME`, with the environment variable as the group."""

FLAG = "flag:"
"""How the body of a flag begins."""


def bodies(text: str) -> Iterator[str]:
    """Yield the bodies of all placeholders."""
    return (match[1] for match in TOKEN.finditer(text) if match[1] is not None)


def is_compound(body: str) -> bool:
    """Return whether a body is more than a name, so that blanks in it don't separate arguments."""
    return body.startswith(FLAG) or any(form.fullmatch(body) for form in (DEFINITION, ARITHMETIC))


def mentions(command: str | list[str], name: str) -> bool:
    """Return whether a placeholder has a name: by itself, as a flag or in arithmetic."""
    texts = [command] if isinstance(command, str) else command
    return any(_has(body, name) for text in texts for body in bodies(text))


def _has(body: str, name: str) -> bool:
    if body.startswith(FLAG):
        return body.removeprefix(FLAG).partition("|")[0].strip() == name
    if definition := DEFINITION.fullmatch(body):
        return re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", definition[2]) is not None
    return body == name
