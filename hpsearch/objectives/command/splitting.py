"""A command's text as arguments: split as a shell would, but for blanks and quotes inside a placeholder."""

from __future__ import annotations

import re
import shlex

from hpsearch.errors import FieldError
from hpsearch.objectives.command.program import ASSIGNMENT
from hpsearch.objectives.command.tokens import TOKEN, is_compound
from hpsearch.text import FieldPath

FIELD = ("objective", "command")
_CONTINUATION = re.compile(r"(?<!\\)((?:\\\\)*)\\\n")
_HIDDEN = {ord(char): 0xFDD0 + at for at, char in enumerate(" \t\n'\"\\")}  # noncharacters, which no text has
_SHOWN = {hidden: char for char, hidden in _HIDDEN.items()}


def split(command: str | list[str], field: FieldPath) -> list[str]:
    """Return a command's program and arguments, with their placeholders.

    Args:
        field: Where in the space file it stands.

    Raises:
        FieldError: Its quotes are not balanced, or it is empty.
    """
    if isinstance(command, str):
        try:
            arguments = shell_words(command)
        except ValueError as error:
            raise FieldError(field, f"can't be split: {str(error).lower()}", "balanced quotes") from None
    else:
        arguments = command
    if not arguments or not arguments[0].strip():
        raise FieldError(field, "is empty", "a program and its arguments, such as: python train.py {args}")
    return arguments


def split_command(command: str | list[str]) -> list[str]:
    """Return what `split` does for the command itself. Text may begin with variables, which `env` then sets.

    Raises:
        FieldError: As `split`.
    """
    arguments = split(command, FIELD)
    return ["env", *arguments] if isinstance(command, str) and ASSIGNMENT.match(arguments[0]) else arguments


def shell_words(text: str) -> list[str]:
    """Return the words that a shell splits text into, but for blanks and quotes inside a placeholder.

    Raises:
        ValueError: Its quotes are not balanced.
    """
    hidden = TOKEN.sub(_hidden, unbroken(text))
    return [word.translate(_SHOWN) for word in shlex.split(hidden)]


def unbroken(text: str) -> str:
    """Return text without the newlines of continued lines: Python's splitting keeps them, a shell drops them."""
    return _CONTINUATION.sub(r"\1", text)


def _hidden(match: re.Match[str]) -> str:
    return match[0].translate(_HIDDEN) if match[1] is not None and is_compound(match[1]) else match[0]
