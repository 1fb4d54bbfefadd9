"""The translation of another tool's search space: what becomes of each part, and what the user is told."""

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
from hpsearch.text import FieldPath

SET = "set this"
"""What marks a guess in the file."""

Condition = Mapping[str, tuple[Scalar, ...]]
"""By parameter: one of these choices must be chosen."""


@dataclass(frozen=True, slots=True)
class Field:
    """A value of the new file, outside of the section `space`.

    Attributes:
        value: Of JSON's types.
        note: Why the user has to check it; empty if it is no guess. It is printed, and it is a comment in the file.
        comment: Where the value comes from; a comment in the file only.
    """

    value: Any
    note: str = ""
    comment: str = ""


@dataclass(kw_only=True, slots=True)
class Translation:
    """What becomes of a search space, part by part.

    Attributes:
        origin: What was read, such as `the W&B sweep sweep.yaml`.
        study: The name of the study; it may hold any text.
        found: What each parameter became, by its name in the space file.
        conditions: The conditions of the parameters that have one.
        search: The section `search`.
        command: Program and arguments, in groups that stay on one line, with braces doubled outside of placeholders;
            empty for an objective in Python.
        config_file: The section `config_file` of the command; empty if it has none.
        keys: Where nested parameters are in the other tool's own config, by their names in the space file.
        python: `module:name` of an objective in Python.
        notes: What could not be carried over, apart from single parameters.
        checks: What the user has to check before the first study.
    """

    origin: str
    study: str
    metric: Field = field(default_factory=lambda: Field(DEFAULT_METRIC, note="the source names no metric"))
    direction: Field = field(default_factory=lambda: Field("minimize", note="the source has no direction"))
    epochs: Field = field(default_factory=lambda: Field(DEFAULT_EPOCHS, note="the source has no number of epochs"))
    search: dict[str, Field] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    conditions: dict[str, Condition] = field(default_factory=dict)
    command: list[tuple[str, ...]] = field(default_factory=list)
    config_file: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    python: Field = field(default_factory=lambda: Field(f"{FILL_IN}:train", note="the function that trains"))
    notes: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)

    def add(self, name: str, found: Found, path: FieldPath, when: Condition | None = None) -> str:
        """Add a parameter and return its name in the space file. It is another name if a different parameter has it.

        Args:
            name: The parameter's name in the other tool; dots lead into mappings.
            found: What it becomes.
            path: Where it stands in the file, for messages.
            when: Its condition; None or empty if it has none.

        Raises:
            FieldError: Two parameters without conditions have the same name.
        """
        if when and not found.is_lost and not isinstance(found.raw, Mapping):
            # In a space file a constant can't have a condition, but a choice of one can.
            found = replace(found, raw={"choice": [found.raw]})
        if name in self.found:
            if not when:
                raise FieldError(path, f"there are two parameters called {name!r}", "another name for one of them")
            if self._is_joined(name, found, when):
                return name
            other = self._free(".".join([name, *(str(values[0]) for values in when.values())]))
            found = found.noting(f"was called {name}, as another parameter is")
            name = other
        self.found[name] = found
        if when:
            self.conditions[name] = when
        return name

    def _is_joined(self, name: str, found: Found, when: Condition) -> bool:
        """Join a condition to that of an existing parameter, if both name the same choice; return whether it was."""
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
        """Give a parameter another name, and return that; its place stays."""
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
        """The section `space`: what each parameter became, with its condition."""
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
        """The largest possible number of configs."""
        return parse_space(self.carried).size if self.searched else 1

    def take_epochs(self, name: str, *, keep: bool) -> None:
        """Set the epochs from a parameter that means them.

        Args:
            name: The parameter's name in the space file.
            keep: Whether the parameter stays in the space.
        """
        found = self.found[name]
        longest = _largest(found.raw)
        if longest is not None and longest >= 1 and longest == int(longest):
            is_constant = not isinstance(found.raw, Mapping)
            note = "" if is_constant else f"the largest of {short(found.raw)}; all trials have the same length"
            self.epochs = Field(int(longest), note=note, comment=name if is_constant else "")
        if not keep:
            del self.found[name]
            self.conditions.pop(name, None)


def _short(values: tuple[Scalar, ...]) -> Any:
    return values[0] if len(values) == 1 else list(values)


def _largest(raw: Any) -> float | None:
    """Return the largest value of a constant or a distribution; None if it has no numbers."""
    values = [raw]
    if isinstance(raw, Mapping):
        (kind, arguments), *_ = raw.items()
        values = list(arguments) if kind == "choice" else list(arguments[1:2])
        values = list(arguments.values()) if isinstance(arguments, Mapping) else values
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return max(numbers, default=None)
