"""Hypothesis strategies that several test files share, and their profile."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st

from hpsearch.space.distributions import Choice, Range
from hpsearch.space.parsing import parse_space
from hpsearch.space.space import Space

# The same examples in every run, on machines of any speed, and no folder left behind.
settings.register_profile("hpsearch", deadline=None, derandomize=True, database=None)
settings.load_profile("hpsearch")

seeds = st.integers(0, 2**32 - 1)
units = st.floats(0, 1, exclude_max=True)
names = st.text("abcdefgh._", min_size=1, max_size=8)
curves = st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=30)  # a metric, epoch by epoch
scalars = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-9, 9), st.text("xyz", max_size=3))


@st.composite
def raw_ranges(draw) -> dict[str, list[float]]:
    """A range of any kind, in the notation of a space file."""
    kind = draw(
        st.sampled_from(
            ("uniform", "loguniform", "randint", "lograndint", "quniform", "qloguniform", "qrandint", "qlograndint")
        )
    )
    smallest = 1 if "log" in kind else -1000
    if "int" not in kind and not kind.startswith("q"):
        low = draw(st.floats(1e-9, 1e3) if "log" in kind else st.floats(-1e3, 1e3))
        return {kind: [low, low + draw(st.floats(1e-3, 1e4))]}
    low = draw(st.integers(smallest, 1000))
    high = low + draw(st.integers(1, 1000))
    if not kind.startswith("q"):
        return {kind: [low, high]}
    if "int" in kind:
        step = draw(st.integers(1, 50))
        return {kind: [low * step, high * step, step]}
    tenths = draw(st.sampled_from((1, 10, 25, 50)))  # steps of 0.1 to 5, exact in decimals
    return {kind: [low * tenths / 10, high * tenths / 10, tenths / 10]}


def _distinct(values: list[object]) -> bool:
    return all(value not in values[:position] for position, value in enumerate(values))


raw_choices = st.lists(scalars, min_size=1, max_size=6).filter(_distinct).map(lambda values: {"choice": values})
raw_spaces = st.dictionaries(names, st.one_of(raw_ranges(), raw_choices), min_size=1, max_size=5)


def _parse(raw: dict) -> Range | Choice:
    return parse_space({"x": raw}).parameters["x"]


ranges = raw_ranges().map(_parse)
distributions = st.one_of(raw_ranges(), raw_choices).map(_parse)
spaces: st.SearchStrategy[Space] = raw_spaces.map(parse_space)


@dataclass(frozen=True)
class Tied:
    """A file's constraints, and its `space` section with parameters that are tied to each other."""

    raw: dict
    constraints: list[str]

    def parse(self) -> Space:
        return parse_space(self.raw, constraints=self.constraints)


small_choices = st.sampled_from([["sgd", "adamw"], [1, "a", None], [True, "x"], [16, 32, 64], [0.5, 2.0]])


@st.composite
def small_ranges(draw) -> dict[str, list[float]]:
    """A range of at most six values."""
    low, steps = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    kind = draw(st.sampled_from(("randint", "lograndint", "qrandint", "quniform", "qlograndint")))
    if not kind.startswith("q"):
        return {kind: [low, low + steps]}
    step = draw(st.sampled_from((0.1, 0.25, 2.0))) if kind == "quniform" else draw(st.integers(1, 20))
    return {kind: [round(step * low, 2), round(step * (low + steps), 2), step]}


def _wanted(draw, axis: object) -> object:
    """Some possible values of a parent, as `when` takes them."""
    if not isinstance(axis, dict):
        return axis
    kind, arguments = next(iter(axis.items()))
    known = arguments if kind == "choice" else [arguments[0], arguments[0] + 1]
    some = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique_by=repr))
    return some[0] if len(some) == 1 and draw(st.booleans()) else some


def _can_be_parent(axis: object) -> bool:
    return not isinstance(axis, dict) or bool({"choice", "randint", "lograndint"} & set(axis))


def _is_size(axis: object) -> bool:
    if not isinstance(axis, dict):
        return type(axis) is int
    kind, arguments = next(iter(axis.items()))
    return all(type(one) in (int, float) and one > 0 for one in (arguments if kind == "choice" else arguments[:2]))


def _with_scaling(draw, raw: dict, name: str) -> None:
    """Perhaps scale a range, by a parameter that is active whenever the range is."""
    own = raw[name].get("when", {})
    if "int" in next(iter(raw[name])) or "choice" in raw[name]:
        return
    sizes = [
        other
        for other, axis in raw.items()
        if other != name and _is_size(axis) and (not isinstance(axis, dict) or axis.get("when", own) == own)
    ]
    sizes = [one for one in sizes if not isinstance(raw[one], dict) or "per" not in raw[one]]
    scaled_by = {axis["per"] for axis in raw.values() if isinstance(axis, dict) and "per" in axis}
    if sizes and name not in scaled_by and draw(st.booleans()):
        raw[name] |= {"per": draw(st.sampled_from(sizes)), "reference": draw(st.sampled_from((1, 3, 64)))}
        raw[name] |= draw(st.sampled_from(({}, {"rule": "sqrt"}, {"rule": "linear"})))


def _with_limits(draw, axis: dict) -> None:
    kind, arguments = next(iter(axis.items()))
    if kind == "choice" or draw(st.booleans()):
        return
    low, high = arguments[:2]
    below = low / 2 if "log" in kind else low - draw(st.integers(0, 5))
    axis["limits"] = [draw(st.sampled_from((None, below))), draw(st.sampled_from((None, high, high * 2 + 5)))]
    if high < 0:
        axis["limits"][1] = None


def _upper_constraints(draw, space: Space) -> list[str]:
    """Keep some ranges out of their upper part, by constraints that a share of all configs satisfies."""
    found = []
    for name, axis in space.parameters.items():
        if isinstance(axis, Range) and name not in space.scalings and draw(st.booleans()):
            most = axis.resolve(axis.draw(draw(st.floats(0.5, 0.9))))
            found.append(f"{name} <= {most!r}")
    return found[:2]


@st.composite
def tied_spaces(draw, *, finite: bool = False) -> Tied:
    """A space of up to five parameters with conditions, scalings, limits and constraints that leave room.

    Args:
        finite: Without a continuous parameter, and of at most some hundred configs.
    """
    axes = st.one_of(small_ranges(), small_choices.map(lambda values: {"choice": values}))
    if not finite:
        axes = st.one_of(axes, raw_ranges())
    count = draw(st.integers(1, 3 if finite else 5))
    raw = {f"p{at}": dict(draw(axes)) for at in range(count)}
    if draw(st.booleans()):
        raw["fixed"] = draw(st.sampled_from((16, "a", True)))
    order = draw(st.permutations(list(raw)))
    for at, name in enumerate(order):
        parents = [one for one in order[:at] if _can_be_parent(raw[one])]
        if isinstance(raw[name], dict) and parents and draw(st.integers(0, 2)) == 0:
            chosen = draw(st.lists(st.sampled_from(parents), min_size=1, max_size=2, unique=True))
            raw[name]["when"] = {parent: _wanted(draw, raw[parent]) for parent in chosen}
    for name, axis in raw.items():
        if isinstance(axis, dict):
            _with_scaling(draw, raw, name)
            _with_limits(draw, axis)
    return Tied(raw, _upper_constraints(draw, parse_space(raw)))


def lies_in(axis: Range | Choice, stored: object) -> bool:
    """Return whether a distribution can have a stored value."""
    if isinstance(axis, Choice):
        return any(type(name) is type(stored) and name == stored for name in axis.names)
    return isinstance(stored, (int, float)) and axis.low <= stored <= axis.high
