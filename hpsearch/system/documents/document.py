"""A file's text with the places of its values. A format's `Document` finds them, and knows how new text looks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpsearch.errors import InputError

TOP = "."  # the key of a file's top level
_LONGEST_SHOWN = 40
UNKNOWN = object()  # no config has this value


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a file.

    Attributes:
        start: Where its text begins.
        end: Where its text ends, without the comment or line break after it.
        members: The members of a mapping, in order; None if it is not a mapping.
        items: The items of a list; None if it is no list, or one whose items can't be edited.
        content: The value of a scalar as text, or the text of a list; empty for a mapping.
        barrier: Why it can't be edited; empty if it can.
        block: Whether it is a collection in block style.
    """

    start: int
    end: int
    members: tuple[Member, ...] | None = None
    items: tuple[Value, ...] | None = None
    content: str = ""
    barrier: str = ""
    block: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A key of a mapping with its value.

    Attributes:
        key: The key, or an item's number from 0 on; None if it is not a scalar.
        start: Where the key's text begins.
        end: Where the key's text ends.
        value: The value.
    """

    key: str | None
    start: int
    end: int
    value: Value


@dataclass(frozen=True, slots=True)
class Edit:
    """Text to put in place of `text[start:end]`."""

    start: int
    end: int
    text: str


class Document(ABC):
    """A file's text with the places of its values.

    Args:
        text: The whole text of the file.
        file: The file as the user named it, for messages.

    Raises:
        InputError: The text can't be parsed, or holds several documents.
    """

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.root = self.parse()

    @abstractmethod
    def parse(self) -> Value | None:
        """Return the value at the top, or None for an empty file."""

    @abstractmethod
    def load(self, value: Value) -> Any:
        """Return a value as a reader of the file gets it; `UNKNOWN` if it depends on the rest of the file."""

    @abstractmethod
    def replaced(self, member: Member, value: Any) -> Edit:
        """Return the edit that sets a member's value."""

    @abstractmethod
    def appended(self, mapping: Value, members: Mapping[str, Any]) -> Edit:
        """Return the edit that adds members at the end of a mapping."""

    def closed(self, mapping: Value) -> str:
        """Return why a mapping can't get new members; empty if it can."""
        del mapping
        return ""

    def formula(self, value: Value) -> str:
        """Return the text of a value that is computed from others, as `${base.lr}` is; empty for any other."""
        return value.content if value.members is None and "${" in value.content else ""

    def error(self, place: int, problem: str) -> InputError:
        """Return an error with file and line."""
        return InputError(f"{self.file}:{self.line(place)}: {problem}")

    def line(self, place: int) -> int:
        """Return the number of a place's line, from 1 on."""
        return self.text.count("\n", 0, place) + 1

    def shown(self, value: Value) -> str:
        """Return the first line of a value's text, shortened."""
        text = self.text[value.start : value.end].partition("\n")[0].strip()
        return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...") if text else "nothing"
