import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.selection.divergence import DivergenceRule
from hpsearch.selection.stall import StallRule
from hpsearch.trial.trial import GO_ON, Decision, Direction, Measurement, StopReason
from support import strategies

DIVERGED = DivergenceRule(metrics=("acc", "loss"))


def history(values, *, first=1):
    return [Measurement(epoch=first + i, metrics={"acc": v}) for i, v in enumerate(values)]


def stall(patience=3, *, direction=Direction.MAXIMIZE, min_delta=0.0, warmup=0):
    return StallRule(
        metric="acc", direction=direction, patience_epochs=patience, min_delta=min_delta, warmup_epochs=warmup
    )


def stop_epoch(rule, values):
    """Return the epoch after which a rule ends a trial, or infinity."""
    measurements = history(values)
    ends = (m.epoch for i, m in enumerate(measurements) if rule(measurements[: i + 1]).reason)
    return next(ends, math.inf)


@pytest.mark.parametrize(
    ("rule", "values", "epoch"),
    [
        (stall(), [0.5, 0.4, 0.4, 0.4, 0.9], 4),  # three epochs after the best
        (stall(), [0.5, 0.4, 0.4, 0.6, 0.5, 0.5, 0.5], 7),  # a new best starts it again
        (stall(), [0.5, 0.5, 0.5, 0.5], 4),  # an equal value is no new best
        (stall(), [0.1, 0.2, 0.3, 0.4, 0.5], math.inf),
        (stall(1), [0.5, 0.4], 2),
        (stall(direction=Direction.MINIMIZE), [0.5, 0.6, 0.4, 0.5, 0.4, 0.4], 6),
        (stall(min_delta=0.1), [0.5, 0.55, 0.59, 0.6, 0.9], 4),  # creeping does not count
        (stall(min_delta=0.1), [0.5, 0.65, 0.65, 0.65], math.inf),
        (stall(direction=Direction.MINIMIZE, min_delta=0.1), [0.5, 0.45, 0.41, 0.4], 4),
        (stall(warmup=4), [0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4], 7),  # the patience starts after the warm-up
        (stall(), [math.nan, math.nan, math.nan], 3),  # nothing finite is no best
        (stall(), [math.nan, 0.1, math.nan, math.nan, math.nan], 5),
        (stall(), [math.inf, 0.1, 0.2, 0.3, 0.4], math.inf),
    ],
)
def test_stall(rule, values, epoch):
    assert stop_epoch(rule, values) == epoch


def test_gaps_between_measurements_count_as_epochs():
    measurements = [Measurement(epoch=e, metrics={"acc": v}) for e, v in [(2, 0.5), (4, 0.4), (5, 0.4)]]
    assert stall()(measurements).reason is StopReason.STALLED
    assert stall()(measurements[:2]) == GO_ON
    assert stall(4)(measurements) == GO_ON


def test_no_history_goes_on():
    assert stall()([]) == GO_ON
    assert DIVERGED([]) == GO_ON


@given(strategies.curves, st.integers(1, 10), st.integers(1, 10), st.sampled_from(Direction))
def test_more_patience_never_stops_earlier(values, patience, more, direction):
    assert stop_epoch(stall(patience, direction=direction), values) <= stop_epoch(
        stall(patience + more, direction=direction), values
    )


@given(strategies.curves, st.integers(1, 10), st.integers(0, 10))
def test_a_warmup_never_stops_earlier(values, patience, warmup):
    assert stop_epoch(stall(patience), values) <= stop_epoch(stall(patience, warmup=warmup), values)


@given(strategies.curves, st.integers(1, 10))
def test_min_delta_never_stops_later(values, patience):
    assert stop_epoch(stall(patience, min_delta=0.2), values) <= stop_epoch(stall(patience), values)


@given(strategies.curves, st.integers(1, 10))
def test_directions_mirror_each_other(values, patience):
    mirrored = [-v for v in values]
    assert stop_epoch(stall(patience), values) == stop_epoch(stall(patience, direction=Direction.MINIMIZE), mirrored)


@given(strategies.curves, st.integers(1, 10))
def test_never_before_the_patience(values, patience):
    assert stop_epoch(stall(patience), values) >= patience


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_watched_metric_that_is_not_finite_has_diverged(bad):
    good = Measurement(epoch=1, metrics={"acc": 0.1, "loss": 2.0})
    assert DIVERGED([good]) == GO_ON
    worse = Measurement(epoch=2, metrics={"acc": 0.1, "loss": bad})
    assert DIVERGED([good, worse]) == Decision(StopReason.DIVERGED, f"epoch 2: loss was {bad}")


@pytest.mark.parametrize("metrics", [{"acc": 0.1, "norm": math.inf}, {"norm": math.nan}, {}])
def test_other_metrics_may_be_infinite_or_missing(metrics):
    assert DIVERGED([Measurement(epoch=1, metrics=metrics)]) == GO_ON


def test_a_trial_stalls_at_an_epoch_with_the_metric():
    measurements = [
        Measurement(epoch=e, metrics={"acc": v} if v else {"loss": 1.0})
        for e, v in [(1, 0.5), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0.4)]
    ]
    assert [stall()(measurements[:count]).reason for count in range(7)] == [None] * 6 + [StopReason.STALLED]
    assert stall(patience=6)(measurements) == GO_ON


def test_only_the_last_measurement_counts():
    bad = Measurement(epoch=1, metrics={"acc": math.nan})
    assert DIVERGED([bad, Measurement(epoch=2, metrics={"acc": 0.5})]) == GO_ON


@pytest.mark.parametrize(
    ("rule", "values", "words"),
    [
        (stall(), [0.5, 0.9412, 0.4, 0.4, 0.4], "no better than 0.9412 of epoch 2 in 3 epochs"),
        (stall(1), [0.5, 0.4], "no better than 0.5000 of epoch 1 in 1 epoch"),
        (stall(min_delta=0.1), [0.5, 0.55, 0.59, 0.6], "no better than 0.5000 of epoch 1 by more than 0.1 in 3 epochs"),
        (stall(), [math.nan] * 3, "no finite value in 3 epochs"),
    ],
)
def test_a_stall_is_told_with_its_numbers(rule, values, words):
    assert rule(history(values)) == Decision(StopReason.STALLED, words)
