"""What is told of a study before anything is trained: which of its parts can't act."""

import pytest

from hpsearch.driver.foresight import foresight
from hpsearch.driver.goals import Goals
from hpsearch.objectives.space_files import parse_config
from support.bench import Bench
from support.factories import sample_raw
from support.studies import make

LONG = {"objective": {"epochs": 30}}


def told(folder, warm=0, **changes):
    """Return the lines for a space file; all in it but `changes` can act."""
    config = parse_config(sample_raw(**{**LONG, **changes}))
    study = make(folder / "sample", config)
    study.store.put("warm_start", [{"params": {"lr": 0.1, "wd": n / 10}, "value": 0.1} for n in range(warm)])
    lines = foresight(study, Goals().settle(study))
    study.close()
    return lines


def sampler(name, trials, **search):
    return {"search": {"sampler": name, "trials": trials, **search}}


@pytest.mark.parametrize("name", ["jittered_grid", "random", "sobol"])
def test_samplers_without_a_model_need_no_trials(tmp_path, name):
    assert told(tmp_path, **sampler(name, 2)) == []


@pytest.mark.parametrize("name", ["tpe", "gp"])
def test_a_model_that_is_never_asked(tmp_path, name):
    before = "10 configs are Sobol points, before its model is asked"
    assert told(tmp_path / "a", **sampler(name, 10)) == [
        f"search.sampler {name} never acts: {before}, and the search has 10"
    ]
    assert told(tmp_path / "b", **sampler(name, 12)) == [
        f"search.sampler {name} acts in at most 2 of 12 trials: {before}"
    ]
    assert told(tmp_path / "c", **sampler(name, 20)) == []


def test_earlier_trials_count_for_a_model(tmp_path):
    (line,) = told(tmp_path / "a", warm=8, **sampler("tpe", 2))
    assert "2 configs are Sobol points" in line
    assert told(tmp_path / "b", warm=10, **sampler("tpe", 2)) == []


def test_auto_proposes_after_its_design(tmp_path):
    (line,) = told(tmp_path / "a", **sampler("auto", 6))
    assert line == "search.sampler auto never acts: 6 configs come before its model's, and the search has 6"
    assert told(tmp_path / "b", **sampler("auto", 12)) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({}, "never acts: n_startup_trials lets it draw 10 configs at random first, and the search has 6"),
        ({"n_startup_trials": 4}, "acts in at most 2 of 6 trials"),
        ({"n_startup_trials": 2}, None),
    ],
)
def test_a_class_of_optuna_may_say_its_start(tmp_path, arguments, line):
    lines = told(tmp_path, **sampler({"optuna": "optuna.samplers:TPESampler", **arguments}, 6))
    assert [one for one in lines if line is None or line not in one] == []
    assert bool(lines) is (line is not None)


def test_a_class_that_says_nothing_is_not_judged(tmp_path):
    assert told(tmp_path, **sampler({"optuna": "optuna.samplers:RandomSampler"}, 2)) == []


def test_rounds_that_do_not_begin(tmp_path):
    rounds = [{"trials": 8}, {"trials": 8}, {"trials": 4}]
    assert told(tmp_path / "a", search={"trials": 8, "rounds": rounds}) == [
        "search.rounds: 1 of 3 can begin in 8 trials"
    ]
    assert told(tmp_path / "b", search={"trials": 12, "rounds": rounds}) == [
        "search.rounds: 2 of 3 can begin in 12 trials"
    ]
    assert told(tmp_path / "c", search={"trials": 20, "rounds": rounds}) == []
    assert told(tmp_path / "d", search={"trials": 20, "rounds": rounds}, budget={"trials": 8}) == [
        "search.rounds: 1 of 3 can begin in 8 trials"
    ]


def test_a_round_around_all_trials_before_it(tmp_path):
    rounds = [{"trials": 3}, {"trials": 8, "around": 3}]
    (line,) = told(tmp_path, search={"trials": 11, "rounds": rounds})
    assert line == "search.rounds: round 2 lies around all 3 trials before it, for its around is 3"


def test_expansions(tmp_path):
    few = {"trials": 7, "expand": {}}
    assert told(tmp_path / "a", search=few) == [
        "search.expand never acts: it needs 8 trials with a value, and there are 7"
    ]
    assert told(tmp_path / "b", search={**few, "trials": 8}) == []
    assert told(tmp_path / "c", warm=1, search=few) == []
    choices = {name: {"choice": [1, 2, 3, 4]} for name in ("lr", "wd")}
    assert "no range that could grow" in told(tmp_path / "d", search=few, space=choices)[0]


def test_a_budget_of_trials_ends_a_search_before_its_expansions(tmp_path):
    search = {"trials": 20, "expand": {}}
    (line,) = told(tmp_path / "a", search=search, budget={"trials": 20})
    assert line == ("search.expand never acts: it comes after the last trial, and budget.trials ends the search at 20")
    assert told(tmp_path / "b", search=search, budget={"trials": 40}) == []


@pytest.mark.parametrize(
    ("prune", "trials", "epochs", "start"),
    [
        (
            {"stall": {"patience": 5}},
            20,
            6,
            "prune.stall never acts: it waits 5 epochs for a new best, and trials have 6",
        ),
        ({"stall": {"patience": 5}}, 20, 7, None),
        ({"stall": {"patience": 5, "warmup": 4}}, 20, 9, "prune.stall never acts"),
        ({"stall": {}}, 20, 4, "prune.stall never acts: it waits 5 epochs"),
        ({"median": {}}, 5, 20, "prune.median never acts: a round here has 5 trials of 20 epochs"),
        ({"median": {}}, 6, 20, None),
        ({"median": {"warmup": 20}}, 9, 20, "prune.median never acts"),
        ({"screen": {"keep": 4}}, 4, 20, "prune.screen never acts"),
        ({"screen": {"keep": 4}}, 5, 20, None),
        ({"asha": {"mode": "stop"}}, 2, 20, "prune.asha never acts"),
        ({"asha": {"mode": "stop"}}, 3, 20, None),
        ({"asha": {}}, 20, 2, "prune.asha never acts"),
        ({"hyperband": {}}, 20, 2, "prune.hyperband never acts"),
        ("auto", 8, 20, "prune auto compares no trials: it needs 9 trials of 9 epochs in a round"),
        ("auto", 20, 8, "prune auto compares no trials"),
        ("auto", 9, 9, None),
        (None, 2, 2, None),
    ],
)
def test_rules_that_can_end_no_trial(tmp_path, prune, trials, epochs, start):
    raw = {"search": {"trials": trials}, "objective": {"epochs": epochs}, "prune": prune}
    lines = told(tmp_path, **raw)
    assert len(lines) == (start is not None)
    assert all(line.startswith(start) for line in lines)


def test_a_file_without_prune_hears_nothing_of_it(tmp_path):
    assert told(tmp_path, search={"trials": 2}, objective={"epochs": 1}) == []


def test_a_budget_that_judges(tmp_path):
    assert told(tmp_path / "a", search={"trials": 19}, budget={"stop": "auto"}) == [
        "budget.stop auto never acts: it judges from 20 trials on, and the search has 19"
    ]
    may = ["budget.stop auto may end the search early, from 20 trials on"]
    assert told(tmp_path / "b", search={"trials": 20}, budget={"stop": "auto"}) == may


def test_an_open_search_has_trials_enough(tmp_path):
    raw = sample_raw(**LONG, budget={"time": "2h"})
    raw["search"] = {"sampler": "tpe"}
    study = make(tmp_path / "sample", parse_config(raw))
    assert foresight(study, Goals().settle(study)) == []
    study.close()


def test_it_is_said_after_the_plan_and_not_again(bench: Bench):
    space = bench.space("climb", search={"trials": 4, "sampler": "tpe"}, finalists=None)
    bench.run(space, overrides=["search.trials=2"]).close()
    assert sum("tpe never acts" in line for line in bench.notices()) == 1
    bench.resume(trials=3).close()
    assert sum("tpe" in line for line in bench.notices()) == 1
