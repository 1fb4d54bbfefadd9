"""The options beside a parameter's distribution (`when`, `per`, `limits`), and the constraints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.space.constraints import parse_constraint
from hpsearch.space.distributions import Choice, Range, Scalar
from hpsearch.space.space import Scaling, Space
from hpsearch.text import FieldPath, nearest, shown
from hpsearch.trial.seeding import unit
from hpsearch.trial.trial import Params

OPTIONS = ("when", "per", "reference", "rule", "limits")
_RULES = ("linear", "sqrt")
_TRIES, _ENOUGH = 10_000, 10  # draws that find room for a config, if one in a thousand satisfies the constraints


def with_options(space: Space, raw: Mapping[str, Any], path: FieldPath, constraints: Sequence[str]) -> Space:
    """Return a space with the options of its parameters.

    Args:
        space: The distributions and constants.
        raw: The `space` section of the file.
        path: Where the section stands in the file.
        constraints: Expressions on the parameters.

    Raises:
        FieldError: An option is wrong.
    """
    options = {name: raw[name] for name in space.parameters}
    conditions = {
        name: _when(space, name, given["when"], (*path, name, "when"))
        for name, given in options.items()
        if "when" in given
    }
    space = replace(space, conditions=conditions)
    for name in conditions:
        _refuse_cycle(space, name, (*path, name, "when"))
    scalings = {
        name: _scaling(space, name, given, (*path, name))
        for name, given in options.items()
        if {"per", "reference", "rule"} & set(given)
    }
    for name, scaling in scalings.items():
        if scaling.per in scalings:
            raise FieldError((*path, name, "per"), f"{scaling.per!r} is scaled itself", "a parameter without per")
    limits = {
        name: _limits(space.parameters[name], given["limits"], (*path, name, "limits"))
        for name, given in options.items()
        if "limits" in given
    }
    space = replace(space, scalings=scalings, limits=limits)
    kinds = {name: _scalars(space, name) for name in space.names}
    parsed = [parse_constraint(text, kinds, ("constraints", at)) for at, text in enumerate(constraints)]
    space = replace(space, constraints=tuple(parsed))
    _check_possible(space)
    return space


def _check_possible(space: Space) -> None:
    """Refuse constraints that no config seems to satisfy."""
    held, fitting = [False] * len(space.constraints), 0
    for number in range(_TRIES if space.constraints else 0):
        drawn = {name: axis.draw(unit("possible", number, name)) for name, axis in space.parameters.items()}
        values = space.scalars(space.only_active(Params(drawn)))
        now = [constraint.holds(values) for constraint in space.constraints]
        fitting += all(now)
        if fitting == _ENOUGH:
            return
        held = [before or after for before, after in zip(held, now, strict=True)]
    for at, (constraint, once) in enumerate(zip(space.constraints, held, strict=True)):
        if not once:
            found = f"{constraint.text!r} holds for none of {_TRIES} random configs"
            raise FieldError(("constraints", at), found, "a constraint that the ranges leave room for")
    # In a space of integers and choices the sampler finds every config, however few are allowed.
    if space.constraints and not (fitting and space.size < math.inf):
        found = f"together they hold for {fitting or 'none'} of {_TRIES} random configs"
        raise FieldError(("constraints",), found, "constraints that leave room for each other")


def _scalars(space: Space, name: str) -> tuple[Scalar, ...]:
    """Return one value or more of each type that a name can have in a constraint."""
    match space.parameters.get(name):
        case Range() as axis:
            return (axis.low,)
        case Choice(names=names):
            return names
        case _:
            return (space.constants[name],)


def _when(space: Space, name: str, given: Any, path: FieldPath) -> dict[str, tuple[Scalar, ...]]:
    if not isinstance(given, Mapping) or not given:
        raise FieldError(
            path, f"found {shown(given)}", "{NAME: VALUE} or {NAME: [VALUE, ...]}, such as {optimizer: sgd}"
        )
    return {parent: _wanted(space, name, parent, values, (*path, parent)) for parent, values in given.items()}


def _wanted(space: Space, name: str, parent: str, given: Any, path: FieldPath) -> tuple[Scalar, ...]:
    known = [other for other in space.names if other != name]
    if parent not in known:
        raise FieldError(path, f"{parent!r} is not another parameter", ", ".join(known), nearest(parent, known))
    wanted = tuple(given) if isinstance(given, list) else (given,)
    axis = space.parameters.get(parent)
    if isinstance(axis, Range) and (not axis.integer or axis.quantum is not None):
        raise FieldError(path, f"{parent} is a {axis.kind}", "a choice, a randint, a lograndint or a constant")
    for position, value in enumerate(wanted):
        here = (*path, position) if isinstance(given, list) else path
        _check_wanted(axis, parent, value, here)
    if not wanted:
        raise FieldError(path, "is an empty list", "at least one value")
    return wanted


def _check_wanted(axis: Choice | Range | None, parent: str, value: Any, path: FieldPath) -> None:
    if isinstance(axis, Choice):
        if not any(type(value) is type(one) and value == one for one in axis.names):
            names = [shown(one) if not isinstance(one, str) else one for one in axis.names]
            raise FieldError(
                path, f"{shown(value)} is no choice of {parent}", ", ".join(names), nearest(str(value), names)
            )
    elif isinstance(axis, Range):
        if not isinstance(value, int) or isinstance(value, bool) or not axis.low <= value <= axis.high:
            allowed = f"an integer from {axis.low} to {axis.high}"
            raise FieldError(path, f"{shown(value)} is no value of {parent}", allowed)
    elif not isinstance(value, Scalar):
        raise FieldError(path, f"found {shown(value)}", "a scalar, or a list of them")


def _refuse_cycle(space: Space, name: str, path: FieldPath) -> None:
    chain, waiting = [name], list(space.conditions[name])
    while waiting:
        parent = waiting.pop()
        if parent == name:
            raise FieldError(
                path, f"{name!r} depends on itself, through {', '.join(chain)}", "conditions without a circle"
            )
        if parent not in chain:
            chain.append(parent)
            waiting += space.conditions.get(parent, {})


def _scaling(space: Space, name: str, given: Mapping[str, Any], path: FieldPath) -> Scaling:
    for key in ("per", "reference"):
        if key not in given:
            raise FieldError((*path, key), "is missing", "per: NAME, reference: SIZE, and rule: linear or sqrt")
    axis = space.parameters[name]
    if not isinstance(axis, Range) or axis.integer:
        found = axis.kind if isinstance(axis, Range) else "choice"
        raise FieldError((*path, "per"), f"{name} is a {found}", "a range of numbers that are not integers")
    reference, rule = given["reference"], given.get("rule", "linear")
    if not _is_size(reference):
        raise FieldError((*path, "reference"), f"found {shown(reference)}", "a number above 0")
    if rule not in _RULES:
        raise FieldError((*path, "rule"), f"found {shown(rule)}", ", ".join(_RULES), nearest(str(rule), _RULES))
    _check_per(space, name, given["per"], (*path, "per"))
    return Scaling(given["per"], float(reference), rule)


def _check_per(space: Space, name: str, per: Any, path: FieldPath) -> None:
    known = [other for other in space.names if other != name]
    if per not in known:
        found = f"{shown(per)} is not another parameter"
        raise FieldError(path, found, ", ".join(known), nearest(str(per), known))
    for size in _sizes(space, per):
        if not _is_size(size):
            raise FieldError(path, f"{per} can be {shown(size)}", "a parameter whose values are numbers above 0")
    own = space.conditions.get(name, {})
    for parent, wanted in space.conditions.get(per, {}).items():
        if parent not in own or not set(own[parent]) <= set(wanted):
            raise FieldError(path, f"{per} is not always there", f"a parameter that is there whenever {name} is")


def _sizes(space: Space, name: str) -> tuple[Any, ...]:
    axis = space.parameters.get(name)
    if axis is None:
        return (space.constants[name],)
    return (axis.low, axis.high) if isinstance(axis, Range) else axis.values


def _is_size(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def _limits(axis: Choice | Range, given: Any, path: FieldPath) -> tuple[float, float]:
    form = "[low, high] around the range, null for no limit"
    if not isinstance(axis, Range):
        raise FieldError(path, "stands beside a choice", "limits of a range")
    if not isinstance(given, list) or len(given) != 2:  # noqa: PLR2004 - low and high
        raise FieldError(path, f"found {shown(given)}", form)
    low, high = (
        default if value is None else value for value, default in zip(given, (-math.inf, math.inf), strict=True)
    )
    for position, value in enumerate((low, high)):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise FieldError((*path, position), f"found {shown(value)}", form)
    if low > axis.low or high < axis.high:
        raise FieldError(path, f"found {shown(given)}, inside of [{axis.low:g}, {axis.high:g}]", form)
    if axis.log and low <= 0 and given[0] is not None:
        raise FieldError((*path, 0), f"found {shown(given[0])}", "a limit above 0, for the range is logarithmic")
    return float(low), float(high)
