"""What a search trains, round by round: studies run for real, whole ones and such as were killed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from running import Bench, Stop, bench, results

from hpsearch import api
from hpsearch.errors import InputError, SpaceFileError
from hpsearch.events import Event, Notice, StageEnded, StageStarted, TrialMeasured, TrialScored, TrialStarted
from hpsearch.store import Store
from hpsearch.trial import Stage, StopReason

bench = pytest.fixture(bench)

ONLY_SEARCH = {"finalists": None, "ensemble": None, "objective": {"epochs": 1}}
LR = {"lr": {"loguniform": [1e-3, 1e-1]}, "wd": {"uniform": [0.0, 0.1]}}
FINITE = {"a": {"choice": ["x", "y"]}, "b": {"randint": [1, 3]}}
# Where the best is at lr 10: one round that ends at an edge, one beyond it, one around the best of both.
ALL_ROUNDS = {"rounds": [{"trials": 12, "epochs": 1}, {"trials": 4}], "expand": {"rounds": 1, "trials": 6}}


def search_space(bench: Bench, function: str = "planted", space: dict | None = None, **search: object):
    return bench.space(function, space=space or LR, search={"trials": None, **search}, **ONLY_SEARCH)


def configs(study: api.Study) -> list[dict]:
    """Return the configs as the objective got them."""
    return [trial["params"] for trial in study.document()["trials"]]


def rounds(study: api.Study) -> list[tuple]:
    return [(one["kind"], one["start"], one["trials"], one["epochs"]) for one in study.store.get("rounds")]


def outcome(study: api.Study) -> tuple:
    """Return what must not depend on interruptions, the rounds and what was told of them included."""
    attributes = {key: study.store.get(key) for key in ("rounds", "trials", "used_up")}
    return results(study), attributes, study.best, study.state


def distinct(study: api.Study) -> int:
    return len({json.dumps(one, sort_keys=True) for one in configs(study)})


# Expansion


def test_an_optimum_two_decades_outside_is_found(bench: Bench):
    held = bench.run(search_space(bench, trials=32), name="held")
    grown = bench.run(search_space(bench, trials=16, expand={"rounds": 2, "trials": 8}), name="grown")
    assert len(held.store.records(Stage.SEARCH)) == len(grown.store.records(Stage.SEARCH)) == 32
    assert max(config["lr"] for config in configs(held)) <= 0.1
    assert held.best.mean < -4
    assert grown.best.mean > -0.1
    assert 5 < grown.best.config["lr"] < 20
    assert [one[:3] for one in rounds(grown)] == [("search", 0, 16), ("expand", 16, 8), ("expand", 24, 8)]
    assert rounds(held) == [("search", 0, 32, 1)]


def test_a_new_bound_is_told_and_shown(bench: Bench, capsys):
    study = bench.run(search_space(bench, trials=16, expand={"rounds": 2, "trials": 8}))
    told = [text for text in bench.notices() if text.startswith("lr: ")]
    assert len(told) == 2
    assert "upper bound 0.1, which is too tight (try up to 1): 8 more trials x 1 epoch there" in told[0]
    second = study.store.get("rounds")[2]["bounds"]["lr"][1]
    assert f"upper bound 1, which is too tight (try up to {second:g}): 8 more trials" in told[1]
    assert [(e.total, e.done) for e in bench.events if isinstance(e, StageStarted)] == [(16, 0), (24, 16), (32, 24)]
    assert [e.stage for e in bench.events if isinstance(e, StageEnded)] == ["search"]


def test_limits_are_never_crossed(bench: Bench):
    limited = {"lr": {"loguniform": [1e-3, 1e-1], "limits": [None, 0.7]}, "wd": {"uniform": [0.0, 0.1]}}
    study = bench.run(search_space(bench, space=limited, trials=16, expand={"rounds": 5, "trials": 8}))
    assert rounds(study) == [("search", 0, 16, 1), ("expand", 16, 8, 1)]
    assert study.store.get("rounds")[1]["bounds"]["lr"][1] == 0.7
    assert 0.1 < max(config["lr"] for config in configs(study)) <= 0.7
    assert study.store.get("trials") == 24


def test_the_bounds_are_stored_before_the_first_trial_of_a_round(bench: Bench):
    seen = []

    def watch(event: Event) -> None:
        if isinstance(event, TrialStarted):
            store = Store.open(bench.studies / "sample")
            seen.append((event.number, len(store.get("rounds")), store.get("trials")))
            store.close()

    bench.watch = watch
    bench.run(search_space(bench, trials=12, expand={"rounds": 1, "trials": 4}))
    assert seen == [(n, 1, 12) for n in range(12)] + [(n, 2, 16) for n in range(12, 16)]


def test_what_the_objective_does_not_take_is_no_reason_to_grow(bench: Bench):
    """No crowd at a bound: no round."""
    inside = {"lr": {"loguniform": [1e-1, 1e3]}, "wd": {"uniform": [0.0, 0.1]}}
    study = bench.run(search_space(bench, space=inside, trials=16, expand={"rounds": 2}))
    assert rounds(study) == [("search", 0, 16, 1)]


# From coarse to fine


def test_each_round_has_its_epochs_and_its_patience(bench: Bench):
    planned = [{"trials": 4, "epochs": 4}, {"trials": 3, "epochs": 8}, {"trials": 2}]
    space = bench.space(
        "peak",
        space={"lr": {"loguniform": [1e-3, 1.0]}},
        search={"trials": None, "rounds": planned},
        objective={"epochs": 40},
        prune={"stall": {"patience": "25%"}},
        finalists={"configs": 1, "seeds": 1},
        ensemble=None,
    )
    study = bench.run(space)
    ended = [(r.epochs, r.stop_reason) for r in study.store.records(Stage.SEARCH)]
    # Epoch 3 is the best; the patience is 25 % of the round's own epochs, and 5 at least.
    assert ended[:4] == [(4, StopReason.FINISHED)] * 4
    assert ended[4:7] == [(8, StopReason.STALLED)] * 3
    assert ended[7:] == [(13, StopReason.STALLED)] * 2
    assert [r.epochs for r in study.store.records(Stage.FINALISTS)] == [40]
    assert [e.epochs for e in bench.events if isinstance(e, StageStarted)] == [4, 8, 40, 40]
    assert rounds(study) == [("search", 0, 4, 4), ("zoom", 4, 3, 8), ("zoom", 7, 2, 40)]


def test_later_rounds_are_around_the_best(bench: Bench):
    wide = {"lr": {"loguniform": [1e-3, 1e4]}, "wd": {"uniform": [0.0, 0.1]}}
    planned = [{"trials": 14}, {"trials": 6, "around": 1}, {"trials": 6, "around": 1}]
    study = bench.run(search_space(bench, space=wide, rounds=planned))
    found = [config["lr"] for config in configs(study)]
    spans = [max(part) / min(part) for part in (found[:14], found[14:20], found[20:])]
    assert spans[0] > 1e5
    assert spans[2] < spans[1] < 1e3
    assert all(1 < lr < 100 for lr in found[20:])
    assert study.best.mean > -0.01


def test_a_round_of_epochs_in_the_middle_counts_for_show(bench: Bench):
    study = bench.run(search_space(bench, **ALL_ROUNDS, trials=None))
    assert rounds(study) == [("search", 0, 12, 1), ("expand", 12, 6, 1), ("zoom", 18, 4, 1)]
    assert study.store.get("trials") == 22
    totals = [e.total for e in bench.events if isinstance(e, StageStarted)]
    assert totals == [16, 22, 22]


# Killed and resumed


def at_notice(count: int) -> Callable[[Bench], None]:
    def arm(bench: Bench, _: pytest.MonkeyPatch) -> None:
        seen = [0]

        def watch(event: Event) -> None:
            seen[0] += isinstance(event, Notice)
            if seen[0] == count:
                raise Stop

        bench.watch = watch

    return arm


def at_trial(kind: type, count: int) -> Callable[[Bench], None]:
    return lambda bench, _: bench.stop_at(kind, count)


def at_put(key: str, count: int, *, before: bool) -> Callable[[Bench, pytest.MonkeyPatch], None]:
    """Kill the driver when it stores an attribute: right before, or right after."""

    def arm(_: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        put, seen = Store.put, [0]

        def killed(self: Store, name: str, value: object) -> None:
            seen[0] += name == key
            if before and seen[0] == count:
                raise Stop
            put(self, name, value)
            if seen[0] == count:
                raise Stop

        monkeypatch.setattr(Store, "put", killed)

    return arm


MOMENTS = {
    "in the first round": at_trial(TrialMeasured, 5),
    "after the first round": at_trial(TrialScored, 12),
    "before the expansion is stored": at_put("rounds", 1, before=True),
    "with its total stored": at_put("trials", 2, before=False),  # the first is the driver's own
    "after the expansion is stored": at_put("rounds", 1, before=False),
    "when the expansion is told": at_notice(1),
    "at its first trial": at_trial(TrialStarted, 13),
    "in the expansion": at_trial(TrialMeasured, 15),
    "after the expansion": at_trial(TrialScored, 18),
    "after the zoom is stored": at_put("rounds", 2, before=False),
    "when the zoom is told": at_notice(2),
    "in the zoom": at_trial(TrialStarted, 21),
}


@pytest.mark.parametrize("sampler", ["jittered_grid", "sobol", "tpe"])
def test_resumed_is_the_same_as_uninterrupted(bench: Bench, sampler: str):
    space = search_space(bench, **ALL_ROUNDS, sampler=sampler)
    whole = bench.run(space, name="whole")
    assert [one[0] for one in rounds(whole)] == ["search", "expand", "zoom"]
    moments = MOMENTS if sampler == "jittered_grid" else {key: MOMENTS[key] for key in list(MOMENTS)[4::6]}
    for at, (moment, arm) in enumerate(moments.items()):
        with pytest.MonkeyPatch.context() as patch:
            arm(bench, patch)
            with pytest.raises(Stop):
                bench.run(space, name=f"cut-{at}")
        bench.watch = lambda _: None
        resumed = bench.run(space, name=f"cut-{at}", resume=True) if at % 2 else bench.resume(f"cut-{at}")
        assert outcome(resumed) == outcome(whole), moment


def test_one_command_again_and_again_comes_to_the_same_end(bench: Bench):
    space = search_space(bench, **ALL_ROUNDS)
    whole = bench.run(space, name="whole")
    for count in (3, 7, 2, 4, 1):  # killed in all rounds
        bench.stop_at(TrialScored, count)
        with pytest.raises(Stop):
            bench.run(space, name="cut", resume=True)
    bench.watch = lambda _: None
    assert outcome(bench.run(space, name="cut", resume=True)) == outcome(whole)
    bench.events.clear()
    assert outcome(bench.run(space, name="cut", resume=True)) == outcome(whole)
    assert not [e for e in bench.events if isinstance(e, TrialStarted)]


# Other totals


def killed_at(bench: Bench, space: object, trials: int) -> None:
    bench.stop_at(TrialScored, trials)
    with pytest.raises(Stop):
        bench.run(space, name="sample")
    bench.watch = lambda _: None


@pytest.mark.parametrize(
    ("killed", "total", "expected"),
    [
        (5, 3, [("search", 0, 5)]),
        (5, 8, [("search", 0, 8)]),
        (5, 14, [("search", 0, 12), ("zoom", 12, 2)]),
        (5, 20, [("search", 0, 12), ("zoom", 12, 8)]),
        (14, 10, [("search", 0, 12), ("expand", 12, 2)]),
        (14, 16, [("search", 0, 12), ("expand", 12, 4)]),
        (14, 20, [("search", 0, 12), ("expand", 12, 6), ("zoom", 18, 2)]),
        (14, 30, [("search", 0, 12), ("expand", 12, 6), ("zoom", 18, 12)]),
        (20, 21, [("search", 0, 12), ("expand", 12, 6), ("zoom", 18, 3)]),
        (20, 24, [("search", 0, 12), ("expand", 12, 6), ("zoom", 18, 6)]),
        (22, 25, [("search", 0, 12), ("expand", 12, 6), ("zoom", 18, 7)]),
    ],
)
def test_a_new_total_in_each_round(bench: Bench, killed: int, total: int, expected: list):
    space = search_space(bench, **ALL_ROUNDS)
    killed_at(bench, space, killed)
    before = configs(bench.load())
    study = bench.resume(trials=total)
    assert len(study.store.records(Stage.SEARCH)) == expected[-1][1] + expected[-1][2] == max(total, killed)
    assert configs(study)[:killed] == before[:killed]
    assert study.state == "done"
    # Said once, the total holds for later resumes, and so do the rounds.
    again = bench.resume()
    assert outcome(again) == outcome(study)
    numbers = [one[1] for one in expected[1:]]
    assert [one[1] for one in rounds(again)][1:] == numbers


def test_a_larger_total_keeps_the_configs_of_a_study_without_rounds(bench: Bench):
    for sampler in ("jittered_grid", "random", "sobol"):
        whole = bench.run(search_space(bench, sampler=sampler, trials=12), name=f"whole-{sampler}")
        space = search_space(bench, sampler=sampler, trials=12)
        bench.run(space, name=f"short-{sampler}", overrides=["search.trials=5", "search.levels={lr: 8, wd: 4}"])
        extended = bench.resume(f"short-{sampler}", trials=12)
        if sampler != "jittered_grid":  # whose levels follow from the first total
            assert configs(extended) == configs(whole)
        assert distinct(extended) == 12
        assert configs(extended)[:5] == configs(bench.load(f"short-{sampler}"))[:5]


def test_a_total_that_was_given_ends_expansions(bench: Bench):
    space = search_space(bench, trials=12, expand={"rounds": 3, "trials": 4})
    killed_at(bench, space, 6)
    study = bench.resume(trials=14)
    assert len(study.store.records(Stage.SEARCH)) == 14
    assert max(config["lr"] for config in configs(study)) <= 0.1


# Used-up spaces


@pytest.mark.parametrize("sampler", ["jittered_grid", "random", "sobol", "tpe"])
def test_a_space_that_is_used_up_ends_the_search(bench: Bench, sampler: str):
    study = bench.run(search_space(bench, "any_config", FINITE, sampler=sampler, trials=48))
    assert len(configs(study)) == distinct(study) == 6
    (told,) = [text for text in bench.notices() if "used up" in text]
    assert told == "the space is used up: 6 configs in all, and none is left; the search ends with 6 trials"
    assert (study.state, study.store.get("trials"), study.store.get("used_up")) == ("done", 6, True)
    bench.events.clear()
    again = bench.resume()
    assert outcome(again) == outcome(study)
    assert not bench.notices()
    more = bench.resume(trials=20)
    assert (len(configs(more)), more.state, more.store.get("trials")) == (6, "done", 6)
    assert len(bench.notices()) == 1


def test_conditions_first_and_constraints_count_for_what_is_left(bench: Bench):
    space = {**FINITE, "c": {"choice": [1, 2], "when": {"a": "x"}}}
    first = [{"a": "x", "b": 2, "c": 1}, {"a": "y", "b": 3}]
    path = bench.space(
        "any_config",
        space=space,
        constraints=["b < 3 or a == 'y'"],
        search={"trials": 30, "first": first},
        **ONLY_SEARCH,
    )
    study = bench.run(path)
    assert configs(study)[:2] == first
    expected = [{"a": "x", "b": b, "c": c} for b in (1, 2) for c in (1, 2)] + [{"a": "y", "b": b} for b in (1, 2, 3)]
    assert sorted(map(json.dumps, configs(study))) == sorted(map(json.dumps, expected))
    assert [json.loads(line) for line in bench.audited()] == configs(study)
    assert any("7 configs in all, and none is left; the search ends with 7 trials" in one for one in bench.notices())


def test_a_used_up_search_that_was_killed_ends_alike(bench: Bench):
    space = search_space(bench, "any_config", FINITE, rounds=[{"trials": 10}, {"trials": 4}])
    whole = bench.run(space, name="whole")
    assert rounds(whole) == [("search", 0, 6, 1)]
    for at, (key, before) in enumerate([("used_up", True), ("used_up", False), ("rounds", True), ("rounds", False)]):
        with pytest.MonkeyPatch.context() as patch:
            at_put(key, 1, before=before)(bench, patch)
            with pytest.raises(Stop):
                bench.run(space, name=f"cut-{at}")
        assert outcome(bench.resume(f"cut-{at}")) == outcome(whole)


def test_a_used_up_round_is_not_the_end_of_what_follows(bench: Bench):
    """The region around the best has few configs; those that were trained are not trained again."""
    space = {"lr": {"qrandint": [1, 40, 1]}, "wd": {"choice": [0.0, 0.1]}}
    planned = [{"trials": 16}, {"trials": 40, "around": 1}, {"trials": 4, "around": 30}]
    study = bench.run(search_space(bench, space=space, rounds=planned))
    kinds = rounds(study)
    assert [one[0] for one in kinds] == ["search", "zoom", "zoom"]
    assert kinds[1][2] < 40
    assert kinds[2][2] == 4
    assert distinct(study) == len(configs(study)) == 20 + kinds[1][2]
    (told,) = [text for text in bench.notices() if "used up" in text]
    assert told.endswith(f"the round ends with {16 + kinds[1][2]} trials")


def test_an_expansion_of_a_used_up_space_goes_on(bench: Bench):
    space = {"lr": {"randint": [2, 5]}, "wd": {"choice": [0.0, 0.1, 0.2, 0.3]}}
    rounds_planned = [{"trials": 30}, {"trials": 4}]
    study = bench.run(search_space(bench, space=space, rounds=rounds_planned, expand={"rounds": 1, "trials": 4}))
    kinds = [one[:3] for one in rounds(study)]
    assert kinds[:2] == [("search", 0, 16), ("expand", 16, 4)]
    assert kinds[2][0] == "zoom"
    assert distinct(study) == len(configs(study))
    assert max(config["lr"] for config in configs(study)) > 5


# Configs to try first


def test_first_configs_are_trained_as_given(bench: Bench):
    space = {
        "lr": {"loguniform": [1e-3, 1e-1], "per": "batch_size", "reference": 64},
        "batch_size": {"choice": [32, 64, 128]},
        "optimizer": {"choice": ["sgd", "adamw"]},
        "momentum": {"uniform": [0.5, 0.9], "when": {"optimizer": "sgd"}},
    }
    first = [
        {"lr": 0.06, "batch_size": 128, "optimizer": "adamw"},
        {"lr": 0.01, "batch_size": 32, "optimizer": "sgd", "momentum": 0.7},
    ]
    study = bench.run(search_space(bench, "any_config", space, trials=5, first=first))
    assert [json.loads(line) for line in bench.audited()] == configs(study)
    assert [pytest.approx(one) for one in first] == [
        {key: value for key, value in config.items() if key != "optimizer"} | {"optimizer": config["optimizer"]}
        for config in configs(study)[:2]
    ]
    stored = [record.params["lr"] for record in study.store.records(Stage.SEARCH)]
    assert stored[:2] == pytest.approx([0.03, 0.02])
    plain = bench.run(search_space(bench, "any_config", space, trials=3), name="plain")
    assert configs(study)[2:] == configs(plain)  # the sampler begins where the given ones end


def test_more_first_configs_than_the_first_round_has_trials(bench: Bench):
    first = [{"lr": lr, "wd": 0.05} for lr in (0.01, 0.02, 0.04)]
    study = bench.run(search_space(bench, first=first, rounds=[{"trials": 2}, {"trials": 3}]))
    assert configs(study)[:3] == [pytest.approx(one) for one in first]
    assert len(configs(study)) == distinct(study) == 5
    assert rounds(study) == [("search", 0, 2, 1), ("zoom", 2, 3, 1)]


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ("{lr: 0.05}", "search.first.0.wd: is missing; allowed: a value for each parameter"),
        ("{lr: 0.05, wd: 0.05, x: 1}", "search.first.0.x: 'x' is not in the space; allowed: lr, wd"),
        ("{lr: 5, wd: 0.05}", "search.first.0.lr: 5 is outside of the range; allowed: from 0.001 to 0.1"),
        ("{lr: small, wd: 0.05}", "search.first.0.lr: found 'small'; allowed: a finite number"),
        ("{lr: 0.05, wd: 0.09}", "search.first.0: does not satisfy 'wd < 0.08'; allowed: a config that all"),
    ],
)
def test_a_first_config_that_is_wrong_ends_it_before_anything_runs(bench: Bench, first: str, message: str):
    path = bench.space("any_config", space=LR, constraints=["wd < 0.08"], search={"trials": 4}, **ONLY_SEARCH)
    text = path.read_text()
    path.write_text(text + f"\n# the rest\n".replace("# the rest", ""))
    with pytest.raises(SpaceFileError) as caught:
        bench.run(path, overrides=[f"search.first=[{first}]"])
    assert f": {message}" in str(caught.value)
    assert not bench.studies.exists()


def test_more_first_configs_than_trials_are_refused(bench: Bench):
    first = [{"lr": 0.01, "wd": 0.01}, {"lr": 0.02, "wd": 0.01}]
    with pytest.raises(InputError, match=r"search.first: has 2 configs; allowed: at most search.trials, 1"):
        bench.run(search_space(bench, trials=1, first=first))


def test_a_config_given_twice_is_refused_or_trained_once(bench: Bench):
    first = [{"lr": 0.01, "wd": 0.01}, {"lr": 0.01, "wd": 0.01}]
    with pytest.raises(InputError, match=r"search.first.1: is the config of search.first.0"):
        bench.run(search_space(bench, trials=4, first=first))
