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


def beside(*stopped, length=1):
    """Return what is projected for trials among others that were stopped after 1 or 2 epochs, and three whole ones."""
    whole_ones = [whole(*[0.6] * length, final) for final in (0.8, 0.9, 0.7)]
    low = [curve(*[value] * length) for value in (0.1, 0.2, 0.2)]
    return projected_finals([*whole_ones, *low, *stopped], UP)


def test_a_stopped_trial_gains_in_proportion_to_what_it_had_reached():
    # The lower quartile is 0.2, and the whole ones gained 0.5 (median) of what they had above it; 0.2 in the median.
    found = beside(curve(0.4), curve(0.7))
    assert found == pytest.approx([0.8, 0.9, 0.7, 0.1, 0.2, 0.2, 0.5, 0.9])


def test_a_loss_is_projected_downwards():
    curves = [whole(-0.6, -0.8), whole(-0.6, -0.9), whole(-0.6, -0.7), *map(curve, (-0.1, -0.2, -0.2, -0.4, -0.7))]
    found = projected_finals(curves, DOWN)
    assert found == pytest.approx([-0.8, -0.9, -0.7, -0.1, -0.2, -0.2, -0.5, -0.9])


def test_a_trial_that_went_further_tells_of_the_rest_with_its_own_projection():
    whole_ones = [whole(0.5, 0.6, 0.8), whole(0.4, 0.6, 0.9), whole(0.3, 0.6, 0.7)]
    low = [curve(0.1), curve(0.1), curve(0.1, 0.1), curve(0.1, 0.1)]
    later, early = curve(0.3, 0.5), curve(0.35)
    found = projected_finals([*whole_ones, *low, later, early], UP)
    assert found[-2] > 0.55
    assert found[-1] == projected_finals([*whole_ones, *low, whole(0.3, 0.5, found[-2]), early], UP)[-1]
    assert found[-1] > 0.4


def test_only_the_best_value_so_far_counts():
    for values in ((0.4, 0.1), (0.4, 0.4), (0.1, 0.4), (NAN, 0.4)):
        assert beside(curve(*values), length=2)[-1] == pytest.approx(0.5)
    gaps = Curve(values={2: 0.4}, whole=False)  # an earlier driver missed an epoch
    assert beside(gaps, length=2)[-1] == pytest.approx(0.5)
    assert projected_finals([whole(NAN, 0.4, 0.8), curve(0.3)], UP)[1] == 0.3  # nothing is known of that epoch


def test_no_projection_is_better_than_the_best_whole_trial_but_a_measurement_may_be():
    assert beside(curve(0.7), curve(0.85), curve(0.95))[-3:] == pytest.approx([0.9, 0.9, 0.95])


def test_a_trial_that_has_hardly_learned_gains_nothing_however_bad_it_is():
    assert beside(curve(-1e9))[-1] == -1e9
    assert beside(curve(0.2))[-1] == 0.2


def test_a_stalled_trial_keeps_its_value_and_tells_of_the_epochs_that_it_had():
    found = beside(whole(0.6, 0.6), whole(0.65), curve(0.4))
    assert found[6:8] == [0.6, 0.65]
    assert 0.4 < found[8] < beside(curve(0.4))[-1]


def test_while_no_trial_is_whole_those_that_went_furthest_stand_for_the_end():
    curves = [curve(0.6, 0.8), curve(0.6, 0.9), curve(0.6, 0.7), *map(curve, (0.1, 0.2, 0.2, 0.4, 0.8))]
    assert projected_finals(curves, UP) == pytest.approx([0.8, 0.9, 0.7, 0.1, 0.2, 0.2, 0.5, 1.0])
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


def known():
    """Return three records that finished, and three that were stopped after the first epoch."""
    ended = [record(at, StopReason.FINISHED, 0.6, final) for at, final in enumerate((0.8, 0.9, 0.7))]
    return [*ended, *(record(3 + at, StopReason.OUTCLASSED, value) for at, value in enumerate((0.1, 0.2, 0.2)))]


def test_failed_and_training_trials_are_told_as_before():
    records = [
        *known(),
        record(6, StopReason.OUTCLASSED, 0.4),
        record(7, StopReason.DIVERGED, 0.1, NAN),
        record(8, StopReason.OOM),
        record(9, StopReason.ERROR, 0.1),
        record(10, None, 0.1),
    ]
    found = told(records, UP, lambda _: 2)
    assert [one.params["lr"] for one in found] == list(range(11))
    assert [(one.value, one.running) for one in found[:3]] == [(0.8, False), (0.9, False), (0.7, False)]
    assert [(one.value, one.running) for one in found[6:]] == [
        (pytest.approx(0.5), False),
        (None, False),
        (None, False),
        (None, True),
        (None, True),
    ]
    assert [one.value for one in map(Past.of, records)] == [0.8, 0.9, 0.7, *[None] * 8]


def test_a_paused_trial_has_a_projection_until_it_trains_again():
    paused = replace(record(6, None, 0.4), paused_at=1)
    found = told([*known(), paused], UP, lambda _: 2)[6]
    assert (found.value, found.running) == (pytest.approx(0.5), False)
    again = told([*known(), replace(paused, paused_at=None)], UP, lambda _: 2)[6]
    assert (again.value, again.running) == (None, True)
    nothing = told([*known(), replace(record(6, None, NAN), paused_at=1)], UP, lambda _: 2)[6]
    assert (nothing.value, nothing.running) == (None, True)


def test_trials_are_compared_with_those_of_the_same_length():
    longer = [record(7 + at, StopReason.FINISHED, 0.6, 0.6, 0.6) for at in range(5)]
    records = [*known(), record(6, StopReason.OUTCLASSED, 0.4), *longer]
    found = told(records, UP, lambda number: 2 if number < 7 else 3)
    assert found[6].value == pytest.approx(0.5)
    assert told(records, UP, lambda _: 3)[6].value < 0.45


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
