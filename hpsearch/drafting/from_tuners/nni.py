"""An NNI search space: https://nni.readthedocs.io/en/stable/hpo/search_space.html."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from hpsearch.drafting.from_tuners import ranges
from hpsearch.drafting.from_tuners.choices import choice, labels
from hpsearch.drafting.from_tuners.fields import integer, items, mapping, name, number
from hpsearch.drafting.from_tuners.ranges import Found
from hpsearch.drafting.from_tuners.translation import Condition, Translation
from hpsearch.drafting.from_tuners.tuner_space import finish
from hpsearch.errors import FieldError
from hpsearch.space.distributions import Scalar
from hpsearch.text import FieldPath, nearest, shown

_FORM = "{_type: NAME, _value: [...]}"
_NAME = "_name"
_OF_NETWORKS = ("layer_choice", "input_choice", "mutable_layer")  # from NNI's architecture search


def read_search_space(raw: Mapping[str, Any], origin: str, study: str) -> Translation:
    """Return the translation of a search space.

    Args:
        raw: The content of the file.
        origin: The file's name, for the first line of the new file.
        study: The study's name.

    Raises:
        FieldError: The search space breaks NNI's rules.
    """
    translation = Translation(origin=f"the NNI search space {origin}", study=study)
    _add_all(translation, raw, (), "", {})
    finish(translation)
    return translation


def _add_all(translation: Translation, raw: Mapping[str, Any], path: FieldPath, prefix: str, when: Condition) -> None:
    for key, value in raw.items():
        here = (*path, key)
        full = prefix + name(key, here)
        given = mapping(value, here, _FORM)
        if "_type" not in given:
            raise FieldError((*here, "_type"), "is missing", ", ".join(TYPES))
        options = given.get("_value")
        if given["_type"] == "choice" and isinstance(options, list) and any(map(_is_space, options)):
            _add_branches(translation, options, (*here, "_value"), full, when)
        else:
            translation.add(full, _parameter(given, here), here, when)


def _is_space(option: Any) -> bool:
    """Return whether an option of a choice is a space: it has parameters or a `_name`."""
    return isinstance(option, Mapping) and (
        _NAME in option or any(isinstance(value, Mapping) and "_type" in value for value in option.values())
    )


def _add_branches(translation: Translation, options: list[Any], path: FieldPath, full: str, when: Condition) -> None:
    """Add a choice between sub-spaces: a parameter NAME._name, and the parameters of each under that condition."""
    known = [option[_NAME] if isinstance(option, Mapping) and _NAME in option else option for option in options]
    called = labels(known)
    parent = translation.add(f"{full}.{_NAME}", choice(called, path), path, when)
    if not all(_is_space(option) and _NAME in option for option in options):
        translation.notes.append(f"{full}: some of its options have no _name; {parent} is one of {', '.join(called)}")
    for at, (option, label) in enumerate(zip(options, called, strict=True)):
        if _is_space(option):
            inner = {key: value for key, value in option.items() if key != _NAME}
            chosen: dict[str, tuple[Scalar, ...]] = {parent: (label,)}
            _add_all(translation, inner, (*path, at), f"{full}.", chosen)


def _parameter(given: Mapping[str, Any], path: FieldPath) -> Found:
    kind = given["_type"]
    if kind in _OF_NETWORKS:
        return Found(note=f"{kind} searches architectures, which a space file can't do", is_lost=True)
    if kind not in TYPES:
        raise FieldError((*path, "_type"), f"found {shown(kind)}", ", ".join(TYPES), nearest(str(kind), tuple(TYPES)))
    if "_value" not in given:
        raise FieldError((*path, "_value"), "is missing", "a list")
    return TYPES[kind](items(given["_value"], (*path, "_value")), (*path, "_value"))


def _numbers(values: list[Any], path: FieldPath, form: str) -> list[float]:
    if len(values) != len(form.split(", ")):
        raise FieldError(path, f"found {shown(values)}", f"[{form}]")
    return [number(value, (*path, at)) for at, value in enumerate(values)]


def _randint(values: list[Any], path: FieldPath) -> Found:
    bounds = [0, *values] if len(values) == 1 else values  # up to version 0.6, only the upper bound was given
    low, high = _numbers(bounds, path, "low, high")
    if high <= low:
        raise FieldError(path, f"found {shown(values)}", "[low, high] with low < high: high itself is excluded")
    low, high = integer(low, path), integer(high, path)
    found = ranges.integers(low, high - 1, path)
    return Found(found.raw, found.note, comment=f"{high} was excluded")


def _uniform(values: list[Any], path: FieldPath, *, log: bool = False) -> Found:
    low, high = _numbers(values, path, "low, high")
    return ranges.interval(low, high, path, log=log)


def _quniform(values: list[Any], path: FieldPath, *, log: bool = False) -> Found:
    low, high, step = _numbers(values, path, "low, high, q")
    return ranges.stepped(low, high, step, path, log=log)


def _normal(values: list[Any], path: FieldPath, *, log: bool = False) -> Found:
    mean, deviation = _numbers(values, path, "mu, sigma")
    return ranges.normal(mean, deviation, path, log=log)


def _qnormal(values: list[Any], path: FieldPath, *, log: bool = False) -> Found:
    mean, deviation, step = _numbers(values, path, "mu, sigma, q")
    return ranges.normal(mean, deviation, path, float(step), log=log)


TYPES: dict[str, Callable[[list[Any], FieldPath], Found]] = {
    "choice": choice,
    "randint": _randint,
    "uniform": _uniform,
    "quniform": _quniform,
    "loguniform": partial(_uniform, log=True),
    "qloguniform": partial(_quniform, log=True),
    "normal": _normal,
    "qnormal": _qnormal,
    "lognormal": partial(_normal, log=True),
    "qlognormal": partial(_qnormal, log=True),
}
