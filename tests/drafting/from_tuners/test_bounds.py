"""Whatever the bounds and the step of another tool's range are, no value is outside of them."""

import math

from hypothesis import assume, given
from hypothesis import strategies as st

from hpsearch.drafting.from_tuners import nni, wandb_parameters
from hpsearch.drafting.from_tuners.ranges import Found
from hpsearch.errors import FieldError
from hpsearch.space.parsing import parse_space

PATH = ("p",)
UNITS = [at / 16 for at in range(17)]
NUMBERS = st.one_of(st.integers(-50, 1000), st.floats(-50, 1000), st.sampled_from([0.1, 0.3, 1e-4, 0.05, 2.5]))
ABOVE = st.one_of(st.integers(1, 1000), st.floats(1e-6, 1000), st.sampled_from([0.1, 0.3, 1e-4, 0.05, 2.5]))
EXPONENTS = st.floats(-20, 6)
STEPS = st.one_of(st.integers(1, 100), st.floats(1e-3, 100), st.sampled_from([0.1, 0.3, 1e-4]))
CLOSE = 1e-9  # a bound is a rounded number: it may be that far from a multiple of the step


def drawn(found: Found):
    """Return values all over what a parameter became."""
    if not isinstance(found.raw, dict):
        return [found.raw]
    axis = parse_space({"p": found.raw, "q": {"choice": [1, 2]}}).parameters["p"]
    return [axis.resolve(axis.draw(unit)) for unit in UNITS]


def assert_inside(found, low, high, tolerance=CLOSE):
    for value in drawn(found):
        assert low - tolerance * abs(low) <= value <= high + tolerance * abs(high)


def bounds(one, other):
    low, high = sorted((one, other))
    assume(low < high)
    return low, high


@given(NUMBERS, NUMBERS, STEPS, st.sampled_from(["uniform", "q_uniform", "int_uniform", ""]))
def test_values_of_wandb(one, other, step, kind):
    low, high = bounds(one, other)
    raw = (
        {"min": low, "max": high} | ({"distribution": kind} if kind else {}) | ({"q": step} if kind[:1] == "q" else {})
    )
    assert_inside(wandb_parameters.parameter(raw, PATH), low, high)


@given(ABOVE, ABOVE, STEPS, st.sampled_from(["log_uniform_values", "q_log_uniform_values", "inv_log_uniform_values"]))
def test_logarithmic_values_of_wandb(one, other, step, kind):
    low, high = bounds(one, other)
    raw = {"min": low, "max": high, "distribution": kind} | ({"q": step} if kind[:1] == "q" else {})
    assert_inside(wandb_parameters.parameter(raw, PATH), low, high)


@given(EXPONENTS, EXPONENTS, STEPS, st.sampled_from(["log_uniform", "q_log_uniform", "inv_log_uniform"]))
def test_values_with_exponents_of_wandb(one, other, step, kind):
    low, high = bounds(one, other)
    raw = {"min": low, "max": high, "distribution": kind} | ({"q": step} if kind[:1] == "q" else {})
    ends = (-high, -low) if kind[:1] == "i" else (low, high)
    assert_inside(wandb_parameters.parameter(raw, PATH), *map(math.exp, ends), tolerance=5e-6)


@given(ABOVE, ABOVE, STEPS, st.sampled_from(["uniform", "quniform", "loguniform", "qloguniform", "randint"]))
def test_values_of_nni(one, other, step, kind):
    low, high = bounds(one, other)
    if kind == "randint":
        low, high = math.floor(low), math.ceil(high)
    values = [low, high, step] if kind[:1] == "q" else [low, high]
    translation = nni.read_search_space({"p": {"_type": kind, "_value": values}}, "file", "study")
    assert_inside(translation.found["p"], low, high - (1 if kind == "randint" else 0))


@given(st.integers(1, 10), st.integers(1, 10))
def test_a_range_without_room_is_refused_or_a_constant(one, other):
    raw = {"min": max(one, other), "max": min(one, other), "distribution": "q_uniform", "q": 3}
    try:
        found = wandb_parameters.parameter(raw, PATH)
    except FieldError:
        return
    assert found.raw == one == other
