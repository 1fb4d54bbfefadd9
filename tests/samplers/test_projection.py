"""What samplers are told of trials that were stopped early."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.samplers import Past
from hpsearch.samplers.past import told
from hpsearch.samplers.projection import Curve, projected_finals
from hpsearch.trial.trial import Direction, Stage, State, StopReason, TrialRecord

UP, DOWN = Direction.MAXIMIZE, Direction.MINIMIZE
NAN = math.nan


def curve(*values, whole=False):
    return Curve(values=dict(enumerate(values, 1)), whole=whole)


def whole(*values):
    return curve(*values, whole=True)


def record(number, reason, *values, state=None):
    finite = [value for value in values if math.isfinite(value)]
    return TrialRecord(
        stage=Stage.SEARCH,
        number=number,
        state=state or (State.RUNNING if reason is None else reason.state),
        params={"lr": number},
        values=dict(enumerate(values, 1)),
        value=max(finite) if finite and reason is not None else None,
        stop_reason=reason,
        epochs=len(values),
    )


def test_a_stopped_trial_gains_what_the_others_gained_from_its_epoch_on():
    curves = [whole(0.5, 0.6, 0.9), whole(0.4, 0.6, 0.7), whole(0.1, 0.2, 0.9), curve(0.2, 0.3), curve(0.1)]
    found = projected_finals(curves, UP)
    assert found[:3] == [0.9, 0.7, 0.9]
    assert found[3] == pytest.approx(0.3 + 0.3)  # the median of 0.3, 0.1 and 0.7
    assert found[4] == pytest.approx(0.1 + 0.4)  # of 0.4, 0.3, 0.8, and 0.4 of the one that was stopped later
    losses = [Curve(values={epoch: -value for epoch, value in one.values.items()}, whole=one.whole) for one in curves]
    assert projected_finals(losses, DOWN) == [-value for value in found]


def test_only_the_best_value_so_far_counts():
    assert projected_finals([whole(0.5, 0.4, 0.8), curve(0.3, 0.1)], UP)[1] == pytest.approx(0.6)
    assert projected_finals([whole(NAN, 0.4, 0.8), curve(NAN, 0.3)], UP)[1] == pytest.approx(0.7)
    assert projected_finals([whole(NAN, 0.4, 0.8), curve(0.3)], UP)[1] == 0.3  # nothing is known of that epoch
    gaps = Curve(values={1: 0.1, 3: 0.3}, whole=False)  # an earlier driver missed an epoch
    assert projected_finals([whole(0.1, 0.2, 0.3, 0.4), gaps], UP)[1] == pytest.approx(0.4)


def test_no_projection_is_better_than_the_best_whole_trial_but_a_measurement_may_be():
    curves = [whole(0.1, 0.7), whole(0.2, 0.8), curve(0.3), curve(0.4), curve(0.9)]
    assert projected_finals(curves, UP) == [0.7, 0.8, 0.8, 0.8, 0.9]


def test_a_stalled_trial_keeps_its_value_and_tells_of_the_epochs_that_it_had():
    stalled = whole(0.4, 0.5, 0.5)
    assert projected_finals([stalled, curve(0.3), curve(0.1, 0.2, 0.3, 0.35)], UP) == [0.5, pytest.approx(0.475), 0.35]


def test_while_no_trial_is_whole_those_that_went_furthest_stand_for_the_end():
    curves = [curve(0.1, 0.3), curve(0.3, 0.5), curve(0.2)]
    assert projected_finals(curves, UP) == [0.3, 0.5, pytest.approx(0.4)]
    assert projected_finals([curve(0.1)], UP) == [0.1]
    assert projected_finals([], UP) == []


VALUES = st.lists(st.one_of(st.floats(-10, 10), st.just(NAN)), min_size=1, max_size=6).filter(
    lambda values: any(map(math.isfinite, values))
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.builds(lambda values, is_whole: curve(*values, whole=is_whole), VALUES, st.booleans()), max_size=8))
def test_projections_keep_order_and_bounds(curves):
    found = projected_finals(curves, UP)
    own = [max(value for value in one.values.values() if math.isfinite(value)) for one in curves]
    top = max((value for value, one in zip(own, curves, strict=True) if one.whole), default=math.inf)
    for at, one in enumerate(curves):
        assert found[at] == own[at] if one.whole else own[at] <= found[at] <= max(own[at], top)
        for other, rival in enumerate(curves):
            same = not one.whole and not rival.whole and len(one.values) == len(rival.values)
            if same and own[at] < own[other]:
                assert found[at] <= found[other]


def test_failed_and_training_trials_are_told_as_before():
    records = [
        record(0, StopReason.FINISHED, 0.2, 0.6),
        record(1, StopReason.STALLED, 0.5),
        record(2, StopReason.OUTCLASSED, 0.1),
        record(3, StopReason.DIVERGED, 0.1, NAN),
        record(4, StopReason.OOM),
        record(5, StopReason.ERROR, 0.1),
        record(6, None, 0.1),
    ]
    found = told(records, UP, lambda _: 2)
    assert [one.params["lr"] for one in found] == list(range(7))
    assert [(one.value, one.running) for one in found] == [
        (0.6, False),
        (0.5, False),
        (pytest.approx(0.5), False),
        (None, False),
        (None, False),
        (None, True),
        (None, True),
    ]
    assert [one.value for one in map(Past.of, records)] == [0.6, 0.5, None, None, None, None, None]


def test_a_paused_trial_has_a_projection_until_it_trains_again():
    ended = record(0, StopReason.FINISHED, 0.2, 0.6)
    paused = replace(record(1, None, 0.1), paused_at=1)
    found = told([ended, paused], UP, lambda _: 2)[1]
    assert (found.value, found.running) == (pytest.approx(0.5), False)
    again = told([ended, replace(paused, paused_at=None)], UP, lambda _: 2)[1]
    assert (again.value, again.running) == (None, True)
    nothing = told([ended, replace(record(1, None, NAN), paused_at=1)], UP, lambda _: 2)[1]
    assert (nothing.value, nothing.running) == (None, True)


def test_trials_are_compared_with_those_of_the_same_length():
    records = [
        record(0, StopReason.FINISHED, 0.1, 0.9),
        record(1, StopReason.FINISHED, 0.1, 0.2, 0.3),
        record(2, StopReason.OUTCLASSED, 0.1),
    ]
    assert told(records, UP, lambda number: 2 if number == 0 else 3)[2].value == pytest.approx(0.3)


class Unread(dict):
    def __iter__(self):
        raise AssertionError

    __getitem__ = get = keys = values = __len__ = __iter__


def test_where_nothing_was_stopped_no_curve_is_read():
    whole_one = record(0, StopReason.FINISHED, 0.5)
    unread = TrialRecord(
        stage=Stage.SEARCH,
        number=0,
        state=State.COMPLETE,
        params={"lr": 0},
        values=Unread(),
        value=0.5,
        stop_reason=StopReason.FINISHED,
        epochs=1,
    )
    assert told([unread], UP, lambda _: 1) == told([whole_one], UP, lambda _: 1)
