"""Configs as coordinates."""

import numpy as np
import pytest
from hypothesis import given

from hpsearch.samplers.auto.encoding import Encoder
from hpsearch.space.parsing import parse_space
from support.strategies import raw_spaces, seeds


@given(raw_spaces, seeds)
def test_coordinates_of_quantiles_are_those_of_the_configs(raw, seed):
    encoder = Encoder(parse_space(raw))
    quantiles = np.random.default_rng(seed).random((5, len(raw)))
    found = encoder.coordinates_at(quantiles)
    assert found.shape == (5, len(encoder.groups))
    assert found.min(initial=0) >= 0
    assert found.max(initial=0) <= 1
    for row, place in zip(quantiles, found, strict=True):
        params = encoder.params(row)
        assert encoder.coordinates(params) == pytest.approx(place, abs=1e-6)


@given(raw_spaces, seeds)
def test_quantiles_of_a_config_give_it_again(raw, seed):
    space = parse_space(raw)
    encoder = Encoder(space)
    params = encoder.params(np.random.default_rng(seed).random(len(raw)))
    again = encoder.params(encoder.quantiles(params))
    assert encoder.coordinates(again) == pytest.approx(encoder.coordinates(params), abs=1e-6)


def test_names_of_a_choice_are_equally_far_apart():
    encoder = Encoder(parse_space({"act": {"choice": ["relu", "gelu", "tanh"]}}))
    relu, gelu, tanh = (encoder.coordinates({"act": name}) for name in ("relu", "gelu", "tanh"))
    assert np.linalg.norm(relu - gelu) == pytest.approx(1)
    assert np.linalg.norm(relu - tanh) == pytest.approx(1)


def test_an_inactive_parameter_is_in_the_middle_and_a_single_value_has_no_axis():
    raw = {
        "optimizer": {"choice": ["sgd", "adam"]},
        "momentum": {"uniform": [0.0, 1.0], "when": {"optimizer": "sgd"}},
        "only": {"choice": [3]},
    }
    encoder = Encoder(parse_space(raw))
    assert encoder.dimensions == 2
    adam = encoder.coordinates({"optimizer": "adam", "only": 3})
    sgd = encoder.coordinates({"optimizer": "sgd", "momentum": 0.5, "only": 3})
    assert len(adam) == 3
    assert adam[2] == sgd[2] == pytest.approx(0.5)
