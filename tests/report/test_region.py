"""What the summary says of bounds, and of the configs that were tried first: from studies that were run."""

from __future__ import annotations

import pytest

from hpsearch import api
from hpsearch.report.region import bounds_in_words, first_in_words
from hpsearch.store.store import Store
from support.bench import Bench

LR = {"lr": {"loguniform": [1e-3, 1e-1]}}


def run(bench: Bench, function: str, *, finalists: dict | None = None, epochs: int = 1, **search: object) -> api.Study:
    search = {"trials": None, **search}
    path = bench.space(
        function, space=LR, search=search, objective={"epochs": epochs}, finalists=finalists, ensemble=None
    )
    return bench.run(path)


def first(study: api.Study) -> str:
    return first_in_words(study)


def test_the_best_is_compared_with_what_was_tried_first(bench: Bench):
    study = run(bench, "planted", trials=6, first=[{"lr": 1e-3}, {"lr": 2e-3}])
    value = study.store.records("search")[1].value
    gain = study.best.mean - value
    assert first(study) == f"trial 1, score {value:.4f} with one seed: the best is {gain:.4f} better"
    assert gain > 0


def test_a_first_config_that_wins_says_so(bench: Bench):
    study = run(bench, "planted", trials=3, first=[{"lr": 0.1}])
    assert first(study) == "trial 0, score -4.0000 with one seed: it is the best"


def test_a_shorter_training_is_no_match(bench: Bench):
    study = run(bench, "climb", epochs=4, rounds=[{"trials": 2, "epochs": 1}, {"trials": 2}], first=[{"lr": 1e-3}])
    assert first(study).endswith("with one seed after 1 epoch; the best had more, so their difference says nothing")


def test_a_retrained_one_is_compared_by_its_mean(bench: Bench):
    rounds = [{"trials": 2, "epochs": 1}, {"trials": 1}]
    study = run(bench, "climb", epochs=2, rounds=rounds, first=[{"lr": 1e-3}], finalists={"configs": 3, "seeds": 2})
    assert "over 2 seeds: the best is" in first(study)


def test_a_diverged_one_is_no_rival(bench: Bench):
    study = run(bench, "diverge_in_trial_0", epochs=3, trials=3, first=[{"lr": 0.1}])
    assert study.best is not None
    assert first(study) == ""


def test_nothing_is_said_of_a_study_without_them(bench: Bench):
    study = run(bench, "planted", trials=3)
    assert first(study) == ""
    assert bounds_in_words(study) == []


def test_bounds_that_are_too_tight_are_told_without_expansion(bench: Bench):
    study = run(bench, "planted", trials=14)
    (line,) = bounds_in_words(study)
    assert line.startswith("lr: ")
    assert line.endswith("the upper bound 0.1, which may be too tight (try up to 1)")
    (edge,) = study.document()["edges"]
    assert (edge["parameter"], edge["side"], edge["bound"], edge["proposed"]) == ("lr", "high", 0.1, 1.0)


def test_a_total_that_was_given_outlives_a_kill_right_after_it(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    path = bench.space(
        "planted",
        space=LR,
        search={"trials": 14, "expand": {"rounds": 1, "trials": 2}},
        objective={"epochs": 1},
        finalists=None,
        ensemble=None,
    )
    bench.run(path, overrides=["search.expand=null"]).close()
    put = Store.put

    def stop(store: Store, key: str, value: object) -> None:
        put(store, key, value)
        if key == "trials_given":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Store, "put", stop)
        with pytest.raises(KeyboardInterrupt):
            bench.resume(trials=17)
    assert len(bench.resume().store.records("search")) == 17
