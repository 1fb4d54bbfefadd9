import json
from dataclasses import replace

import pytest

from hpsearch.store.store import Store
from hpsearch.study.document import study_document
from hpsearch.trial.trial import Stage, StopReason
from support.studies import add, config, finished, make, score, scores, searched, vote

KEYS = ["schema_version", "study", "state", "metric", "direction", "trials", "finalists", "ensemble"]
TRIAL_KEYS = ["number", "state", "stop_reason", "params", "value", "best_epoch", "epochs", "seconds", "seed"]


@pytest.fixture
def study(tmp_path):
    return tmp_path / "cnn"


def document(study):
    made = study_document(study)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    return made


def test_it_has_the_shape_that_tools_read(study):
    one = finished(study)
    vote(one.store)
    found = document(one)
    assert list(found) == [*KEYS, "rounds", "edges", "test_readings", "best", "budget", "going_on", "pruning"]
    assert list(found["trials"][0]) == [*TRIAL_KEYS, "error", "dir", "code", "why", "paused_at", "audited_at"]
    assert list(found["finalists"][0])[:6] == ["trial", "params", "values", "mean", "std", "ci95"]
    assert list(found["ensemble"]) == ["members", "val", "test"]
    assert list(found["ensemble"]["members"][0]) == ["trial", "seed", "weight"]
    assert list(found["best"]) == ["trial", "params", "mean", "std", "n"]
    assert (found["schema_version"], found["study"], found["state"]) == (1, "cnn", "done")


def test_trials_come_by_number_with_resolved_configs(study):
    one = searched(study)
    trials = document(one)["trials"]
    assert [t["number"] for t in trials] == list(range(7))
    assert trials[1]["params"]["optimizer"] == "adamw"
    assert trials[1]["params"]["head"] == [256, 64]
    assert trials[1]["dir"] == "trials/00001/attempt-1"
    assert (study / trials[1]["dir"] / "manifest.json").is_file()
    assert (trials[1]["value"], trials[1]["best_epoch"], trials[1]["epochs"]) == (0.9712, 2, 9)


def test_what_did_not_end_well_has_nulls(study):
    one = searched(study)
    trials = document(one)["trials"]
    assert (trials[4]["state"], trials[4]["stop_reason"], trials[4]["value"]) == ("PRUNED", "diverged", None)
    assert (trials[3]["state"], trials[3]["stop_reason"]) == ("FAIL", "error")
    assert trials[3]["error"].startswith("ValueError")
    assert (trials[6]["state"], trials[6]["stop_reason"], trials[6]["epochs"]) == ("RUNNING", None, 2)


def test_a_study_without_trials(study):
    one = make(study)
    found = document(one)
    assert (found["state"], found["trials"], found["finalists"]) == ("unfinished", [], [])
    assert (found["ensemble"], found["test_readings"], found["best"]) == (None, 0, None)


def test_finalists_come_best_first_and_the_one_with_a_failed_seed_last(study):
    one = finished(study)
    found = document(one)
    first, second = found["finalists"]
    assert (first["trial"], second["trial"]) == (1, 5)
    assert first["values"] == [0.9667, 0.9651, 0.9644]
    assert first["ci95"][0] < first["mean"] < first["ci95"][1]
    assert (second["n_failed"], len(second["seeds"]), second["values"]) == (1, 2, [0.968, 0.961])
    assert second["optimism"] == pytest.approx(0.97121 - 0.9645)
    assert found["best"]["trial"] == 1
    assert found["best"]["n"] == 3
    assert found["best"]["params"] == first["params"]


def test_one_seed_has_no_interval(study):
    one = searched(study)
    add(one, 0, [0.9], StopReason.FINISHED, stage=Stage.FINALISTS, source=5, replicate=0)
    only = document(one)["finalists"]
    assert [(f["trial"], f["mean"], f["std"], f["ci95"]) for f in only] == [(5, 0.9, None, None)]


def test_the_test_scores_are_those_of_the_present_members(study):
    one = finished(study)
    vote(one.store, (0, 3), readings=2)
    found = document(one)
    assert found["test_readings"] == 2
    assert found["ensemble"]["val"]["ensemble"] == score(0.98)
    assert found["ensemble"]["test"] == scores(0.975)
    one.store.put("ensemble", one.store.get("ensemble") | {"members": one.store.get("ensemble")["members"][:1]})
    assert document(one)["ensemble"]["test"] is None


def test_a_reading_that_was_interrupted_counts_and_has_no_scores(study):
    one = finished(study)
    vote(one.store)
    one.store.put("test_readings", [one.store.get("test_readings")[0] | {"scores": None}])
    found = document(one)
    assert (found["test_readings"], found["ensemble"]["test"]) == (1, None)


def test_numbers_that_are_not_finite_are_null(study):
    one = finished(study)
    vote(one.store)
    one.store.put("ensemble", one.store.get("ensemble") | {"val": scores(0.9) | {"ensemble": score(0.9, float("inf"))}})
    assert document(one)["ensemble"]["val"]["ensemble"]["log_loss"] is None


def test_another_process_reads_the_same_document(study):
    one = finished(study)
    vote(one.store)
    mine = document(one)
    one.store.close()
    again = replace(one, store=Store.open(study))
    assert document(again) == mine


def test_a_trial_that_a_killed_driver_left_half_written_has_no_params_and_no_folder(study):
    one = make(study)
    one.store._storage.create_new_trial(one.store._ids[Stage.SEARCH])
    one.store.close()
    (trial,) = document(replace(one, store=Store.open(study)))["trials"]
    assert (trial["params"], trial["dir"], trial["epochs"]) == ({}, None, 0)


def test_without_finalists_the_best_is_the_searchs(study):
    one = searched(study, config(finalists=None))
    best = document(one)["best"]
    assert (best["trial"], best["mean"], best["std"], best["n"]) == (5, 0.97121, None, 0)
