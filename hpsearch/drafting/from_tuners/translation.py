"""What has been carried over so far: the parameters, the rest of a space file, and what the user has to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hpsearch.drafting.flow import short
from hpsearch.drafting.from_tuners.ranges import Found
from hpsearch.drafting.space_file import DEFAULT_EPOCHS, DEFAULT_METRIC, FILL_IN, is_searched
from hpsearch.errors import FieldError
from hpsearch.space.distributions import Scalar
from hpsearch.space.parsing import parse_space
from hpsearch.text import Path

SET = "set this"
"""What marks a guess in the file."""

Condition = Mapping[str, tuple[Scalar, ...]]
"""By the name of a parameter, which of its choices have to be chosen."""


@dataclass(frozen=True, slots=True)
class Field:
    """A value of the new file outside of its space.

    Attributes:
        note: What the user has to look at; the user is told.
        comment: Where it comes from; stands in the file alone.
    """

    value: Any
    note: str = ""
    comment: str = ""


@dataclass(kw_only=True, slots=True)
class Translation:
    """What a space file is made from.

    Attributes:
        origin: What was read, such as `the W&B sweep sweep.yaml`.
        found: What each parameter became, by its name here.
        conditions: Of the parameters that have one.
        search: What stands in the section `search`.
        command: Program and arguments, braces doubled but for placeholders; empty for an objective in Python.
        python: `module:name` of an objective in Python.
        notes: What could not be carried over, beyond single parameters.
        checks: What the user has to look at before the first study.
    """

    origin: str
    study: str
    metric: Field = field(default_factory=lambda: Field(DEFAULT_METRIC, note="nothing says what is measured"))
    direction: Field = field(default_factory=lambda: Field("minimize", note="nothing says so"))
    epochs: Field = field(default_factory=lambda: Field(DEFAULT_EPOCHS, note="nothing says how many"))
    search: dict[str, Field] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    conditions: dict[str, Condition] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    python: Field = field(default_factory=lambda: Field(f"{FILL_IN}:train", note="the function that trains"))
    notes: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)

    def add(self, name: str, found: Found, path: Path, when: Condition | None = None) -> str:
        """Add a parameter and return its name here: another one if a parameter of other values has that name.

        Args:
            name: As it is called there; dots lead into mappings.
            path: Where it stands in the file, for messages.
            when: What it depends on; None or empty for nothing.

        Raises:
            FieldError: Two parameters that are always there have the same name.
        """
        if when and not found.is_lost and not isinstance(found.raw, Mapping):
            # A constant of a space file has no conditions; a choice without alternatives has.
            found = replace(found, raw={"choice": [found.raw]})
        if name in self.found:
            if not when:
                raise FieldError(path, f"there are two parameters called {name!r}", "another name for one of them")
            if self._is_joined(name, found, when):
                return name
            other = self._free(".".join([name, *(str(values[0]) for values in when.values())]))
            found = found.noting(f"is called {name} there, where another parameter is called so too")
            name = other
        self.found[name] = found
        if when:
            self.conditions[name] = when
        return name

    def _is_joined(self, name: str, found: Found, when: Condition) -> bool:
        """Let a parameter that is there under one choice be there under another one as well, if it can."""
        there = self.conditions.get(name, {})
        if self.found[name].raw != found.raw or len(there) != 1 or list(there) != list(when):
            return False
        ((parent, values),) = there.items()
        self.conditions[name] = {parent: (*values, *(value for value in when[parent] if value not in values))}
        return True

    def _free(self, name: str) -> str:
        while name in self.found:
            name += "_"
        return name

    def rename(self, name: str) -> str:
        """Give a parameter another name, in its place, and return that."""
        other = self._free(f"{name}_value")
        here = {name: other}
        self.found = {here.get(key, key): found for key, found in self.found.items()}
        self.conditions = {
            here.get(key, key): {here.get(parent, parent): values for parent, values in when.items()}
            for key, when in self.conditions.items()
        }
        return other

    @property
    def carried(self) -> dict[str, Any]:
        """The space as a space file has it: what each parameter became, with its conditions."""
        return {
            name: found.raw | {"when": {parent: _short(values) for parent, values in self.conditions[name].items()}}
            if name in self.conditions
            else found.raw
            for name, found in self.found.items()
            if not found.is_lost
        }

    @property
    def searched(self) -> list[str]:
        """The parameters that have more than one value."""
        return [name for name, raw in self.carried.items() if is_searched(raw)]

    @property
    def size(self) -> float:
        """How many configs there are at most."""
        return parse_space(self.carried).size if self.searched else 1

    def take_epochs(self, name: str, *, keep: bool) -> None:
        """Take the length of a trial from a parameter that means it.

        Args:
            keep: Whether the space has it nevertheless, if it is a constant.
        """
        found = self.found[name]
        longest = _largest(found.raw)
        if longest is not None and longest >= 1 and longest == int(longest):
            is_searched = isinstance(found.raw, Mapping)
            note = f"the longest of {short(found.raw)}; all trials are equally long" if is_searched else ""
            self.epochs = Field(int(longest), note=note, comment="" if is_searched else name)
        if not keep:
            del self.found[name]
            self.conditions.pop(name, None)


def _short(values: tuple[Scalar, ...]) -> Any:
    return values[0] if len(values) == 1 else list(values)


def _largest(raw: Any) -> float | None:
    """Return the largest number that a constant or a distribution of the space file stands for."""
    values = [raw]
    if isinstance(raw, Mapping):
        (kind, arguments), *_ = raw.items()
        values = list(arguments) if kind == "choice" else list(arguments[1:2])
        values = list(arguments.values()) if isinstance(arguments, Mapping) else values
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return max(numbers, default=None)
