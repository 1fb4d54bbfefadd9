"""Searches that pause trials: what is trained, what goes on, and what a kill in the middle leaves."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from hpsearch.trial.events import LegEnded, TrialPaused
from hpsearch.trial.trial import Stage, State, StopReason
from support.bench import Stop, results

SEARCH = {"objective": {"epochs": 9}, "finalists": None, "ensemble": None}
ASHA = {"asha": {"first": 1}}  # rungs 1, 3 and 9
RULES = {
    "asha": ASHA,
    "by arrival": {"asha": {"first": 1, "order": "arrival"}},
    "stop": {"asha": {"first": 1, "mode": "stop"}},
    "hyperband": {"hyperband": {"first": 1}},
    "median": {"median": {"warmup": 1, "interval": 3, "min_trials": 2}},
    "screen": {"screen": {"epochs": 2, "keep": 2}},
    "audit": ASHA | {"audit": 0.5},
}
UNSAVED = {"lr": {"loguniform": [1e-3, 1.0]}, "wd": {"uniform": [0.0, 1.0]}, "saves": False}


def epochs_of(bench) -> Counter[tuple[int, int]]:
    """Return how often each epoch of each trial was trained."""
    lines = [line.split() for line in bench.audited("trials")]
    return Counter((int(number), int(epoch)) for _, number, epoch, _ in lines)


def search(study) -> list:
    return study.store.records(Stage.SEARCH)


def test_the_best_third_goes_on_at_each_rung(bench):
    study = bench.run(bench.space("climb", **SEARCH, search={"trials": 9}, prune=ASHA))
    records = search(study)
    # An early third went on before a better trial came: that makes four.
    assert Counter(record.epochs for record in records) == {1: 5, 3: 3, 9: 1}
    assert epochs_of(bench).total() == sum(record.epochs for record in records)
    assert set(epochs_of(bench).values()) == {1}
    ended = [record for record in records if record.stop_reason is StopReason.OUTCLASSED]
    assert {record.state for record in ended} == {State.PRUNED}
    assert all(re.fullmatch(rf"epoch {one.epochs}: \S+, rung's cut \S+, \d of \d went on", one.why) for one in ended)
    best = max(records, key=lambda record: record.params["lr"])
    assert (best.state, best.epochs) == (State.COMPLETE, 9)
    assert study.best.trial == best.number


def test_a_paused_trial_keeps_its_checkpoint_until_the_search_ends_without_it(bench):
    bench.stop_at(TrialPaused, 4)
    with pytest.raises(Stop):
        bench.run(bench.space("climb", **SEARCH, search={"trials": 9}, prune=ASHA))
    paused = [record for record in search(bench.load()) if record.paused_at is not None]
    assert len(paused) >= 3
    files = bench.studies / "sample/trials"
    assert all([*files.glob(f"{record.number:05d}/*/epoch-00001.pt")] for record in paused)
    bench.watch = lambda _: None
    study = bench.resume()
    assert {record.paused_at for record in search(study)} == {None}
    kept = {int(path.parts[-3]) for path in files.glob("*/*/epoch-*.pt")}
    assert kept == {record.number for record in search(study) if record.eligible}


@pytest.mark.parametrize("rule", RULES)
def test_it_comes_out_the_same_wherever_the_driver_is_killed(bench, rule):
    space = bench.space("climb", **SEARCH, search={"trials": 9}, prune=RULES[rule])
    undisturbed = bench.run(space, name="undisturbed")
    expected, events = results(undisturbed), [event for event in bench.events if isinstance(event, LegEnded)]
    assert len(events) >= 8
    bench.audit.write_text("")
    for count in range(len(events)):
        bench.stop_at(LegEnded, 1)
        with pytest.raises(Stop):
            _ = bench.resume("sample") if count else bench.run(space, name="sample")
    bench.watch = lambda _: None
    study = bench.resume("sample")
    assert results(study) == expected
    assert set(epochs_of(bench).values()) == {1}
    assert epochs_of(bench).keys() == {(r.number, epoch) for r in search(study) for epoch in range(1, r.epochs + 1)}


def test_trials_without_checkpoints_wait_for_nobody(bench):
    study = bench.run(bench.space("climb", **SEARCH, space=UNSAVED, search={"trials": 12}, prune=ASHA))
    assert not [event for event in bench.events if isinstance(event, TrialPaused)]
    assert set(epochs_of(bench).values()) == {1}
    lengths = Counter(record.epochs for record in search(study))
    assert set(lengths) <= {1, 3, 9}
    assert lengths[9] >= 1
    assert lengths[1] >= 3


def test_an_outclassed_trial_that_is_audited_goes_on_and_may_win(bench):
    study = bench.run(bench.space("climb", **SEARCH, search={"trials": 12}, prune=ASHA | {"audit": 0.5}))
    audited = [record for record in search(study) if record.audited_at is not None]
    assert 1 <= len(audited) <= 8
    assert {(record.state, record.epochs) for record in audited} == {(State.COMPLETE, 9)}
    assert {record.audited_at for record in audited} <= {1, 3}
    found = study.document()["pruning"]["audit"]
    assert (found["trials"], found["better"]) == (len(audited), 0)  # `climb` never crosses


@pytest.mark.parametrize("rule", ["asha", "screen"])
def test_a_budget_ends_a_search_that_pauses(bench, rule):
    space = bench.space("climb", **SEARCH, search={"trials": 40}, budget={"epochs": 60}, prune=RULES[rule])
    study = bench.run(space)
    records = search(study)
    assert epochs_of(bench).total() <= 60
    assert 9 <= len(records) < 40
    assert {record.state for record in records} <= {State.COMPLETE, State.PRUNED}
    assert max(record.epochs for record in records) == 9
    assert sum("the search ends with" in notice for notice in bench.notices()) == 1


def test_screening_compares_all_trials_of_a_space_that_is_used_up(bench):
    few = {"lr": {"choice": [0.1, 0.2, 0.3, 0.4]}}
    study = bench.run(
        bench.space("climb", **SEARCH, space=few, search={"trials": 30}, prune={"screen": {"epochs": 2, "keep": 1}})
    )
    assert [record.epochs for record in sorted(search(study), key=lambda record: record.params["lr"])] == [2, 2, 2, 9]


def test_more_trials_are_compared_with_those_that_were_outclassed(bench):
    study = bench.run(bench.space("climb", **SEARCH, search={"trials": 9}, prune=ASHA))
    before = results(study)
    study = bench.resume(trials=18)
    assert results(study)[:9] == before
    later = search(study)[9:]
    assert len(later) == 9
    assert {record.state for record in later} == {State.COMPLETE, State.PRUNED}
    assert set(epochs_of(bench).values()) == {1}


def test_auto_is_the_default_and_needs_nine_epochs_and_nine_trials(bench):
    long = bench.run(bench.space("climb", **SEARCH, search={"trials": 9}), name="long")
    assert Counter(r.stop_reason for r in search(long))[StopReason.OUTCLASSED] >= 4
    short = {**SEARCH, "objective": {"epochs": 8}}
    assert {r.epochs for r in search(bench.run(bench.space("climb", **short, search={"trials": 9}), name="short"))} == {
        8
    }
    few = bench.run(bench.space("climb", **SEARCH, search={"trials": 8}), name="few")
    assert {r.epochs for r in search(few)} == {9}


AUTO = {"sampler": "auto", "trials": 20, "epochs": 60}


@pytest.mark.parametrize("epochs", [30, 45, 60])
@pytest.mark.parametrize("finalists", [1, 3])
def test_what_leads_at_the_end_of_auto_has_been_trained_to_its_end(bench, epochs, finalists):
    how = SEARCH | {"finalists": {"configs": finalists, "seeds": 1}}
    records = search(bench.run(bench.space("climb", **how, search=AUTO | {"epochs": epochs})))
    seen = sorted(records, key=lambda record: -max(record.values.values()))
    assert all(record.eligible for record in seen[:finalists])
    assert sum(record.epochs for record in records) < epochs + 2 * 9


def test_auto_trains_as_many_epochs_as_it_may(bench):
    study = bench.run(bench.space("climb", **SEARCH, search=AUTO))
    records = search(study)
    trained = epochs_of(bench)
    assert set(trained.values()) == {1}
    assert 60 <= trained.total() < 60 + 9
    assert {record.state for record in records} == {State.COMPLETE, State.PRUNED}
    best = max(records, key=lambda record: record.params["lr"])
    assert best.stop_reason is StopReason.FINISHED
    assert all(record.why for record in records if record.stop_reason is StopReason.OUTCLASSED)


def test_auto_goes_on_after_kills_with_what_it_had_stored(bench):
    space = bench.space("climb", **SEARCH, search=AUTO | {"epochs": 30})
    for count in range(6):
        bench.stop_at(LegEnded, 3)
        with pytest.raises(Stop):
            _ = bench.resume("sample") if count else bench.run(space, name="sample")
        known = results(bench.load())
        bench.watch = lambda _: None
    study = bench.resume("sample")
    assert [one[:4] for one in results(study)][: len(known)] == [one[:4] for one in known]
    assert set(epochs_of(bench).values()) == {1}
    assert 30 <= epochs_of(bench).total() < 30 + 9


def test_auto_trains_objectives_that_can_not_be_paused(bench):
    study = bench.run(bench.space("climb", **SEARCH, space=UNSAVED, search=AUTO))
    assert not [event for event in bench.events if isinstance(event, TrialPaused)]
    assert set(epochs_of(bench).values()) == {1}
    assert {record.state for record in search(study)} == {State.COMPLETE, State.PRUNED}
    assert any(record.epochs == 9 for record in search(study))


def test_auto_ends_with_the_budget_and_begins_with_given_configs(bench):
    given = [{"lr": 0.5, "wd": 0.25}, {"lr": 0.01, "wd": 0.75}]
    space = bench.space(
        "climb", **SEARCH, search={"sampler": "auto", "trials": None, "first": given}, budget={"epochs": 50}
    )
    records = search(bench.run(space))
    assert [dict(record.params) for record in records[:2]] == given
    assert epochs_of(bench).total() <= 50
    assert len(records) > 5
    assert any(record.epochs == 9 for record in records)


@pytest.mark.parametrize("rule", ["asha", "hyperband", "auto"])
def test_the_best_is_trained_to_its_end_also_if_there_are_too_few_rivals(bench, rule):
    how = {"search": {"sampler": "auto", "trials": 3, "epochs": 4}} if rule == "auto" else {"prune": RULES[rule]}
    records = search(bench.run(bench.space("climb", **SEARCH, **({"search": {"trials": 3}} | how))))
    assert [record.epochs for record in records if record.eligible] in ([9], [9, 9], [9, 9, 9])
    assert max(records, key=lambda record: record.params["lr"]).eligible or rule == "hyperband"
    assert set(epochs_of(bench).values()) == {1}


@pytest.mark.parametrize("sampler", ["random", "auto"])
def test_a_search_that_pauses_can_be_ended_with_fewer_trials(bench, sampler):
    bench.stop_at(TrialPaused, 6)
    with pytest.raises(Stop):
        bench.run(bench.space("climb", **SEARCH, search={"sampler": sampler, "trials": 20}))
    bench.watch = lambda _: None
    study = bench.resume(trials=3)
    assert study.state == "done"
    assert {record.state for record in search(study)} == {State.COMPLETE, State.PRUNED}
    assert set(epochs_of(bench).values()) == {1}
