"""What a search trains, round by round: studies run for real, whole ones and such as were killed."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch import api
from hpsearch.errors import SpaceFileError
from hpsearch.store.store import Store
from hpsearch.trial.events import Event, Notice, StageEnded, StageStarted, TrialMeasured, TrialScored, TrialStarted
from hpsearch.trial.trial import Stage, StopReason
from support.bench import Bench, Stop, results

ONLY_SEARCH = {"finalists": None, "ensemble": None, "objective": {"epochs": 1}}
LR = {"lr": {"loguniform": [1e-3, 1e-1]}}
FINITE = {"a": {"choice": ["x", "y"]}, "b": {"randint": [1, 3]}}
# The larger the lr the better, as the earlier trials tell: a round, one beyond its edge, one around the best of both.
ALL_ROUNDS = {
    "rounds": [{"trials": 2, "epochs": 1}, {"trials": 2}],
    "expand": {"rounds": 1, "trials": 2},
    "warm_start": {"csv": "earlier.csv", "best": 0},
}


@pytest.fixture(autouse=True)
def what_was_imported_is_not_walked():
    gc.freeze()


def search_space(bench: Bench, function: str = "planted", space: dict | None = None, **search: object) -> Path:
    return bench.space(function, space=space or LR, search={"trials": None, **search}, **ONLY_SEARCH)


def all_rounds(bench: Bench, **search: object) -> Path:
    """Write a space file whose search has a round of each kind, and the trials of an earlier one."""
    earlier = [10 ** (-3 + at / 10) for at in range(21)]
    (bench.folder / "earlier.csv").write_text("lr,score\n" + "".join(f"{lr},{lr}\n" for lr in earlier))
    changes = {**ONLY_SEARCH, "objective": {"epochs": 2}}
    return bench.space("climb", space=LR, search={"trials": None, **ALL_ROUNDS, **search}, **changes)


def configs(study: api.Study) -> list[dict]:
    """Return the configs as the objective got them."""
    return [trial["params"] for trial in study.document()["trials"]]


def rounds(study: api.Study) -> list[tuple]:
    return [(one["kind"], one["start"], one["trials"]) for one in study.store.get("rounds")]


def outcome(study: api.Study) -> tuple:
    """Return what must not depend on interruptions, the rounds and what was told of them included."""
    attributes = {key: study.store.get(key) for key in ("rounds", "trials", "used_up", "warm_start")}
    return results(study), attributes, study.best, study.state


def distinct(study: api.Study) -> int:
    return len({json.dumps(one, sort_keys=True) for one in configs(study)})


def told(bench: Bench, what: str) -> list[str]:
    return [text for text in bench.notices() if what in text]


# Expansion


def test_an_optimum_two_decades_outside_is_found(bench: Bench):
    stored_first = []

    def watch(event: Event) -> None:
        if isinstance(event, TrialStarted) and event.number in (13, 14, 22):
            store = Store.open(bench.studies / "grown")
            stored_first.append((event.number, len(store.get("rounds")), store.get("trials")))
            store.close()

    bench.watch = watch
    grown = bench.run(search_space(bench, trials=14, expand={"rounds": 2, "trials": 8}), name="grown")
    assert rounds(grown) == [("search", 0, 14), ("expand", 14, 8), ("expand", 22, 8)]
    assert stored_first == [(13, 1, 14), (14, 2, 22), (22, 3, 30)]
    assert [(e.total, e.done) for e in bench.events if isinstance(e, StageStarted)] == [(14, 0), (22, 14), (30, 22)]
    assert [e.stage for e in bench.events if isinstance(e, StageEnded)].count("search") == 1
    first, second = told(bench, "lr: ")
    assert "the upper bound 0.1, which" in first
    assert first.endswith("(try up to 1): 8 more trials x 1 epoch there")
    assert "the upper bound 1, which" in second
    assert second.endswith("(try up to 50): 8 more trials x 1 epoch there")
    # Without expansion there are no trials but the first ones.
    bench.watch = lambda _: None
    held = bench.run(search_space(bench, trials=14), name="held")
    assert configs(held) == configs(grown)[:14]
    assert held.best.mean < -4
    assert grown.best.mean > -0.01
    assert 8 < grown.best.config["lr"] < 12.5


def test_limits_are_never_crossed(bench: Bench):
    path = all_rounds(bench, rounds=[], trials=2, expand={"rounds": 5, "trials": 3})
    study = bench.run(path, overrides=["space.lr.limits=[null, 0.7]"])
    assert rounds(study) == [("search", 0, 2), ("expand", 2, 3)]
    assert study.store.get("rounds")[1]["bounds"]["lr"][1] == 0.7
    assert 0.1 < max(config["lr"] for config in configs(study)) <= 0.7
    assert study.store.get("trials") == 5


# From coarse to fine


def test_each_round_has_its_epochs_and_its_patience(bench: Bench):
    planned = [{"trials": 3, "epochs": 2}, {"trials": 2, "epochs": 9}, {"trials": 1}]
    search = {"trials": None, "rounds": planned}
    study = bench.run(
        bench.space("peak", space=LR, search=search, objective={"epochs": 24}, finalists=None, ensemble=None)
    )
    ended = [(r.epochs, r.stop_reason) for r in study.store.records(Stage.SEARCH)]
    assert ended[:3] == [(2, StopReason.FINISHED)] * 3
    # Epoch 3 is the best; the patience is 25 % of the round's own epochs, and 5 at least.
    assert ended[3:] == [*[(8, StopReason.STALLED)] * 2, (9, StopReason.STALLED)]
    assert [e.epochs for e in bench.events if isinstance(e, StageStarted)] == [2, 9, 24]
    assert [one["epochs"] for one in study.store.get("rounds")] == [2, 9, 24]
    assert rounds(study) == [("search", 0, 3), ("zoom", 3, 2), ("zoom", 5, 1)]


def test_later_rounds_are_around_the_best(bench: Bench):
    wide = {"lr": {"loguniform": [1e-3, 1e4]}}
    planned = [{"trials": 7}, {"trials": 4, "around": 1}, {"trials": 4, "around": 1}]
    study = bench.run(search_space(bench, space=wide, rounds=planned))
    found = [config["lr"] for config in configs(study)]
    spans = [max(part) / min(part) for part in (found[:7], found[7:11], found[11:])]
    assert spans[0] > 1e5
    assert spans[2] < spans[1] < 1e3
    assert all(1 < lr < 100 for lr in found[11:])
    assert study.best.mean > -0.05
    assert told(bench, "4 more trials x 1 epoch around the best so far")


# Killed and resumed


def at_notice(count: int) -> Callable[[Bench], None]:
    def arm(bench: Bench, _: pytest.MonkeyPatch) -> None:
        seen = [0]

        def watch(event: Event) -> None:
            seen[0] += isinstance(event, Notice) and "more trial" in event.message
            if seen[0] == count:
                raise Stop

        bench.watch = watch

    return arm


def at_trial(kind: type, count: int) -> Callable[[Bench], None]:
    return lambda bench, _: bench.stop_at(kind, count)


def at_put(key: str, count: int, *, before: bool) -> Callable[[Bench, pytest.MonkeyPatch], None]:
    """Kill the driver when it stores an attribute while there are trials: right before, or right after."""

    def arm(_: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        put, seen = Store.put, [0]

        def killed(self: Store, name: str, value: object) -> None:
            seen[0] += name == key and not self.is_empty
            if before and seen[0] == count:
                raise Stop
            put(self, name, value)
            if seen[0] == count:
                raise Stop

        monkeypatch.setattr(Store, "put", killed)

    return arm


MOMENTS = {
    "in the first round": at_trial(TrialStarted, 2),
    "after the first round": at_trial(TrialScored, 2),
    "with only the expansion's total stored": at_put("trials", 1, before=False),
    "when the expansion is told": at_notice(1),
    "in the expansion": at_trial(TrialMeasured, 4),
    "before the zoom is stored": at_put("rounds", 2, before=True),
    "after the zoom is stored": at_put("rounds", 2, before=False),
    "in the zoom": at_trial(TrialMeasured, 7),
}


def cut(bench: Bench, arm: Callable[[Bench, pytest.MonkeyPatch], None], space: Path, name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        arm(bench, patch)
        with pytest.raises(Stop):
            bench.run(space, name=name)
    bench.watch = lambda _: None


@pytest.mark.parametrize("sampler", ["jittered_grid", "sobol", "tpe"])
def test_resumed_is_the_same_as_uninterrupted(bench: Bench, sampler: str):
    space = all_rounds(bench, sampler=sampler)
    whole = bench.run(space, name="whole")
    assert rounds(whole) == [("search", 0, 2), ("expand", 2, 2), ("zoom", 4, 2)]
    assert [r.epochs for r in whole.store.records(Stage.SEARCH)] == [1] * 4 + [2] * 2
    assert [e.total for e in bench.events if isinstance(e, StageStarted)] == [4, 6, 6]
    some = "in the expansion"
    moments = MOMENTS if sampler == "jittered_grid" else {some: MOMENTS[some]}
    for at, (moment, arm) in enumerate(moments.items()):
        cut(bench, arm, space, f"cut-{at}")
        resumed = bench.run(space, name=f"cut-{at}", resume=True) if at % 2 else bench.resume(f"cut-{at}")
        assert outcome(resumed) == outcome(whole), moment


def test_one_command_again_and_again_comes_to_the_same_end(bench: Bench):
    space = all_rounds(bench)
    whole = bench.run(space, name="whole")
    for count in (1, 2, 2):  # killed in all rounds
        bench.stop_at(TrialScored, count)
        with pytest.raises(Stop):
            bench.run(space, name="cut", resume=True)
    bench.watch = lambda _: None
    assert outcome(bench.run(space, name="cut", resume=True)) == outcome(whole)
    bench.events.clear()
    assert outcome(bench.run(space, name="cut", resume=True)) == outcome(whole)
    assert not [e for e in bench.events if isinstance(e, TrialStarted)]


# Other totals


@pytest.mark.parametrize(
    ("killed", "total", "expected"),
    [
        (1, 2, [("search", 0, 2)]),
        (1, 5, [("search", 0, 2), ("zoom", 2, 3)]),
        (3, 2, [("search", 0, 2), ("expand", 2, 1)]),
        (3, 7, [("search", 0, 2), ("expand", 2, 2), ("zoom", 4, 3)]),
        (5, 5, [("search", 0, 2), ("expand", 2, 2), ("zoom", 4, 1)]),
        (6, 7, [("search", 0, 2), ("expand", 2, 2), ("zoom", 4, 3)]),
    ],
)
def test_a_new_total_in_each_round(bench: Bench, killed: int, total: int, expected: list):
    cut(bench, at_trial(TrialScored, killed), all_rounds(bench), "sample")
    before = bench.load()
    study = bench.resume(trials=total)
    assert len(configs(study)) == distinct(study) == expected[-1][1] + expected[-1][2] == max(total, killed)
    assert configs(study)[:killed] == configs(before)
    epochs = [2 if kind == "zoom" else 1 for kind, _, count in expected for _ in range(count)]
    assert [r.epochs for r in study.store.records(Stage.SEARCH)] == epochs
    assert [one[:2] for one in rounds(study)] == [one[:2] for one in expected]
    assert study.state == "done"
    # Said once, the total holds for later resumes, and the next one goes on from there.
    again = bench.resume()
    assert outcome(again) == outcome(study)


def test_a_larger_total_keeps_the_configs(bench: Bench):
    space = search_space(bench, trials=4, levels={"lr": 5})
    whole = bench.run(space, name="whole")
    bench.run(space, name="short", overrides=["search.trials=2"])
    assert configs(bench.resume("short", trials=4)) == configs(whole)


# Used-up spaces


@pytest.mark.parametrize("sampler", ["jittered_grid", "tpe"])
def test_a_space_that_is_used_up_ends_the_search(bench: Bench, sampler: str):
    study = bench.run(search_space(bench, "any_config", FINITE, sampler=sampler, trials=48))
    assert len(configs(study)) == distinct(study) == 6
    (line,) = told(bench, "used up")
    assert line == "the space is used up: 6 configs in all, and none is left; the search ends with 6 trials"
    assert (study.state, study.store.get("trials"), study.store.get("used_up")) == ("done", 6, True)
    bench.events.clear()
    again = bench.resume()
    assert outcome(again) == outcome(study)
    assert not told(bench, "used up")
    more = bench.resume(trials=20)
    assert (len(configs(more)), more.state, more.store.get("trials")) == (6, "done", 6)
    assert len(told(bench, "used up")) == 1


def test_conditions_first_and_constraints_count_for_what_is_left(bench: Bench):
    space = {**FINITE, "c": {"choice": [1, 2], "when": {"a": "x"}}}
    first = [{"a": "x", "b": 2, "c": 1}, {"a": "y", "b": 3}]
    search = {"trials": 30, "first": first}
    path = bench.space("any_config", space=space, constraints=["b < 3 or a == 'y'"], search=search, **ONLY_SEARCH)
    study = bench.run(path)
    assert configs(study)[:2] == first
    expected = [{"a": "x", "b": b, "c": c} for b in (1, 2) for c in (1, 2)] + [{"a": "y", "b": b} for b in (1, 2, 3)]
    assert sorted(map(json.dumps, configs(study))) == sorted(map(json.dumps, expected))
    assert [json.loads(line) for line in bench.audited()] == configs(study)
    assert told(bench, "7 configs in all, and none is left; the search ends with 7 trials")


def test_a_used_up_search_that_was_killed_ends_alike(bench: Bench):
    space = search_space(bench, "any_config", {"a": {"randint": [1, 3]}}, rounds=[{"trials": 9}, {"trials": 4}])
    whole = bench.run(space, name="whole")
    assert rounds(whole) == [("search", 0, 3)]
    for key in ("used_up", "rounds"):
        cut(bench, at_put(key, 1, before=False), space, key)
        assert outcome(bench.resume(key)) == outcome(whole)


def test_a_used_up_round_is_not_the_end_of_what_follows(bench: Bench):
    """The region around the best has few configs; those that were trained are not trained again."""
    space = {"lr": {"qrandint": [1, 40, 1]}}
    planned = [{"trials": 8}, {"trials": 40, "around": 1}, {"trials": 3, "around": 30}]
    study = bench.run(search_space(bench, space=space, rounds=planned))
    (_, zoomed, last) = rounds(study)
    assert zoomed[2] < 30
    assert last == ("zoom", 8 + zoomed[2], 3)
    assert distinct(study) == len(configs(study)) == 11 + zoomed[2] == study.store.get("trials")
    (line,) = told(bench, "used up")
    assert line.endswith(f"the round ends with {8 + zoomed[2]} trials")
    assert study.store.get("used_up") is False


def test_an_expansion_of_a_used_up_space_goes_on(bench: Bench):
    space = {"lr": {"randint": [2, 5]}, "wd": {"choice": [0.0, 0.1, 0.2, 0.3]}}
    planned = [{"trials": 30}, {"trials": 4}]
    study = bench.run(search_space(bench, space=space, rounds=planned, expand={"rounds": 1, "trials": 4}))
    assert rounds(study) == [("search", 0, 16), ("expand", 16, 4), ("zoom", 20, 4)]
    assert distinct(study) == len(configs(study)) == 24
    assert 5 < max(config["lr"] for config in configs(study)) <= 10
    assert study.store.get("used_up") is False


# Configs to try first


def test_first_configs_are_trained_as_given(bench: Bench):
    space = {
        "batch_size": {"choice": [32, 64, 128]},
        "lr": {"loguniform": [1e-3, 1e-1], "per": "batch_size", "reference": 64},
        "momentum": {"uniform": [0.5, 0.9], "when": {"optimizer": "sgd"}},
        "optimizer": {"choice": ["sgd", "adamw"]},
    }
    first = [
        {"batch_size": 128, "lr": 0.06, "optimizer": "adamw"},
        {"batch_size": 32, "lr": 0.01, "momentum": 0.7, "optimizer": "sgd"},
    ]
    study = bench.run(search_space(bench, "any_config", space, trials=5, first=first, sampler="sobol"))
    assert [json.loads(line) for line in bench.audited()] == configs(study)
    assert configs(study)[:2] == first
    stored = [record.params["lr"] for record in study.store.records(Stage.SEARCH)]
    assert stored[:2] == pytest.approx([0.03, 0.02])
    plain = bench.run(search_space(bench, "any_config", space, trials=3, sampler="sobol"), name="plain")
    assert configs(study)[2:] == configs(plain)  # the sampler begins where the given ones end


def test_more_first_configs_than_the_first_round_has_trials(bench: Bench):
    first = [{"lr": lr} for lr in (0.01, 0.02, 0.04)]
    study = bench.run(search_space(bench, first=first, rounds=[{"trials": 2}, {"trials": 3}]))
    assert configs(study)[:3] == first
    assert len(configs(study)) == distinct(study) == 5
    assert rounds(study) == [("search", 0, 2), ("zoom", 2, 3)]


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ("{lr: 0.05}", "search.first.0.wd: is missing; allowed: a value for each parameter"),
        ("{lr: 0.05, wd: 0.05, x: 1}", "search.first.0.x: 'x' is not in the space; allowed: lr, wd"),
        ("{lr: 5, wd: 0.05}", "search.first.0.lr: 5 is outside of the range; allowed: from 0.001 to 0.1"),
        ("{lr: small, wd: 0.05}", "search.first.0.lr: found 'small'; allowed: a finite number"),
        ("{lr: 0.05, wd: 0.09}", "search.first.0: does not satisfy 'wd < 0.08'; allowed: a config that satis"),
        ("{lr: 0.05, wd: 0.01}, {lr: 0.05, wd: 0.01}", "search.first.1: is the config of search.first.0; allowed: "),
        ("{lr: 0.05, wd: 0.01}, {lr: 0.05, wd: 0.02}", "search.first: has 2 configs; allowed: at most search.trials"),
    ],
)
def test_a_first_config_that_is_wrong_ends_it_before_anything_runs(bench: Bench, first: str, message: str):
    space, more = {**LR, "wd": {"uniform": [0.0, 0.1]}}, {"constraints": ["wd < 0.08"], "search": {"trials": 1}}
    path = bench.space("any_config", space=space, **more, **ONLY_SEARCH)
    with pytest.raises(SpaceFileError) as caught:
        bench.run(path, overrides=[f"search.first=[{first}]"])
    assert f": {message}" in str(caught.value)
    assert not bench.studies.exists()
