"""Lists of values in other tools, as a `choice`. Values that are no scalars get names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.drafting.from_tuners.ranges import Found
from hpsearch.errors import FieldError
from hpsearch.space.distributions import Scalar
from hpsearch.text import FieldPath, shown

_LONGEST_LABEL = 40
_TELLING = ("_name", "name", "type")  # keys that say what a mapping is


def choice(values: Sequence[Any], path: FieldPath) -> Found:
    """Return a choice among values, or a constant for a single scalar.

    Args:
        values: Values of JSON's types.
        path: Where they stand in the file, for messages.

    Raises:
        FieldError: The list is empty.
    """
    if not values:
        raise FieldError(path, "is empty", "a list of values, not empty")
    different: list[Any] = []
    twice: list[Any] = []
    for value in values:
        (twice if any(_same(value, other) for other in different) else different).append(value)
    note = f"{shown(twice[0])} is listed twice, and is one choice" if twice else ""
    if len(different) == 1:
        return constant(different[0]).noting(note)
    return Found({"choice": listed_or_named(different)}, note=note)


def constant(value: Any) -> Found:
    """Return a constant. A list or a mapping becomes a choice of one, because constants are scalars."""
    return Found(value if isinstance(value, Scalar) else {"choice": listed_or_named([value])})


def listed_or_named(values: Sequence[Any]) -> list[Any] | dict[str, Any]:
    """Return the arguments of a choice: a list if a store can tell the values apart, else values by name."""
    scalars = all(isinstance(value, Scalar) for value in values)
    if scalars and all(value not in values[:at] for at, value in enumerate(values)):
        return list(values)
    return dict(zip(labels(values), values, strict=True))


def labels(values: Sequence[Any]) -> list[str]:
    """Return a different name for each value."""
    names: list[str] = []
    for at, value in enumerate(values, start=1):
        name = _label(value)
        usable = name.isprintable() and 0 < len(name) <= _LONGEST_LABEL and name not in names
        names.append(name if usable else _free(f"option_{at}", names))
    return names


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _label(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return next((value[key] for key in _TELLING if isinstance(value.get(key), str)), "")
    if isinstance(value, (list, tuple)):
        return "-".join(map(str, value)) if all(isinstance(item, (str, int, float)) for item in value) else ""
    return shown(value)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)  # to Python, 1, 1.0 and True are equal, in lists too
