"""Rules that compare rivals, against slow references that take one trial at a time, and against other orders."""

import math
import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.selection.asha import AshaRule, rung_epochs
from hpsearch.selection.hyperband import HyperbandRule, bracket_sizes, deal
from hpsearch.selection.median import MedianRule
from hpsearch.selection.rivals import cost, in_words
from hpsearch.selection.screen import ScreenRule
from hpsearch.trial.trial import GO_ON, Direction, StopReason
from support import rivals, strategies
from support.rivals import Curve, Search

EPOCHS = 9
RUNGS = (1, 3, EPOCHS)
MAXIMIZE, MINIMIZE = Direction


def asha(mode="promote", order="number", direction=MAXIMIZE, start=0, eta=3, total=None):
    return AshaRule(rungs=RUNGS, direction=direction, members=start.__add__, eta=eta, mode=mode, order=order)


def stop(**options):
    return asha(mode="stop", **options)


def hyperband(direction=MAXIMIZE, start=0, eta=3, total=None, **options):
    return HyperbandRule(rungs=RUNGS, direction=direction, start=start, eta=eta, **options)


def median(direction=MAXIMIZE, start=0, order="number", total=None):
    return MedianRule(rungs=(2, 4, 6, EPOCHS), direction=direction, start=start, min_trials=3, order=order)


def screen(direction=MAXIMIZE, start=0, total=None):
    return ScreenRule(rungs=(3, EPOCHS), direction=direction, keep=3, start=start, total=total)


RULES = {one.__name__: one for one in (asha, stop, hyperband, median, screen)}
ORDERED = pytest.mark.parametrize("make", RULES.values(), ids=RULES)

FEWER = settings(max_examples=60)  # for each rule

values = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75]), st.floats(-1, 1), st.just(math.nan))


@st.composite
def curve(draw):
    """A trial's values; one in three ends early, and half of these fail."""
    found = draw(st.tuples(*[values] * 4))
    found = [found[min(epoch, EPOCHS - 3) // 2] for epoch in range(1, EPOCHS + 1)]  # another at each rung
    ends = draw(st.one_of(st.none(), st.none(), st.integers(1, EPOCHS)))
    return Curve(found, ends, fails=ends is not None and draw(st.booleans()))


many_curves = st.lists(curve(), max_size=20)
starts = st.sampled_from([0, 5])
orders = {"workers": st.integers(2, 12), "seed": strategies.seeds}


# What a rung compares: numbers, costs, and whether the trial has ended.


def place(curves, number, epoch, direction=MAXIMIZE):
    one = curves[number]
    has_ended = one.last <= epoch
    best = None if has_ended and one.fails else one.best(min(epoch, one.last), direction)
    return cost(best, direction), number, has_ended


def promoted(sequence, eta=3):
    """Return the trials that a rung promotes, in order."""
    found = []
    for count in range(1, len(sequence) + 1):
        for value, number, has_ended in sorted(sequence[:count])[: count // eta]:
            if number not in found and not has_ended and value < math.inf:
                found.append(number)
    return found


def not_stopped(sequence, eta=3):
    found = []
    for count in range(1, len(sequence) + 1):
        one = sequence[count - 1]
        among = one in sorted(sequence[:count])[: math.ceil(count / eta)]
        if (count < eta or among) and not one[2] and one[0] < math.inf:
            found.append(one[1])
    return found


def by_halving(curves, numbers, rungs, chosen, direction=MAXIMIZE):
    """Return who goes on from each rung, in order."""
    going = []
    for epoch in rungs[:-1]:
        numbers = chosen([place(curves, number, epoch, direction) for number in numbers])
        going += [(number, epoch) for number in numbers]
    return going


def by_median(curves, rungs, min_trials=3):
    """Return who goes on from each rung, trial after trial."""
    going, trained = [], {}
    for number, one in curves.items():
        trained[number] = one.last
        for epoch in rungs[:-1]:
            value, _, has_ended = place(curves, number, epoch)
            if has_ended:
                break
            before = sorted(place(curves, other, min(epoch, trained[other]))[0] for other in range(min(curves), number))
            middle = (before[(len(before) - 1) // 2] + before[len(before) // 2]) / 2 if before else math.inf
            if len(before) >= min_trials and value > middle:
                trained[number] = epoch
                break
            going.append((number, epoch))
    return going


def by_screening(curves, epoch=3, keep=3):
    sequence = sorted(place(curves, number, epoch) for number in curves)
    return [(number, epoch) for value, number, has_ended in sequence[:keep] if not has_ended and value < math.inf]


def by_hyperband(curves, start):
    dealt = deal(bracket_sizes(len(RUNGS), 3))
    going = []
    for bracket in range(len(RUNGS)):
        numbers = [number for number in curves if dealt[(number - start) % len(dealt)] == bracket]
        going += by_halving(curves, numbers, RUNGS[bracket:], promoted)
    return going


REFERENCES = {
    "asha": lambda curves, start: by_halving(curves, list(curves), RUNGS, promoted),
    "stop": lambda curves, start: by_halving(curves, list(curves), RUNGS, not_stopped),
    "hyperband": by_hyperband,
    "median": lambda curves, start: by_median(curves, (2, 4, 6, EPOCHS)),
    "screen": lambda curves, start: by_screening(curves),
}


def went_on(done):
    return sorted(key for key, reason in done.verdicts.items() if reason is None)


def results(done):
    return done.verdicts, done.trained, done.words, sorted(done.finished)


@ORDERED
@FEWER
@given(many_curves, starts)
def test_one_worker_decides_as_the_reference(make, curves, start):
    done = rivals.run(make(start=start, total=len(curves)), curves, start=start)
    numbered = dict(enumerate(curves, start))
    expected = REFERENCES[make.__name__](numbered, start)
    assert went_on(done) == sorted(expected)
    assert sorted(done.trained) == list(numbered)


@ORDERED
@FEWER
@given(many_curves, starts, st.fixed_dictionaries(orders))
def test_any_number_of_workers_of_any_speed_decides_alike(make, curves, start, order):
    one = rivals.run(make(start=start, total=len(curves)), curves, start=start)
    other = rivals.run(make(start=start, total=len(curves)), curves, start=start, **order)
    assert results(one) == results(other)


@ORDERED
@FEWER
@given(many_curves, starts, st.fixed_dictionaries(orders), st.sets(st.integers(1, 60), max_size=3))
def test_a_restarted_driver_decides_alike(make, curves, start, order, kills):
    def fresh():
        return make(start=start, total=len(curves))

    search = Search(fresh(), dict(enumerate(curves, start)))
    search.restarts = dict.fromkeys(kills, fresh)
    assert results(search.run(**order)) == results(rivals.run(fresh(), curves, start=start))


@pytest.mark.parametrize("make", [asha, stop, hyperband, median])
@FEWER
@given(many_curves, st.fixed_dictionaries(orders), st.sets(st.integers(1, 60), max_size=3))
def test_where_arrival_orders_a_restart_keeps_what_is_stored(make, curves, order, kills):
    search = Search(make(order="arrival"), dict(enumerate(curves)))
    search.restarts = dict.fromkeys(kills, lambda: make(order="arrival"))
    done = search.run(**order)  # which fails if a trial gets two verdicts at a rung, or one after its end
    assert sorted(done.trained) == list(range(len(curves)))
    for number, trained in done.trained.items():
        rungs = search.rule.rungs(number)
        passed = [epoch for epoch in rungs[:-1] if epoch < trained]
        assert all(done.verdicts[number, epoch] is None for epoch in passed)
        assert trained in rungs or number in done.finished


@ORDERED
@FEWER
@given(many_curves, st.fixed_dictionaries(orders), st.sets(st.integers(1, 60), max_size=3))
def test_trials_that_cannot_pause_get_their_verdicts_at_once(make, curves, order, kills):
    search = Search(make(total=len(curves)), dict(enumerate(curves)))
    search.restarts = dict.fromkeys(kills, lambda: make(total=len(curves)))
    search.can_pause = lambda _: False
    done = search.run(**order)
    assert not search.waiting
    assert sorted(done.trained) == list(range(len(curves)))


@pytest.mark.parametrize("make", [asha, stop, hyperband, screen])
@FEWER
@given(many_curves, st.fixed_dictionaries(orders), st.sets(st.integers(0, 19)), st.booleans())
def test_trials_that_cannot_pause_hold_up_no_other(make, curves, order, hasty, is_killed):
    search = Search(make(total=len(curves)), dict(enumerate(curves)))
    search.can_pause = lambda number: number not in hasty
    search.restarts = {len(curves): lambda: make(total=len(curves))} if is_killed else {}
    done = search.run(**order)
    assert hasty.isdisjoint(search.waiting)
    assert not [words for words in done.words.values() if "not compared" in words or "could have" in words]


@pytest.mark.parametrize("make", [asha, stop, hyperband, median])
@FEWER
@given(many_curves)
def test_with_one_worker_trials_arrive_by_number(make, curves):
    assert results(rivals.run(make(order="arrival"), curves)) == results(rivals.run(make(), curves))


@pytest.mark.parametrize(("make", "chosen"), [(asha, promoted), (stop, not_stopped)], ids=["asha", "stop"])
@given(many_curves, st.fixed_dictionaries(orders))
def test_asha_as_trials_arrive(make, chosen, curves, order):
    done = rivals.run(make(order="arrival"), curves, **order)
    arrived = {epoch: [] for epoch in RUNGS}
    for name, number, epoch, _ in done.calls:
        rung = epoch if name == "reached" else next(one for one in RUNGS if one >= epoch)
        arrived[rung].append(place(dict(enumerate(curves)), number, rung))
    expected = [(number, epoch) for epoch in RUNGS[:-1] for number in chosen(arrived[epoch])]
    assert went_on(done) == sorted(expected)


@ORDERED
@FEWER
@given(many_curves, st.fixed_dictionaries(orders))
def test_directions_mirror_each_other(make, curves, order):
    mirrored = [Curve([-value for value in one.values], one.ends, one.fails) for one in curves]
    one = rivals.run(make(total=len(curves)), curves, **order)
    other = rivals.run(make(total=len(curves), direction=MINIMIZE), mirrored, direction=MINIMIZE, **order)
    assert (one.verdicts, one.trained) == (other.verdicts, other.trained)


@ORDERED
@FEWER
@given(many_curves, st.fixed_dictionaries(orders))
def test_what_has_ended_or_has_no_value_never_goes_on(make, curves, order):
    done = rivals.run(make(total=len(curves)), curves, **order)
    for number, epoch in went_on(done):
        assert curves[number].last > epoch
        free = make in (median, stop) and number < 3  # too few rivals to say
        assert free or curves[number].best(epoch, MAXIMIZE) is not None or make is median


@given(st.lists(st.floats(-1, 1), max_size=20), st.integers(0, 20))
def test_a_diverged_trial_raises_no_cut(found, position):
    """Whoever is promoted without it is promoted beside it."""
    diverged = [*found[:position], math.nan, *found[position:]]
    without = {found[number] for number, _ in went_on(rivals.run(asha(), rivals.steps(found, EPOCHS)))}
    beside = {diverged[number] for number, epoch in went_on(rivals.run(asha(), rivals.steps(diverged, EPOCHS)))}
    assert without <= beside


@ORDERED
@FEWER
@given(many_curves, st.fixed_dictionaries(orders))
def test_words_carry_the_numbers(make, curves, order):
    done = rivals.run(make(total=len(curves)), curves, **order)
    for number, words in done.words.items():
        value = curves[number].best(done.trained[number], MAXIMIZE)
        shown = "no value" if value is None else rf"{re.escape(f'{value:.4g}')[:-1]}\S*"
        assert re.match(rf"epoch {done.trained[number]}: {shown}", words), words
        assert re.search(r"went on$|median of \d+ rivals ", words), words
    paused = set(done.trained) - set(done.finished) - set(done.words)
    assert not paused


def told(rule, *found, epoch=1):
    """Let trials 0, 1, ... get to a rung; return all verdicts."""
    return [one for number, value in enumerate(found) for one in rule.reached(number, epoch, value)]


def test_promotion_by_hand():
    rule = asha()
    (first,) = told(rule, 0.5, 0.7, 0.6)
    assert (first.number, first.decision, first.until) == (1, GO_ON, 3)
    assert [one.number for one in rule.reached(3, 1, 0.9)] == [3], "the best of four, where one was promoted before"
    assert not rule.reached(4, 1, 0.1)
    assert not rule.reached(5, 1, 0.2), "the best two of six are promoted already"
    assert rule.left(2).words == "epoch 1: 0.6, rung's cut 0.7, 2 of 6 went on"
    assert rule.left(2).reason is StopReason.OUTCLASSED
    assert not rule.reached(1, 3, 0.71)
    assert not rule.reached(7, 1, 1.0), "trial 6 comes first"
    assert rule.left(7).words == "epoch 1: 1, not compared, for trial 6 had not got there"
    assert [one.number for one in rule.reached(6, 1, 0.0)] == [7]
    assert rule.left(7).words == "epoch 1: 1, could have gone on"


def test_a_rung_says_who_is_awaited():
    rule = asha()
    told(rule, 0.5, 0.7, 0.6, 0.9)
    rule.reached(3, 3, 0.95)
    assert rule.left(3).words == "epoch 3: 0.95, not compared, for trial 1 had not got there"
    assert rule.left(8).words == "paused when the search ended"


def test_before_eta_trials_are_there_no_cut_is_told():
    rule = asha()
    told(rule, 0.5, 0.7)
    assert rule.left(0).words == "epoch 1: 0.5, 0 of 2 went on"


def test_stopping_by_hand():
    rule = stop()
    verdicts = told(rule, 0.1, 0.5, 0.3, 0.4)
    assert [one.number for one in verdicts if one.decision == GO_ON] == [0, 1, 3]
    assert verdicts[2].decision.words == "epoch 1: 0.3, rung's cut 0.5, 2 of 3 went on"
    assert [one.until for one in verdicts] == [3, 3, None, 3]


def test_the_median_by_hand():
    rule = median()
    verdicts = told(rule, 0.1, 0.5, 0.3, 0.3, 0.29, epoch=2)
    assert [one.number for one in verdicts if one.decision == GO_ON] == [0, 1, 2, 3]
    assert verdicts[-1].decision.words == "epoch 2: 0.29, median of 4 rivals 0.3"


def test_an_outclassed_trial_counts_for_the_median_of_later_epochs():
    rule = median()
    told(rule, 0.1, 0.2, 0.3, 0.15, epoch=2)  # the last of them ends
    assert [one.number for one in told(rule, 0.1, 0.2, 0.3, epoch=4)] == [0, 1, 2]
    rule.reached(4, 2, 0.9)
    (verdict,) = rule.reached(4, 4, 0.16)
    assert verdict.decision.words == "epoch 4: 0.16, median of 4 rivals 0.175"


def test_at_once_by_hand():
    rule = asha()
    told(rule, 0.5, 0.7, 0.6)
    rule.reached(5, 1, 0.55)
    assert rule.at_once(5).decision.words == "epoch 1: 0.55, rung's cut 0.6, 2 of 4 go on"
    rule.reached(6, 1, 0.65)
    assert rule.at_once(6).until == 3
    rule = median()
    told(rule, 0.1, 0.5, 0.3, epoch=2)
    rule.reached(5, 2, 0.2)
    assert rule.at_once(5).decision.words == "epoch 2: 0.2, median of 3 rivals 0.3"
    rule = screen(total=8)
    told(rule, 0.1, 0.5, 0.3, epoch=3)
    assert rule.at_once(0).decision.words == "epoch 3: 0.1, cut 0.3, 2 of 3 went on"
    assert rule.at_once(2).until == EPOCHS


def test_who_waits_for_a_trial_that_ended_at_once_gets_a_verdict_with_the_next_call():
    rule = median()
    told(rule, 0.1, 0.5, 0.3, epoch=2)
    told(rule, 0.1, 0.5, 0.3, epoch=4)
    rule.reached(4, 2, 0.2)
    assert rule.at_once(4).decision.reason is StopReason.OUTCLASSED
    assert [one.number for one in rule.reached(3, 2, 0.4)] == [3]
    rule.reached(5, 2, 0.9)
    assert not rule.reached(5, 4, 0.9)
    assert [one.number for one in rule.reached(3, 4, 0.4)] == [3, 5]


def test_screening_by_hand():
    rule = screen(total=5)
    assert not told(rule, 0.1, 0.2, 0.3, 0.4, epoch=3)
    assert rule.left(0).words == "epoch 3: 0.1, not compared, for 4 of 5 trials had got there"
    verdicts = rule.reached(4, 3, 0.15)
    assert [(one.number, one.until) for one in verdicts] == [
        (3, EPOCHS),
        (2, EPOCHS),
        (1, EPOCHS),
        (4, None),
        (0, None),
    ]
    assert verdicts[-1].decision.words == "epoch 3: 0.1, cut 0.2, 3 of 5 went on"
    assert rule.left(3).words == "epoch 3: 0.4, could have gone on"


def test_screening_without_a_total_compares_nobody():
    rule = screen(start=5)
    assert not [one for number in range(5, 10) for one in rule.reached(number, 3, number / 10)]
    assert rule.left(5).words == "epoch 3: 0.5, not compared, for 5 of an unknown number of trials had got there"


@pytest.mark.parametrize("make", [asha, hyperband, median])
def test_a_trial_that_was_left_and_ended_stays_behind_when_a_search_is_extended(make):
    rule = make()
    for number in range(6):
        for epoch in rule.rungs(number)[:1]:
            rule.reached(number, epoch, 0.5 - number / 100)
        rule.ended(number, rule.rungs(number)[0], 0.5 - number / 100)
    numbers = {one.number for number in range(6, 40) for one in rule.reached(number, rule.rungs(number)[0], 0.0)}
    assert numbers.isdisjoint(range(6))


def test_a_trial_that_fails_as_soon_as_it_goes_on_has_its_place_at_the_next_rung():
    rule, again = asha(), asha()
    told(rule, 0.5, 0.7, 0.6, 0.8)
    rule.reached(3, 3, 0.8)
    assert not rule.ended(1, 1, None)
    again.reached(0, 1, 0.5)
    again.reached(1, 1, 0.7, went_on=True)  # as a replay tells it
    again.ended(1, 1, None)
    again.reached(2, 1, 0.6)
    again.reached(3, 1, 0.8)
    again.reached(3, 3, 0.8)
    assert rule.left(3) == again.left(3)
    assert rule.left(3).words == "epoch 3: 0.8, 0 of 2 went on"


@pytest.mark.parametrize("make", [asha, stop, median])
def test_where_arrival_orders_a_stored_answer_is_not_given_again(make):
    rule = make(order="arrival")
    epoch = rule.rungs(0)[0]
    for number in range(9):
        rule.reached(number, epoch, 0.5)
    assert not rule.reached(9, epoch, 0.0, went_on=True)
    assert not rule.reached(10, epoch, 1.0, went_on=True)
    assert rule.left(10).words == f"epoch {epoch}: 1, could have gone on"


def test_where_arrival_orders_a_trial_that_ended_at_a_rung_has_no_place_at_the_next_one():
    rule = asha(order="arrival")
    told(rule, 0.1, 0.2, 0.9)
    rule.ended(0, 1, 0.1)
    rule.reached(2, 3, 0.9)
    assert rule.left(2).words == "epoch 3: 0.9, 0 of 1 went on"


def test_a_trial_that_ended_while_it_waited_is_not_kept_by_screening():
    rule = screen(total=3)
    told(rule, 0.1, 0.2, epoch=3)
    assert not rule.ended(1, 3, 0.2)
    assert [one.number for one in rule.reached(2, 3, 0.3)] == [2, 0]


@ORDERED
def test_what_is_told_twice_or_is_no_rung_has_no_effect(make):
    rule = make(total=9)
    for number in range(3):
        rule.reached(number, rule.rungs(number)[0], 0.5)
    assert not rule.reached(1, rule.rungs(1)[0], 0.9)
    assert not rule.reached(1, 5, 0.9)
    assert not rule.reached(1, EPOCHS, 0.9)
    rule.ended(1, EPOCHS, 0.9)
    assert not rule.ended(1, EPOCHS, 0.9)


@pytest.mark.parametrize("make", [asha, stop, hyperband, median])
def test_ten_thousand_trials(make):
    curves = [Curve([math.sin(number * 7.3) + epoch / 10 for epoch in range(EPOCHS)]) for number in range(10_000)]
    done = rivals.run(make(), curves, workers=64)
    assert len(done.trained) == 10_000
    assert sum(done.trained.values()) < 10_000 * EPOCHS * 0.75


@pytest.mark.parametrize(
    ("epochs", "eta", "share", "lowest", "expected"),
    [
        (9, 3, 1 / 9, 2, (2, 3, 9)),
        (27, 3, 1 / 9, 2, (3, 9, 27)),
        (52, 3, 1 / 9, 2, (6, 17, 52)),
        (100, 3, 0.11, 2, (11, 33, 100)),
        (81, 3, Fraction(1, 81), 1, (1, 3, 9, 27, 81)),
        (100, 3, 0.02, 1, (2, 4, 11, 33, 100)),
        (16, 2, 1 / 16, 1, (1, 2, 4, 8, 16)),
        (6, 3, 5 / 6, 1, (5, 6)),
        (6, 3, 1.0, 1, (6,)),
        (6, 3, 9 / 6, 9, (6,)),
        (2, 3, 0.11, 2, (2,)),
        (1, 3, 1.0, 1, (1,)),
    ],
)
def test_rungs(epochs, eta, share, lowest, expected):
    assert rung_epochs(epochs, eta, share, lowest) == expected


@given(st.integers(1, 400), st.integers(2, 6), st.integers(1, 400))
def test_rungs_ascend_from_the_first_one_to_the_full_length(epochs, eta, first):
    found = rung_epochs(epochs, eta, first / epochs, first)
    assert list(found) == sorted(set(found))
    assert (found[0], found[-1]) == (min(first, epochs), epochs)


@given(st.integers(1, 6), st.integers(2, 4))
def test_brackets_are_dealt_by_their_shares(rungs, eta):
    sizes = bracket_sizes(rungs, eta)
    dealt = deal(sizes)
    assert [dealt.count(bracket) for bracket in range(rungs)] == sizes
    for place in range(len(dealt)):
        for bracket, size in enumerate(sizes):
            assert abs(dealt[:place].count(bracket) - place * size / len(dealt)) < rungs
    assert dealt[0] == 0


def test_sizes_of_brackets_as_in_the_paper():
    assert bracket_sizes(5, 3) == [81, 34, 15, 8, 5]


def test_words_tell_values_apart():
    assert in_words([-0.5, -0.5], MAXIMIZE) == ["0.5", "0.5"]
    assert in_words([-0.123456, -0.123457], MAXIMIZE) == ["0.123456", "0.123457"]
    assert in_words([1234.5, math.inf], MINIMIZE) == ["1234", "no value"]
