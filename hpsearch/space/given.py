"""From the configs that a user gives to the params in a store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.space.distributions import Choice, Distribution, Range
from hpsearch.space.space import Space
from hpsearch.text import FieldPath, nearest, shown
from hpsearch.trial.trial import Params

_EQUAL = 1e-9  # relative: scaling back and forth may change a value by this


def params_of(space: Space, config: Mapping[str, Any], path: FieldPath = ()) -> Params:
    """Return the params that make a config.

    Args:
        space: With the bounds that the values must keep.
        config: A value for each active parameter, as trained: scaled, choices by name or by value. It may have
            constants.
        path: Where the config stands in the file, for messages.

    Raises:
        FieldError: A parameter is unknown or missing, its value is not in the space, or a constraint does not hold.
    """
    for name, value in config.items():
        if name not in space.names:
            raise FieldError(
                (*path, name), f"{name!r} is not in the space", ", ".join(space.names), nearest(name, space.names)
            )
        if name in space.constants and space.constants[name] != value:
            raise FieldError((*path, name), f"found {shown(value)}", f"{shown(space.constants[name])}, the constant")
    # Scaled parameters depend on the others.
    plain = {
        name: _stored(axis, config[name], (*path, name))
        for name, axis in space.parameters.items()
        if name in config and name not in space.scalings
    }
    found = {
        name: plain[name] if name in plain else _unscaled(space, name, config[name], plain, path)
        for name in space.parameters
        if name in config
    }
    given = Params(found)
    active = space.active(given)
    for name in active:
        if name not in given:
            raise FieldError((*path, name), "is missing", "a value for each parameter whose conditions are met")
    for name in given:
        if name not in active:
            wanted = ", ".join(f"{parent}: {shown(list(values))}" for parent, values in space.conditions[name].items())
            problem = "has a value although its conditions are not met"
            raise FieldError((*path, name), problem, f"a value only with {wanted}")
    for constraint in space.constraints:
        if not constraint.holds(space.scalars(given)):
            raise FieldError(path, f"does not satisfy {constraint.text!r}", "a config that satisfies all constraints")
    return given


def _stored(axis: Distribution, value: Any, path: FieldPath) -> Any:
    if isinstance(axis, Choice):
        return _name(axis, value, path)
    kinds = int if axis.integer else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not math.isfinite(value):
        raise FieldError(path, f"found {shown(value)}", "an integer" if axis.integer else "a finite number")
    return _inside(axis, value, path)


def _unscaled(space: Space, name: str, value: Any, others: Mapping[str, Any], path: FieldPath) -> Any:
    """Return the searched value of a scaled parameter.

    Args:
        value: As trained.
        others: The stored values of the other parameters.
        path: Where the config stands.
    """
    axis, per = space.parameters[name], space.scalings[name].per
    if per not in space.constants and per not in others:
        raise FieldError((*path, per), "is missing", f"a value, for {name} depends on it")
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return _stored(axis, value, (*path, name))  # refuses it
    sizes = {per: space.parameters[per].resolve(others[per])} if per in others else space.constants
    return _stored(axis, value / space.scale_of(name, sizes), (*path, name))


def _name(axis: Choice, value: Any, path: FieldPath) -> Any:
    for known in (axis.values, axis.names):  # values first: one choice's name may be another's value
        for name, one in zip(axis.names, known, strict=True):
            if type(one) is type(value) and one == value:
                return name
    names = [one if isinstance(one, str) else shown(one) for one in axis.names]
    raise FieldError(path, f"found {shown(value)}", ", ".join(names), nearest(str(value), names))


def _inside(axis: Range, value: float, path: FieldPath) -> float:
    margin = _EQUAL * (abs(value) if axis.log else max(abs(axis.low), abs(axis.high)))
    if not axis.low - margin <= value <= axis.high + margin:
        raise FieldError(path, f"{shown(value)} is outside of the range", f"from {axis.low:g} to {axis.high:g}")
    inside = type(axis.low)(min(max(value, axis.low), axis.high))
    if abs(axis.resolve(inside) - value) > margin:
        raise FieldError(path, f"{shown(value)} is not a multiple of {axis.quantum}", "a value that trials can have")
    return inside
