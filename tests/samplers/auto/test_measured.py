"""Measurements as the targets of the model."""

import math

import numpy as np
import pytest

from hpsearch.samplers.auto.measured import Measured, Scale
from hpsearch.samplers.auto.seen import Seen


def measured(*curves, sign=1):
    trials = [
        Seen(number=number, params={}, values=dict(enumerate(curve, start=1))) for number, curve in enumerate(curves)
    ]
    return Measured.of(trials, sign)


def test_values_are_ordered_scaled_and_signed():
    found = measured([4.0, 2.0], [], [math.nan, 8.0], sign=-1)
    assert found.values.tolist() == [-0.5, -0.25, -math.inf, -1.0]
    assert found.depths.tolist() == [2, 0, 2]
    assert found.tops.tolist() == [-0.25, -math.inf, -1.0]
    assert found.unit == -8.0


def test_targets_are_largest_at_the_best_value_and_flat_far_below():
    scale = Scale.of(np.array([1.0, 0.5, 0.0, -np.inf]))
    targets = scale.targets(np.array([1.0, 0.9, 0.5, -1.0, -5.0, -np.inf]))
    assert (np.diff(targets[:4]) < 0).all()
    assert targets[3] == targets[4] == targets[5]
    assert scale.ahead(targets[:1])[0] == pytest.approx(0)
    assert scale.ahead(targets[:1] + 1)[0] > 0


def test_equal_values_and_no_values_have_targets():
    assert Scale.of(np.array([-np.inf])) is None
    assert np.isfinite(Scale.of(np.array([2.0, 2.0])).targets(np.array([2.0, -np.inf]))).all()
    halves = Scale.of(np.array([1.0, 1.0, 1.0, 0.0]))
    assert halves.width == 1.0


def test_the_last_values_of_the_best_trials_are_shown_first():
    found = measured([0.1, 0.2, 0.3], [0.5, 0.6, 0.9], [0.0, 0.0, 0.1])
    assert found.shown({1}, 10).tolist() == [0, 2, 3, 5, 6, 8]
    assert found.shown({1}, 3).tolist() == [2, 3, 5]


@pytest.mark.parametrize(
    ("curves", "learned"),
    [
        ([[0.69, 0.69], [0.691, 0.69]], False),
        ([[0.69, 0.69], [0.69, 0.75], [0.69, 0.69]], True),
        ([[0.1, 0.105], [0.7, 0.7], [0.8, 0.8]], False),  # it is still worse than how others begin
        ([[0.5], [0.7], [0.5]], True),
        ([[0.5], [0.5]], False),
        ([[math.nan, 0.5]], False),
        ([], False),
    ],
)
def test_a_trial_has_learned_if_it_left_the_plateau(curves, learned):
    assert measured(*curves).learned() is learned
