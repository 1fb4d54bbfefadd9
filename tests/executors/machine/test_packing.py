"""How many trials share a GPU, and which worker takes one: the pure rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.executors.machine.packing import (
    MOST,
    PeakWatch,
    Seat,
    group_to_hold,
    in_gib,
    is_leak,
    seat_alone,
    share_of,
    trials_that_fit,
    usable,
)
from hpsearch.trial.events import TrialEvent
from hpsearch.trial.trial import StopReason
from support.factories import GIB, ended, gpu_use, measured


def fits(*events: TrialEvent, most: int = MOST) -> int | None:
    watch = PeakWatch(most=most)
    for event in events:
        watch.saw(event)
    return watch.fits


@pytest.mark.parametrize(
    ("peaks", "most", "fit"),
    [
        ([5.2, 3, 4], 8, 4),  # 0.9 * 24 / 5.2 = 4.15
        ([5.2, 7.3, 4], 8, 2),
        ([11], 8, 1),
        ([30], 8, 1),
        ([0.1], 8, 8),
        ([0.1], 3, 3),
        ([0], 8, 8),
        ([], 8, 8),
    ],
)
def test_as_many_fit_as_the_largest_leaves_room_for(peaks, most, fit):
    assert trials_that_fit([gpu_use(peak) for peak in peaks], most) == fit


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(1, 200)), min_size=1), st.integers(1, 12))
def test_what_fits_has_room(pairs, most):
    uses = [gpu_use(peak, room) for peak, room in pairs]
    fit = trials_that_fit(uses, most)
    assert 1 <= fit <= most
    assert fit == 1 or all(fit * one.peak_bytes <= 0.9 * one.room_bytes for one in uses)


@given(st.integers(1, 64))
def test_shares_of_a_gpu_are_there_as_ray_counts_them(count):
    assert 0 < count * round(share_of(count) * 10_000) <= 10_000


def test_three_trials_are_measured_first_each_for_two_epochs_or_to_its_end():
    first = [
        measured(0, gpu=gpu_use(2)),
        measured(0, gpu=gpu_use(5)),
        ended(1, gpu=gpu_use(4)),
        measured(2, gpu=gpu_use(3)),
    ]
    assert fits(*first) is None
    assert fits(*first, measured(2, gpu=gpu_use(3))) == 4
    assert fits(*first, ended(2, gpu=gpu_use(3))) == 4
    assert fits(*first, measured(2, gpu=gpu_use(10))) == 2


def test_a_trial_that_is_measured_goes_on_being_seen():
    assert (
        fits(
            measured(0, gpu=gpu_use(1)),
            measured(0, gpu=gpu_use(1)),
            measured(0, gpu=gpu_use(9)),
            ended(1, gpu=gpu_use(1)),
            ended(2, gpu=gpu_use(1)),
        )
        == 2
    )


def test_a_trial_that_has_begun_counts_with_what_it_took_so_far():
    assert fits(measured(3, gpu=gpu_use(9)), *(ended(number, gpu=gpu_use(1)) for number in range(3))) == 2


@pytest.mark.parametrize("reason", [StopReason.ERROR, StopReason.OOM, StopReason.TIMEOUT])
def test_a_trial_that_failed_early_says_nothing(reason):
    assert fits(ended(0, gpu=gpu_use(0.1), reason=reason), ended(1, gpu=gpu_use(1)), ended(2, gpu=gpu_use(1))) is None
    assert (
        fits(
            measured(0, gpu=gpu_use(0.1)),
            ended(0, gpu=gpu_use(0.1), reason=reason),
            ended(1, gpu=gpu_use(1)),
            ended(2, gpu=gpu_use(1)),
        )
        is None
    )


def test_one_that_ran_out_of_memory_says_only_that_it_was_too_large():
    large = [
        measured(0, gpu=gpu_use(20)),
        measured(0, gpu=gpu_use(20)),
        ended(0, gpu=gpu_use(23.9), reason=StopReason.OOM),
    ]
    assert fits(*large, ended(1, gpu=gpu_use(1)), ended(2, gpu=gpu_use(1))) is None
    assert fits(*large, ended(1, gpu=gpu_use(1)), ended(2, gpu=gpu_use(1)), ended(3, gpu=gpu_use(1))) == 8


def test_threads_limit_it():
    assert fits(*(ended(number, gpu=gpu_use(0.1)) for number in range(3)), most=2) == 2


def test_the_words():
    watch = PeakWatch()
    for number, peak in enumerate((5.2, 4, 3)):
        watch.saw(ended(number, gpu=gpu_use(peak)))
    assert watch.text == "4 trials on each GPU: the largest of the first 3 took 5.2 of 24 GiB"
    watch.saw(ended(3, gpu=gpu_use(20)))
    assert watch.text == "one trial on each GPU: the largest of the first 4 took 20 of 24 GiB"
    assert (in_gib(GIB * 6 // 5), in_gib(GIB // 8), in_gib(GIB, 139 * GIB)) == ("1.2 GiB", "0.12 GiB", "1 of 139 GiB")


@pytest.mark.parametrize(
    ("room", "kept", "packed", "leak"),
    [(24, 1.3, 1, True), (24, 1.1, 1, False), (24, 0.4, 4, True), (1, 0.062, 1, False), (1, 0.07, 4, True)],
)
def test_a_leak_is_more_than_a_part_of_the_share(room, kept, packed, leak):
    assert is_leak(gpu_use(5, room, kept), packed) is leak


SEATS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), st.sampled_from(["idle", "busy", "starting"])).map(
        lambda pair: Seat(pair[0], pair[1] == "idle", pair[1] == "busy")
    ),
    max_size=12,
)


def test_the_least_crowded_gpu_first():
    seats = [Seat("a", idle=False, busy=True), Seat("a", idle=True), Seat("b", idle=True), Seat("b", idle=True)]
    assert usable(seats, []) == [2, 3, 1]
    assert usable(seats, ["b"]) == [1]


@given(SEATS, st.lists(st.sampled_from(["a", "b"])))
def test_no_worker_of_a_held_gpu_is_given_a_task(seats, held):
    found = usable(seats, held)
    assert all(seats[position].idle and seats[position].group not in held for position in found)
    assert len(found) == sum(seat.idle and seat.group not in held for seat in seats)


@given(SEATS, st.lists(st.sampled_from(["a", "b"])))
def test_the_gpu_to_hold_is_the_one_that_is_free_soonest(seats, held):
    group = group_to_hold(seats, held)
    crowd = {
        s.group: sum(o.busy for o in seats if o.group == s.group) for s in seats if s.group and s.group not in held
    }
    assert (group is None) == (not crowd)
    assert group is None or crowd[group] == min(crowd.values())


@given(SEATS)
def test_alone_means_that_nothing_runs_beside(seats):
    for group in ("a", "b"):
        position = seat_alone(seats, group)
        beside = [seat for seat in seats if seat.group == group]
        if position is None:
            assert any(seat.busy for seat in beside) or not any(seat.idle for seat in beside)
        else:
            assert seats[position] in beside
            assert seats[position].idle
            assert not any(seat.busy for seat in beside)
