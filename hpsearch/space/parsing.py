"""From the `space` section of a file to a `Space`, or one message on what is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.space.distributions import MOST_STEPS, Choice, Distribution, Range, Scalar
from hpsearch.space.options import OPTIONS, with_options
from hpsearch.space.space import Space
from hpsearch.text import FieldPath, nearest, shown

_QUANTISED = ("quniform", "qloguniform", "qrandint", "qlograndint")
RANGE_KINDS = ("uniform", "loguniform", "randint", "lograndint", *_QUANTISED)
KINDS = (*RANGE_KINDS, "choice")
LONGEST_NAME = 200  # characters: columns of databases and lines of tables are limited


def parse_space(raw: Mapping[str, Any], path: FieldPath = ("space",), constraints: Sequence[str] = ()) -> Space:
    """Return the space that a section describes.

    Args:
        raw: Name to `{kind: arguments}`, with options beside the kind, or to a scalar for a constant.
        path: Where the section stands in the file, for messages.
        constraints: Expressions on the parameters.

    Raises:
        FieldError: Something is wrong.
    """
    parameters: dict[str, Distribution] = {}
    constants: dict[str, Any] = {}
    for name, value in raw.items():
        here = (*path, name)
        if not name:
            raise FieldError(here, "the name of a parameter is empty", "text")
        if not name.isprintable() or len(name) > LONGEST_NAME:
            found = f"the name of a parameter is {shown(name)}"
            raise FieldError(here, found, f"printable text of at most {LONGEST_NAME} characters")
        if isinstance(value, Mapping):
            parameters[name] = _parse_distribution(value, here)
        elif isinstance(value, list):
            raise FieldError(
                here, f"is a list, {shown(value)}", "{choice: [...]}, a range such as {uniform: [0, 1]}, or a constant"
            )
        else:
            constants[name] = value
    if not parameters:
        raise FieldError(
            path, "has no parameter to search", "at least one distribution, such as lr: {loguniform: [1e-4, 1e-1]}"
        )
    space = Space(parameters, constants, tuple(raw))
    return with_options(space, raw, path, constraints)


def _parse_distribution(raw: Mapping[str, Any], path: FieldPath) -> Distribution:
    kinds = [key for key in raw if key not in OPTIONS]
    if len(kinds) != 1:
        found = f"has {len(kinds)} distributions, {shown(dict(raw))}"
        raise FieldError(path, found, f"one of {', '.join(KINDS)}, such as {{uniform: [0, 1]}}")
    kind = kinds[0]
    if kind == "choice":
        return _parse_choice(raw[kind], (*path, kind))
    if kind not in RANGE_KINDS:
        known = (*KINDS, *OPTIONS) if len(raw) > 1 else KINDS
        raise FieldError(path, f"unknown distribution {kind!r}", ", ".join(known), nearest(str(kind), known))
    return _parse_range(kind, raw[kind], (*path, kind))


def _parse_range(kind: str, arguments: Any, path: FieldPath) -> Range:
    quantised, integer = kind in _QUANTISED, "int" in kind
    form = "[low, high, step]" if quantised else "[low, high]"
    kinds = "integers" if integer else "numbers"
    length = 3 if quantised else 2
    if not isinstance(arguments, list) or len(arguments) != length:
        raise FieldError(path, f"found {shown(arguments)}", f"{form}, {length} {kinds}")
    for position, value in enumerate(arguments):
        if not _is_number(value, integer=integer):
            raise FieldError((*path, position), f"found {shown(value)}", f"{form}, finite {kinds}")
    low, high, *steps = (int(a) if integer else float(a) for a in arguments)
    if low >= high:
        raise FieldError(
            path, f"low {shown(arguments[0])} is not below high {shown(arguments[1])}", f"{form} with low < high"
        )
    if "log" in kind and low <= 0:
        raise FieldError((*path, 0), f"low is {shown(arguments[0])}", "a low above 0, for the range is logarithmic")
    if not math.isfinite(high - low):
        raise FieldError(path, f"found {shown(arguments)}", "bounds whose difference is a finite number")
    if steps:
        _check_step(arguments, form, path)
    return Range(kind, low, high, *steps)


def _is_number(value: object, *, integer: bool) -> bool:
    # An integer beyond a float's range has no isfinite().
    kinds = int if integer else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool) and abs(value) < math.inf


def _check_step(arguments: list[Any], form: str, path: FieldPath) -> None:
    # As fractions of the text: in floats 0.3 is no multiple of 0.1.
    low, high, step = (Fraction(repr(a)) for a in arguments)
    if step <= 0:
        raise FieldError((*path, 2), f"the step is {shown(arguments[2])}", "a step above 0")
    for position, bound in enumerate((low, high)):
        if bound % step != 0:
            raise FieldError(
                (*path, position),
                f"{shown(arguments[position])} is not a multiple of the step {shown(arguments[2])}",
                f"{form} with both bounds multiples of the step",
            )
    if max(-low, high) / step > MOST_STEPS:
        raise FieldError((*path, 2), f"the step is {shown(arguments[2])}", "a larger step for such bounds")


def _parse_choice(arguments: Any, path: FieldPath) -> Choice:
    if isinstance(arguments, Mapping) and arguments:
        names, values = tuple(arguments), tuple(arguments.values())
    elif isinstance(arguments, list) and arguments:
        names, values = tuple(arguments), tuple(arguments)
    else:
        raise FieldError(path, f"found {shown(arguments)}", "a list of different scalars, or {name: value}, not empty")
    for position, name in enumerate(names):
        if not isinstance(name, Scalar):
            raise FieldError(
                (*path, position), f"found {shown(name)}", "scalars; give anything else a name: {name: value}"
            )
        if isinstance(name, float) and not math.isfinite(name):
            raise FieldError((*path, position), f"found {shown(name)}", "finite numbers")
        if name in names[:position]:
            other = names[names.index(name)]
            reason = "twice" if type(other) is type(name) else f"beside {shown(other)}, which is the same to a store"
            raise FieldError(
                (*path, position),
                f"found {shown(name)} {reason}",
                "different scalars; name such values: {name: value}",
            )
    written = [repr(value) for value in values]
    for position, text in enumerate(written):
        if (earlier := written.index(text)) < position:
            found = f"has the value of {shown(names[earlier])}"
            raise FieldError((*path, str(names[position])), found, "different values")
    return Choice(names, values)
