"""Hypothesis strategies that several test files share, and the profile that they run under."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st

from hpsearch.space import Choice, Range, Space, parse_space

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
