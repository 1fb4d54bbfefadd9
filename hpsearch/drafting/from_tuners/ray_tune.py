"""A `param_space` of Ray Tune: https://docs.ray.io/en/latest/tune/api/search_space.html.

Only the user's module imports ray.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hpsearch.drafting.from_tuners import ranges
from hpsearch.drafting.from_tuners.choices import choice, constant, labels
from hpsearch.drafting.from_tuners.fields import integer, name, number
from hpsearch.drafting.from_tuners.ranges import Found
from hpsearch.drafting.from_tuners.translation import Condition, Field, Translation
from hpsearch.drafting.from_tuners.tuner_space import finish
from hpsearch.drafting.space_file import FILL_IN
from hpsearch.errors import FieldError
from hpsearch.objectives.importing import check_arguments, find
from hpsearch.space.distributions import Scalar
from hpsearch.text import FieldPath, nearest, shown

_ALLOWED = "a dict, or a function without arguments that returns one"
_GRID = "grid_search"
_MAX_DEPTH = 20  # a mapping may contain itself
_FIELD = ("FILE",)


def param_space(target: str) -> Mapping[Any, Any]:
    """Return a mapping of the user's Python. Its module is imported; if it is a function, it is called.

    Args:
        target: `module:name`.

    Raises:
        FieldError: The target does not exist, or is no mapping.
    """
    # Standard output may be the space file, so what the module prints must not go there.
    with contextlib.redirect_stdout(sys.stderr):
        return _space(target)


def read_param_space(space: Mapping[Any, Any], target: str, study: str) -> Translation:
    """Return the translation of a `param_space`.

    Args:
        space: What Ray Tune is given.
        target: Where it is, as `module:name`.
        study: The study's name.

    Raises:
        FieldError: It is not a search space.
    """
    translation = Translation(origin=f"Ray Tune's {target}", study=study)
    module = target.partition(":")[0]
    translation.python = Field(f"{module}:{FILL_IN}", note=translation.python.note)
    _add_all(translation, space, (target,), "", {})
    _set_search(translation)
    finish(translation)
    return translation


def _set_search(translation: Translation) -> None:
    """Set the section `search` if a part of the space is a grid. Without a grid, nothing is known about the search."""
    sizes = {name: len(found.raw["choice"]) for name, found in translation.found.items() if found.comment == _GRID}
    if not sizes:
        return
    translation.search["sampler"] = Field("jittered_grid", comment=f"{_GRID} of {', '.join(sizes)}")
    if set(sizes) == set(translation.searched):
        translation.search["trials"] = Field(math.prod(sizes.values()), comment="each of the grid's configs once")


def _space(target: str) -> Mapping[Any, Any]:
    found = _imported(target)
    if callable(found):
        check_arguments(found, _FIELD, target, ())
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise FieldError(_FIELD, f"{target}() failed: {type(error).__name__}: {error}", _ALLOWED) from error
    if not isinstance(found, Mapping) or not found:
        raise FieldError(_FIELD, f"{target} is {shown(found)}", _ALLOWED)
    return found


def _imported(target: str) -> Any:
    try:
        return find(target, None, _FIELD, _ALLOWED)
    except FieldError:
        module_name, _, wanted = target.partition(":")
        module = sys.modules.get(module_name)
        if module is None or hasattr(module, wanted):
            raise
    known = [key for key, value in vars(module).items() if isinstance(value, Mapping) and not key.startswith("_")]
    problem = f"{module_name} ({module.__file__}) has no {wanted!r}"
    raise FieldError(_FIELD, problem, ", ".join(known) or _ALLOWED, nearest(wanted, known))


def _domain(value: Any) -> bool:
    """Return whether Ray Tune draws the value."""
    sample = sys.modules.get("ray.tune.search.sample")  # loaded if the user's module uses it
    return sample is not None and isinstance(value, sample.Domain)


def _grid(value: Any) -> bool:
    return isinstance(value, Mapping) and list(value) == [_GRID]


def _has_domain(value: Any, depth: int = 0) -> bool:
    if _domain(value) or _grid(value):
        return True
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return depth < _MAX_DEPTH and any(_has_domain(one, depth + 1) for one in inner)


def _add_all(
    translation: Translation, values: Mapping[Any, Any], path: FieldPath, prefix: str, when: Condition
) -> None:
    if len(path) > _MAX_DEPTH:
        raise FieldError(path[:2], "is nested too deeply", f"at most {_MAX_DEPTH} levels")
    for key, value in values.items():
        _add(translation, value, (*path, key), prefix + name(key, (*path, str(key))), when)


def _add(translation: Translation, value: Any, path: FieldPath, full: str, when: Condition) -> None:
    options = _options(value, path)
    if options is not None and any(map(_has_domain, options)):
        _add_branches(translation, options, path, full, when)
    elif isinstance(value, Mapping) and not _grid(value) and value:
        _add_all(translation, value, path, f"{full}.", when)
    elif isinstance(value, (list, tuple)) and _has_domain(value):
        _add_all(translation, {str(at): one for at, one in enumerate(value)}, path, f"{full}.", when)
    else:
        translation.add(full, _found(value, options, path), path, when)


def _options(value: Any, path: FieldPath) -> list[Any] | None:
    if _grid(value):
        options = value[_GRID]
        if not isinstance(options, (list, tuple)) or not options:
            raise FieldError((*path, _GRID), f"found {shown(options)}", "a list of values, not empty")
        return list(options)
    return list(value.categories) if _domain(value) and hasattr(value, "categories") else None


def _found(value: Any, options: list[Any] | None, path: FieldPath) -> Found:
    if options is not None:
        found = _choice(options, path)
        is_choice = _grid(value) and isinstance(found.raw, Mapping)
        return replace(found, comment=_GRID) if is_choice else found
    if _domain(value):
        return _distribution(value, path)
    try:
        return constant(_plain(value, path))
    except TypeError:
        return Found(note=f"a value of type {type(value).__name__}, which a space file can't hold", is_lost=True)


def _choice(options: list[Any], path: FieldPath) -> Found:
    try:
        return choice([_plain(option, path) for option in options], path)
    except TypeError:
        named = [getattr(option, "__name__", option) for option in options]
    try:
        found = choice([_plain(option, path) for option in named], path)
    except TypeError:
        return Found(note=f"a choice among {shown(options)}, which a space file can't hold", is_lost=True)
    return found.noting("functions and classes became their names; the objective has to look them up")


def _plain(value: Any, path: FieldPath, depth: int = 0) -> Any:
    """Return a value in JSON's types.

    Raises:
        TypeError: The value holds another type.
        FieldError: It holds a number that is not finite, or is nested too deeply.
    """
    if depth > _MAX_DEPTH:
        raise FieldError(path, "is nested too deeply", f"at most {_MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError
        return {key: _plain(one, path, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one, path, depth + 1) for one in value]
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return _plain(value.tolist(), path, depth + 1)
    if value is None or type(value) in (bool, str):
        return value
    if type(value) in (int, float):
        return number(value, path)
    raise TypeError


def _distribution(domain: Any, path: FieldPath) -> Found:
    sample = sys.modules["ray.tune.search.sample"]
    sampler, step = domain.get_sampler(), None
    if isinstance(sampler, sample.Quantized):
        sampler, step = sampler.get_sampler(), sampler.q
    log = isinstance(sampler, sample.LogUniform)
    if isinstance(domain, sample.Float) and isinstance(sampler, sample.Normal):
        mean, deviation = number(float(sampler.mean), path), number(float(sampler.sd), path)
        return ranges.normal(mean, deviation, path, None if step is None else float(step))
    if isinstance(domain, sample.Float) and (log or isinstance(sampler, sample.Uniform)):
        low, high = (number(float(end), path) for end in (domain.lower, domain.upper))
        if step is None:
            return ranges.interval(low, high, path, log=log)
        return ranges.stepped(low, high, float(step), path, log=log)
    if isinstance(domain, sample.Integer) and (log or isinstance(sampler, sample.Uniform)):
        return _integers(domain, step, path, log=log)
    kind = "sample_from" if domain.is_function() else type(domain).__name__
    return Found(note=f"{kind}: code computes this value; use a range, or compute it in the objective",
                 is_lost=True)  # fmt: skip


def _integers(domain: Any, step: Any, path: FieldPath, *, log: bool) -> Found:
    low, high = (integer(_plain(end, path), path) for end in (domain.lower, domain.upper))
    if step is not None and step != 1:  # with a step other than 1, Ray Tune includes the upper bound
        return ranges.stepped(low, high, integer(_plain(step, path), path), path, log=log, whole=True)
    if high <= low:
        raise FieldError(path, f"found {low} and {high}", "low < high: high itself is excluded")
    found = ranges.integers(low, high - 1, path, log=log)
    return Found(found.raw, found.note, comment=f"{high} was excluded")


def _add_branches(translation: Translation, options: list[Any], path: FieldPath, full: str, when: Condition) -> None:
    """Add a choice between mappings. Each has parameters of its own, which exist if it is chosen."""
    if not all(isinstance(option, Mapping) and not _grid(option) for option in options):
        note = "a choice whose options are distributions, which a space file can't hold"
        translation.add(full, Found(note=note, is_lost=True), path, when)
        return
    key, called = _telling(options)
    parent = translation.add(f"{full}.{key}", choice(called, path), path, when)
    if key == "_name":
        translation.notes.append(f"{full}: no key tells its options apart, so {parent} does")
    for at, (option, label) in enumerate(zip(options, called, strict=True)):
        inner = {inside: value for inside, value in option.items() if inside != key}
        _add_all(translation, inner, (*path, at), f"{full}.", {parent: (label,)})


def _telling(options: list[Any]) -> tuple[str, list[Scalar]]:
    """Return the key whose value tells the options apart, and that value for each option."""
    for key in options[0]:
        values = [option.get(key) for option in options]
        if all(isinstance(value, (str, int)) for value in values) and len(set(values)) == len(values):
            return str(key), values
    return "_name", list(labels([None] * len(options)))
