import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.selection.enough import Worth, curve_noise, expected_gain, seed_noise, worth
from hpsearch.trial.trial import Direction, Params, Stage, State, StopReason, TrialRecord

VALUES = st.lists(st.integers(-1000, 1000).map(lambda number: number / 8), min_size=5, max_size=60)


def record(number, *values, reason=StopReason.FINISHED, paused_at=None):
    curve = dict(enumerate(values, 1))
    common = {"stage": Stage.SEARCH, "number": number, "params": Params({}), "values": curve}
    if reason is None:
        return TrialRecord(state=State.RUNNING, paused_at=paused_at, **common)
    found = Direction.MAXIMIZE.best(values)
    return TrialRecord(
        state=reason.state, stop_reason=reason, epochs=len(values), value=None if found is None else found[1], **common
    )


def noisy(number, level, epochs=12):
    return record(number, *(level + 0.1 * (-1) ** epoch for epoch in range(epochs)))


@given(VALUES, st.integers(0, 40), st.floats(0.1, 200))
def test_the_gain_is_never_negative_and_grows_with_what_is_to_come(values, others, more):
    trials = len(values) + others
    gain = expected_gain(values, trials, more)
    assert 0 <= gain < math.inf
    assert gain <= expected_gain(values, trials, 2 * more) * (1 + 1e-12)
    assert gain >= expected_gain(values, 2 * trials, more) * (1 - 1e-12)


@given(VALUES, st.randoms(use_true_random=False))
def test_the_gain_moves_with_the_unit_and_not_with_the_order(values, rng):
    mixed = [4 * value - 32 for value in values]  # exact in binary
    rng.shuffle(mixed)
    assert expected_gain(mixed, 80, 20) == pytest.approx(4 * expected_gain(values, 80, 20), rel=1e-9)


def test_equal_values_leave_nothing_to_expect():
    assert expected_gain([0.9] * 8, 30, 10) == 0
    with pytest.raises(ValueError, match="4 values; allowed: 5 or more"):
        expected_gain([0.1, 0.2, 0.3, 0.4], 30, 10)


@pytest.mark.parametrize(
    ("draw", "low", "high"),
    [
        (lambda rng: rng.expovariate(1), 0.75, 1.25),
        (lambda rng: rng.random(), 1.0, 3.0),  # a limit: what is expected is on the safe side
        (lambda rng: 1 - rng.random() ** 0.5, 1.0, 2.0),
        (lambda rng: rng.gauss(0, 1), 0.75, 1.25),
    ],
)
def test_the_gain_is_what_more_draws_bring(draw, low, high):
    rng, expected, brought = random.Random(0), [], []
    for _ in range(1000):
        values = [draw(rng) for _ in range(40)]
        expected.append(expected_gain(values, 40, 20))
        brought.append(max(0.0, max(draw(rng) for _ in range(20)) - max(values)))
    assert low < sum(expected) / sum(brought) < high


def test_the_noise_of_seeds_is_pooled_over_configs():
    assert seed_noise([[1.0, 3.0], [5.0, 7.0], [1.0, 3.0], [9.0]]) == pytest.approx(math.sqrt(2))
    assert seed_noise([[1.0, 3.0], [5.0, 7.0]]) is None


def test_the_noise_of_curves_is_that_of_single_epochs_at_their_ends():
    rng = random.Random(0)
    straight = [0.01 * epoch for epoch in range(300)]
    curves = [[value + rng.gauss(0, 0.5) for value in straight] for _ in range(5)]
    assert curve_noise(curves) == pytest.approx(0.5, rel=0.1)
    assert curve_noise([straight]) == pytest.approx(0, abs=1e-9)
    assert curve_noise([[1.0] * 4]) is None
    assert curve_noise([[1.0, 2.0, math.nan, 1.0, 2.0]]) is None


def test_nothing_is_said_too_early():
    trials = [noisy(number, number / 10) for number in range(20)]
    assert worth(trials[:19], [], 12, Direction.MAXIMIZE) is None
    assert worth(trials, [], 25, Direction.MAXIMIZE) is None  # 240 epochs are fewer than ten trainings
    assert worth([record(number, 0.5) for number in range(40)], [], 1, Direction.MAXIMIZE) is None  # no noise known


def test_a_wide_field_is_worth_going_on_and_a_narrow_one_is_not():
    wide = worth([noisy(number, 10 * (number % 7)) for number in range(30)], [], 12, Direction.MAXIMIZE)
    narrow = worth([noisy(number, 0.01 * (number % 7)) for number in range(30)], [], 12, Direction.MAXIMIZE)
    assert (wide.enough, narrow.enough) == (False, True)
    assert (wide.trials, wide.by) == (30, "curves")
    assert wide.noise == pytest.approx(0.2 / math.sqrt(1.5))


def test_both_directions_are_judged_alike():
    up = [noisy(number, number % 7) for number in range(30)]
    down = [record(number, *(-value for value in one.values.values())) for number, one in enumerate(up)]
    down = [_with_value(one, min(one.values.values())) for one in down]
    assert worth(down, [], 12, Direction.MINIMIZE) == worth(up, [], 12, Direction.MAXIMIZE)


def _with_value(one, value):
    return TrialRecord(
        stage=one.stage,
        number=one.number,
        params=one.params,
        values=one.values,
        state=one.state,
        stop_reason=one.stop_reason,
        epochs=one.epochs,
        value=value,
    )


def test_trials_that_ended_early_count_as_draws_and_paused_ones_with_what_they_reached():
    whole = [noisy(number, number / 10) for number in range(20)]
    early = [record(20 + number, 9.0, reason=StopReason.OUTCLASSED) for number in range(20)]
    alone, beside = (worth(trials, [], 12, Direction.MAXIMIZE) for trials in (whole, whole + early))
    assert beside.gain == pytest.approx(expected_gain([n / 10 + 0.1 for n in range(20)], 40, 120 * 40 / 260))
    assert beside.gain != alone.gain
    paused = [*whole, record(20, 5.0, reason=None, paused_at=1)]
    assert worth(paused, [], 12, Direction.MAXIMIZE).gain > alone.gain


def test_the_seeds_of_finalists_tell_the_noise_where_there_are_any():
    trials = [noisy(number, number / 10) for number in range(20)]
    seeds = [
        TrialRecord(stage=Stage.FINALISTS, number=n, params=Params({}), state=State.COMPLETE, value=v, source=0)
        for n, v in enumerate([1.0, 1.2, 1.0, 1.2])
    ]
    found = worth(trials, seeds, 12, Direction.MAXIMIZE)
    assert (found.by, found.noise) == ("seeds", pytest.approx(0.11547, abs=1e-5))


def test_draws_of_samplers_that_learn_are_judged_by_the_later_half():
    trials = [noisy(number, 0.0) for number in range(20)] + [noisy(number, number) for number in range(20, 40)]
    later = expected_gain([number + 0.1 for number in range(20, 40)], 20, 10)
    assert worth(trials, [], 12, Direction.MAXIMIZE, learns=True).gain == pytest.approx(later)


def test_it_is_said_in_words():
    found = Worth(gain=0.000412, noise=0.0021, trials=31, by="curves")
    text = "the next 10 full trainings are expected to bring 0.00041, less than a seed's noise, 0.0021"
    assert (str(found), found.enough) == (text, True)
    assert "bring 0, no less than a seed's noise, 0" in str(Worth(gain=0.0, noise=0.0, trials=31, by="curves"))
