"""Configs that users give, and the params that make them: there and back again."""

import pytest
from hypothesis import given, settings

from hpsearch.errors import FieldError
from hpsearch.samplers import RandomSampler
from hpsearch.space.distributions import Range
from hpsearch.space.given import params_of
from hpsearch.space.parsing import parse_space
from support import strategies

RAW = {
    "lr": {"loguniform": [1e-4, 1e-1], "per": "batch_size", "reference": 64},
    "batch_size": {"choice": {"small": 32, "large": 128}},
    "momentum": {"uniform": [0.8, 0.99], "when": {"optimizer": "sgd"}},
    "optimizer": {"choice": ["sgd", "adamw"]},
    "dropout": {"quniform": [0.0, 0.5, 0.1]},
    "depth": {"randint": [2, 8]},
    "tag": "night",
}
GIVEN = {"lr": 0.02, "batch_size": "large", "optimizer": "adamw", "dropout": 0.3, "depth": 3}


@given(strategies.tied_spaces(), strategies.seeds)
@settings(max_examples=60)
def test_params_come_back_from_the_config_that_they_make(tied, seed):
    space = tied.parse()
    params = RandomSampler(space, seed).draw(0)
    config = space.config_of(params)
    back = params_of(space, config)
    assert list(back) == [name for name in space.parameters if name in params]
    again = space.config_of(back)
    assert again.keys() == config.keys()
    for name, value in config.items():
        axis = space.parameters.get(name)
        assert type(again[name]) is type(value)
        if isinstance(axis, Range):
            assert again[name] == pytest.approx(value, rel=1e-9, abs=1e-9)
            assert strategies.lies_in(axis, back[name])
            if name not in space.scalings:
                assert again[name] == value  # so that a repeat of it is known as one
        else:
            assert again[name] == value
    if not space.scalings:
        assert space.key(back) == space.key(params)


def test_values_are_as_trained():
    space = parse_space(RAW)
    params = params_of(space, GIVEN)
    assert params == {"lr": 0.01, "batch_size": "large", "optimizer": "adamw", "dropout": 0.3, "depth": 3}
    assert params_of(space, GIVEN | {"batch_size": 128}) == params  # a choice by its value
    assert params_of(space, GIVEN | {"tag": "night"}) == params  # a constant, as it is
    assert space.config_of(params) == {**GIVEN, "batch_size": 128, "tag": "night"}
    with_momentum = params_of(space, GIVEN | {"optimizer": "sgd", "momentum": 0.9})
    assert with_momentum["momentum"] == 0.9


@pytest.mark.parametrize(
    ("change", "path", "found", "allowed"),
    [
        ({"lrr": 1}, ("lrr",), "'lrr' is not in the space", "lr, batch_size, momentum"),
        ({"tag": "day"}, ("tag",), "found 'day'", "'night', the constant"),
        ({"depth": None}, ("depth",), "found null", "an integer"),
        ({"depth": 2.0}, ("depth",), "found 2.0", "an integer"),
        ({"depth": True}, ("depth",), "found true", "an integer"),
        ({"depth": 9}, ("depth",), "9 is outside of the range", "from 2 to 8"),
        ({"lr": "fast"}, ("lr",), "found 'fast'", "a finite number"),
        ({"lr": float("nan")}, ("lr",), "found nan", "a finite number"),
        ({"lr": 0.3}, ("lr",), "outside of the range", "from 0.0001 to 0.1"),
        ({"dropout": 0.25}, ("dropout",), "0.25 is not a multiple of 0.1", "a value that trials can have"),
        ({"batch_size": 64}, ("batch_size",), "found 64", "small, large"),
        ({"batch_size": "smal"}, ("batch_size",), "found 'smal'", "small, large"),
        ({"batch_size": None}, ("batch_size",), "found null", "small, large"),
        ({"batch_size": 0}, ("batch_size",), "found 0", "small, large"),
        ({"momentum": 0.9}, ("momentum",), "its conditions are not met", "a value only with optimizer: ['sgd']"),
        ({"optimizer": "sgd"}, ("momentum",), "is missing", "a value for each parameter whose conditions are met"),
    ],
)
def test_a_config_that_the_space_does_not_have(change, path, found, allowed):
    with pytest.raises(FieldError) as caught:
        params_of(parse_space(RAW), GIVEN | change, ("search", "first", 0))
    assert caught.value.path == ("search", "first", 0, *path)
    assert found in str(caught.value)
    assert allowed in str(caught.value).partition("; allowed: ")[2]


@pytest.mark.parametrize("missing", ["lr", "batch_size", "optimizer", "dropout", "depth"])
def test_a_missing_value_is_named(missing):
    with pytest.raises(FieldError, match="is missing") as caught:
        params_of(parse_space(RAW), {name: value for name, value in GIVEN.items() if name != missing})
    assert caught.value.path == (missing,)


def test_constraints_hold_for_the_config_as_trained():
    space = parse_space(RAW, constraints=["lr < 0.02"])
    with pytest.raises(FieldError, match=r"does not satisfy 'lr < 0\.02'"):
        params_of(space, GIVEN)
    assert params_of(space, GIVEN | {"batch_size": "small", "lr": 0.01})["lr"] == 0.02


def test_a_bound_reached_by_scaling_is_inside():
    space = parse_space(RAW | {"batch_size": {"choice": [48, 96]}})
    for size in (48, 96):
        for bound in (1e-4, 1e-1):
            trained = space.config_of({**params_of(space, GIVEN | {"batch_size": size}), "lr": bound})["lr"]
            assert params_of(space, GIVEN | {"batch_size": size, "lr": trained})["lr"] == pytest.approx(bound)


def test_a_small_value_of_a_wide_range_is_not_taken_for_its_bound():
    space = parse_space({"x": {"loguniform": [1e-12, 1e3]}})
    assert params_of(space, {"x": 2e-12})["x"] == 2e-12
    for outside in (0, -1e-9, 1e-13):
        with pytest.raises(FieldError, match="outside of the range"):
            params_of(space, {"x": outside})
