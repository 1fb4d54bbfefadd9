"""What a drafted space file holds, before it is text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_EPOCHS = 20  # where nothing says how many
DEFAULT_METRIC = "val_loss"  # where nothing says which
FILL_IN = "FILL_IN"
"""What stands where only the user knows the text."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a line of its own."""

    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value and the comment beside it.

    Attributes:
        value: Of JSON's types, or a `Block` or a `CommandText`.
        comment: Empty for none.
    """

    name: str
    value: Any
    comment: str = ""


Line = Comment | Entry


@dataclass(frozen=True, slots=True)
class Block:
    """A mapping with a line for each entry."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class CommandText:
    """A command as a space file has it.

    Attributes:
        groups: Words that stay on the same line, such as an option and its value. Braces of literal text are doubled.
    """

    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceFile:
    """A space file, in the order of its text.

    Attributes:
        head: Comments at the top.
        goal: `metric` and `direction`.
        objective: The section `objective`.
        space: The section `space`.
        search: The section `search`; without entries it is left out.
        finalists: The section `finalists`; without entries it is left out.
        tail: Comments at the end.
    """

    head: tuple[str, ...]
    study: str
    goal: tuple[Entry, ...]
    objective: tuple[Line, ...]
    space: tuple[Line, ...]
    search: tuple[Entry, ...] = ()
    finalists: tuple[Entry, ...] = ()
    tail: tuple[str, ...] = ()

    @property
    def searched(self) -> tuple[str, ...]:
        """The parameters that have more than one value."""
        return searched_in(self.space)

    @property
    def constants(self) -> tuple[str, ...]:
        """The parameters that have one value alone."""
        return constants_in(self.space)


def is_searched(value: Any) -> bool:
    """Return whether a value of the section `space` is a distribution with more than one value."""
    return isinstance(value, Mapping) and ("choice" not in value or len(value["choice"]) > 1)


def searched_in(space: tuple[Line, ...] | list[Line]) -> tuple[str, ...]:
    """Return the names in a section `space` that have more than one value."""
    return tuple(line.name for line in space if isinstance(line, Entry) and is_searched(line.value))


def constants_in(space: tuple[Line, ...] | list[Line]) -> tuple[str, ...]:
    """Return the names in a section `space` that have one value alone."""
    return tuple(line.name for line in space if isinstance(line, Entry) and not is_searched(line.value))


def literal(text: str) -> str:
    """Return text as a command has it: its braces doubled, so that they stand for no value."""
    return text.replace("{", "{{").replace("}", "}}")


def how_to_measure(problem: str, metric: str) -> tuple[Comment, ...]:
    """Return the comments of an objective whose measurements were not found."""
    return (
        Comment(f"{problem} after each epoch:"),
        Comment(f'  print(json.dumps({{"epoch": epoch, "{metric}": value}}), flush=True)'),
        Comment("or say where its log is: metrics: {regex: ...}, {csv: ...} or {tensorboard: ...}"),
    )
