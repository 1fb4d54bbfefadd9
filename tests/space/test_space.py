import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.errors import FieldError
from hpsearch.space.distributions import Choice, Range
from hpsearch.space.parsing import parse_space
from hpsearch.text import nearest
from support import strategies


def parse(raw):
    return parse_space({"x": raw}).parameters["x"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"uniform": [0, 0.5]}, Range("uniform", 0.0, 0.5)),
        ({"loguniform": [1e-4, 1e-1]}, Range("loguniform", 1e-4, 1e-1)),
        ({"randint": [-3, 8]}, Range("randint", -3, 8)),
        ({"lograndint": [1, 1024]}, Range("lograndint", 1, 1024)),
        ({"quniform": [0, 1, 0.1]}, Range("quniform", 0.0, 1.0, 0.1)),
        ({"qloguniform": [0.1, 10, 0.1]}, Range("qloguniform", 0.1, 10.0, 0.1)),
        ({"qrandint": [16, 128, 16]}, Range("qrandint", 16, 128, 16)),
        ({"qlograndint": [8, 512, 8]}, Range("qlograndint", 8, 512, 8)),
        ({"choice": [16, "a", None, True]}, Choice((16, "a", None, True), (16, "a", None, True))),
        ({"choice": {"small": [8, 16], "big": {"a": 1}}}, Choice(("small", "big"), ([8, 16], {"a": 1}))),
    ],
)
def test_each_kind(raw, expected):
    assert parse(raw) == expected
    assert type(getattr(parse(raw), "low", 0)) is type(getattr(expected, "low", 0))


def test_constants_and_parameters_keep_the_order_of_the_file():
    space = parse_space({"b": 1, "lr": {"uniform": [0, 1]}, "a": None, "n": {"choice": [1, 2]}})
    assert space.names == ("b", "lr", "a", "n")
    assert dict(space.constants) == {"b": 1, "a": None}
    assert list(space.config_of({"n": 2, "lr": 0.5}).items()) == [("b", 1), ("lr", 0.5), ("a", None), ("n", 2)]


def test_a_named_choice_is_stored_by_name_and_resolved_to_its_value():
    choice = parse({"choice": {"small": [8, 16], "big": [64, 64]}})
    assert choice.draw(0.9) == "big"
    assert choice.resolve("big") == [64, 64]


@pytest.mark.parametrize(
    ("values", "found"),
    [([0, False], "false beside 0"), ([1, 1.0], "1.0 beside 1"), ([1, True], "true beside 1"), (["a", "a"], "twice")],
)
def test_choices_that_a_store_can_not_tell_apart_are_refused(values, found):
    with pytest.raises(FieldError, match=found) as caught:
        parse({"choice": values})
    assert caught.value.path == ("space", "x", "choice", 1)


def test_text_and_number_are_different_choices():
    assert parse({"choice": ["1", 1, "true", "null", None]}).count == 5


@given(strategies.distributions, strategies.units)
def test_stored_values_are_in_the_optuna_distribution(distribution, unit):
    stored, optuna = distribution.draw(unit), distribution.to_optuna()
    internal = optuna.to_internal_repr(stored)
    assert optuna._contains(internal)
    assert distribution.resolve(optuna.to_external_repr(internal)) == distribution.resolve(stored)


@given(strategies.ranges, st.floats(0, 1))
def test_resolved_values_are_in_the_bounds_and_multiples_of_the_step(distribution, unit):
    value = distribution.resolve(distribution.draw(unit))
    assert distribution.low <= value <= distribution.high
    assert type(value) is (int if distribution.integer else float)
    if distribution.quantum is not None:
        assert value / distribution.quantum == pytest.approx(round(value / distribution.quantum), abs=1e-9)
        assert value == float(f"{value:.6f}")  # 0.3, not 0.30000000000000004


@given(strategies.ranges, st.floats(0, 1), st.floats(0, 1))
def test_draws_are_monotone(distribution, a, b):
    low, high = sorted((a, b))
    assert distribution.draw(low) <= distribution.draw(high)
    assert distribution.resolve(distribution.draw(low)) <= distribution.resolve(distribution.draw(high))


@given(strategies.ranges, st.floats(0, 1))
def test_quantiles_are_between_0_and_1_and_undo_draws(distribution, unit):
    stored = distribution.draw(unit)
    quantile = distribution.quantile(stored)
    assert -1e-9 <= quantile <= 1 + 1e-9
    if not distribution.integer and distribution.quantum is None:
        assert quantile == pytest.approx(unit, abs=1e-6)


@given(strategies.ranges)
def test_the_ends_are_reached(distribution):
    assert distribution.resolve(distribution.draw(0)) == pytest.approx(distribution.low)
    assert distribution.resolve(distribution.draw(1)) == pytest.approx(distribution.high)


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        ({"randint": [0, 4]}, 5),
        ({"quniform": [0, 1, 0.25]}, 5),
        ({"qrandint": [-10, 10, 5]}, 5),
        ({"choice": list("abcde")}, 5),
    ],
)
def test_the_first_and_last_value_have_the_share_of_the_others(raw, values):
    distribution = parse(raw)
    counts = Counter(distribution.resolve(distribution.draw((i + 0.5) / 1000)) for i in range(1000))
    assert len(counts) == values == distribution.count
    assert set(counts.values()) == {200}


def test_each_integer_has_its_own_share_where_shares_meet():
    distribution = parse({"randint": [0, 9]})
    assert [distribution.draw(i / 10) for i in range(10)] == list(range(10))


def test_decades_and_counts():
    assert parse({"loguniform": [1e-4, 1e-1]}).decades == pytest.approx(3)
    assert parse({"uniform": [0, 1]}).decades == 0
    assert parse({"uniform": [0, 1]}).count == math.inf
    assert parse({"quniform": [0, 1, 0.1]}).count == 11
    assert parse({"loguniform": [1e-300, 1e300]}).decades == pytest.approx(600)


@pytest.mark.parametrize(
    ("raw", "path", "message"),
    [
        ({"quniform": [0, 1, 0.3]}, (1,), "not a multiple of the step 0.3"),
        ({"quniform": [0, 1, -0.5]}, (2,), "a step above 0"),
        ({"quniform": [0, 1e300, 1e-5]}, (2,), "a larger step"),
        ({"uniform": [-1.7e308, 1.7e308]}, (), "difference is a finite number"),
    ],
)
def test_ranges_that_floats_can_not_hold_are_refused(raw, path, message):
    kind = next(iter(raw))
    with pytest.raises(FieldError, match=message) as caught:
        parse(raw)
    assert caught.value.path == ("space", "x", kind, *path)


def test_tenths_are_multiples_of_a_tenth():
    assert parse({"quniform": [0.3, 0.7, 0.1]}).count == 5


def test_nearest():
    assert nearest("loguniforn", ("uniform", "loguniform")) == "loguniform"
    assert nearest("zzz", ("uniform",)) == ""


def test_names_for_the_same_value_are_refused():
    with pytest.raises(FieldError, match=r"space\.x\.choice\.b: has the value of 'a'; allowed: different values"):
        parse({"choice": {"a": [1, 2], "b": [1, 2]}})
    assert parse({"choice": {"a": 1, "b": 1.0}}).count == 2
