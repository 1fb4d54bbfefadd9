"""What a drafted space file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_EPOCHS = 20  # if the source does not say how many
DEFAULT_METRIC = "val_loss"  # if the source does not say which
FILL_IN = "FILL_IN"
"""What marks a place that only the user can fill in."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a line of its own."""

    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value and the comment beside it.

    Attributes:
        value: A value of JSON's types, a `Block` or a `CommandText`.
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
        groups: Words that stay on one line, such as an option and its value. Braces of literal text are doubled.
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
        search: The section `search`; left out if empty.
        finalists: The section `finalists`; left out if empty.
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
    """Return text for a command, with its braces doubled, so that they are no placeholder."""
    return text.replace("{", "{{").replace("}", "}}")


def how_to_measure(problem: str, metric: str) -> tuple[Comment, ...]:
    """Return comments that say how a script can give its measurements.

    Args:
        problem: The beginning of the first comment: what is wrong, and what the script should print.
        metric: The name of the metric.
    """
    return (
        Comment(f"{problem} after each epoch:"),
        Comment(f'  print(json.dumps({{"epoch": epoch, "{metric}": value}}), flush=True)'),
        Comment("or say where its log is: metrics: {regex: ...}, {csv: ...} or {tensorboard: ...}"),
    )
