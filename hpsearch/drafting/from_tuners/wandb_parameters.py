"""The `parameters` of a W&B sweep."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from hpsearch.drafting.flow import short
from hpsearch.drafting.from_tuners import ranges
from hpsearch.drafting.from_tuners.choices import choice, constant
from hpsearch.drafting.from_tuners.fields import exponential, inner, integer, items, mapping, name, number
from hpsearch.drafting.from_tuners.ranges import Found
from hpsearch.drafting.from_tuners.translation import Translation
from hpsearch.errors import FieldError
from hpsearch.text import FieldPath, nearest, shown

_KEYS = ("distribution", "value", "values", "probabilities", "min", "max", "q", "mu", "sigma", "a", "b")
_LISTED = ("constant", "categorical", "categorical_w_probabilities")
_FORM = "{value: V}, {values: [...]}, {min: A, max: B}, {distribution: NAME, ...} or {parameters: {...}}"


def add_parameters(translation: Translation, raw: Any, path: FieldPath, groups: tuple[str, ...] = ()) -> None:
    """Add the parameters of a sweep, or of a nested group, whose names get dots.

    Raises:
        FieldError: A parameter breaks W&B's rules.
    """
    for key, value in mapping(raw, path, f"a mapping of names to {_FORM}").items():
        here = (*path, key)
        keys = (*groups, name(key, here))
        full = ".".join(keys)
        if isinstance(value, Mapping) and "parameters" in value:
            add_parameters(translation, value["parameters"], (*here, "parameters"), keys)
        else:
            translation.keys[full] = keys
            translation.add(full, parameter(value, here), here)


def parameter(raw: Any, path: FieldPath) -> Found:
    """Return what a parameter becomes.

    Raises:
        FieldError: The parameter breaks W&B's rules.
    """
    given = {key: value for key, value in mapping(raw, path, _FORM).items() if value is not None or key == "value"}
    for key in given:
        if key not in _KEYS:
            raise FieldError((*path, key), f"unknown key {shown(key)}", ", ".join(_KEYS), nearest(key, _KEYS))
    kind = str(given.get("distribution", "")).lower().strip() or _implied(given, path)
    if kind not in DISTRIBUTIONS:
        known = tuple(DISTRIBUTIONS)
        raise FieldError((*path, "distribution"), f"found {shown(kind)}", ", ".join(known), nearest(str(kind), known))
    listed = _listed(given)
    if kind not in _LISTED and listed and "min" not in given:
        return DISTRIBUTIONS[listed](given, path).noting(f"it has no bounds for {kind}: its values are taken")
    return DISTRIBUTIONS[kind](given, path)


def _listed(given: Mapping[str, Any]) -> str:
    return "constant" if "value" in given else "categorical" if "values" in given else ""


def _implied(given: Mapping[str, Any], path: FieldPath) -> str:
    if listed := _listed(given):
        return listed
    if "min" in given and "max" in given:
        if "q" in given:
            return "q_uniform"
        whole = all(isinstance(end, int) for end in _bounds(given, path))
        return "int_uniform" if whole else "uniform"
    raise FieldError(path, f"found {shown(dict(given))}", _FORM)


def _get(given: Mapping[str, Any], key: str, path: FieldPath) -> Any:
    if key not in given:
        raise FieldError((*path, key), "is missing", f"{shown(given.get('distribution'))} has a {key}")
    return given[key]


def _constant(given: Mapping[str, Any], path: FieldPath) -> Found:
    return constant(_get(given, "value", path))


def _categorical(given: Mapping[str, Any], path: FieldPath) -> Found:
    found = choice(items(_get(given, "values", path), (*path, "values")), (*path, "values"))
    if "probabilities" not in given:
        return found
    return found.noting(
        f"its probabilities {short(given['probabilities'])} are left out: each choice has the same share"
    )


def _bounds(given: Mapping[str, Any], path: FieldPath) -> tuple[float, float]:
    low, high = (number(_get(given, key, path), (*path, key)) for key in ("min", "max"))
    return low, high


def _exponents(given: Mapping[str, Any], path: FieldPath) -> tuple[tuple[float, float], str]:
    """Return the bounds of a distribution that gives their natural logarithms, and a doubt about them, if any."""
    exponents = _bounds(given, path)
    low, high = (exponential(value, (*path, key)) for key, value in zip(("min", "max"), exponents, strict=True))
    if low <= high:
        low, high = inner(low, high)
    written = f"its bounds are exponents of e, so it is from {low:g} to {high:g}"
    # The logarithm of a learning rate is below 0, so 0.0001 is probably meant as the value itself.
    doubt = f"{written}; {given['distribution']}_values has the bounds themselves" if exponents[0] > 0 else ""
    return (low, high), doubt


def _step(given: Mapping[str, Any], path: FieldPath) -> float:
    step = number(given.get("q", 1), (*path, "q"))
    return int(step) if step == int(step) else step


def _int_uniform(given: Mapping[str, Any], path: FieldPath) -> Found:
    low, high = _bounds(given, path)
    first, last = (integer(end, path) for end in (math.ceil(low), math.floor(high)))
    moved = f"its bounds {shown(low)} and {shown(high)} are no integers" if (first, last) != (low, high) else ""
    if first > last:
        return ranges.interval(low, high, path).noting(f"no integer is between {shown(low)} and {shown(high)}")
    return ranges.integers(first, last, path).noting(moved)


def _uniform(given: Mapping[str, Any], path: FieldPath) -> Found:
    return ranges.interval(*_bounds(given, path), path)


def _q_uniform(given: Mapping[str, Any], path: FieldPath) -> Found:
    step = _step(given, path)
    return ranges.stepped(*_bounds(given, path), step, path, whole=isinstance(step, int))


def _log_uniform(given: Mapping[str, Any], path: FieldPath) -> Found:
    bounds, doubt = _exponents(given, path)
    return ranges.interval(*bounds, path, log=True).noting(doubt)


def _log_uniform_values(given: Mapping[str, Any], path: FieldPath) -> Found:
    return ranges.interval(*_bounds(given, path), path, log=True)


def _q_log_uniform(given: Mapping[str, Any], path: FieldPath) -> Found:
    (low, high), doubt = _exponents(given, path)
    step = _step(given, path)
    return ranges.stepped(low, high, step, path, log=True, whole=isinstance(step, int)).noting(doubt)


def _q_log_uniform_values(given: Mapping[str, Any], path: FieldPath) -> Found:
    step = _step(given, path)
    return ranges.stepped(*_bounds(given, path), step, path, log=True, whole=isinstance(step, int))


def _inv_log_uniform(given: Mapping[str, Any], path: FieldPath) -> Found:
    low, high = _bounds(given, path)
    ends = exponential(-high, (*path, "max")), exponential(-low, (*path, "min"))
    return ranges.interval(*(inner(*ends) if ends[0] <= ends[1] else ends), path, log=True)


def _normal(given: Mapping[str, Any], path: FieldPath, step: float | None = None, *, log: bool = False) -> Found:
    mean, deviation = (number(given.get(key, default), (*path, key)) for key, default in (("mu", 0), ("sigma", 1)))
    return ranges.normal(mean, deviation, path, step, log=log)


def _q_normal(given: Mapping[str, Any], path: FieldPath) -> Found:
    return _normal(given, path, _step(given, path))


def _log_normal(given: Mapping[str, Any], path: FieldPath) -> Found:
    return _normal(given, path, log=True)


def _q_log_normal(given: Mapping[str, Any], path: FieldPath) -> Found:
    return _normal(given, path, _step(given, path), log=True)


def _beta(given: Mapping[str, Any], path: FieldPath, step: float | None = None) -> Found:
    a, b = (number(given.get(key, 1), (*path, key)) for key in ("a", "b"))
    return ranges.beta(a, b, path, step)


def _q_beta(given: Mapping[str, Any], path: FieldPath) -> Found:
    return _beta(given, path, _step(given, path))


DISTRIBUTIONS: dict[str, Callable[[Mapping[str, Any], FieldPath], Found]] = {
    "constant": _constant,
    "categorical": _categorical,
    "categorical_w_probabilities": _categorical,
    "int_uniform": _int_uniform,
    "uniform": _uniform,
    "q_uniform": _q_uniform,
    "log_uniform": _log_uniform,
    "log_uniform_values": _log_uniform_values,
    "q_log_uniform": _q_log_uniform,
    "q_log_uniform_values": _q_log_uniform_values,
    "inv_log_uniform": _inv_log_uniform,
    "inv_log_uniform_values": _log_uniform_values,  # log(1/x) is uniform where log(x) is
    "normal": _normal,
    "q_normal": _q_normal,
    "log_normal": _log_normal,
    "q_log_normal": _q_log_normal,
    "beta": _beta,
    "q_beta": _q_beta,
}
