import json

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


def document(store, settings, folder):
    made = study_document(store, settings, folder)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    return made


def test_it_has_the_shape_that_tools_read(study):
    store, settings = finished(study)
    vote(store)
    found = document(store, settings, study)
    assert list(found) == [*KEYS, "rounds", "edges", "test_readings", "best", "budget"]
    assert list(found["trials"][0]) == [*TRIAL_KEYS, "error", "dir", "code"]
    assert list(found["finalists"][0])[:6] == ["trial", "params", "values", "mean", "std", "ci95"]
    assert list(found["ensemble"]) == ["members", "val", "test"]
    assert list(found["ensemble"]["members"][0]) == ["trial", "seed", "weight"]
    assert list(found["best"]) == ["trial", "params", "mean", "std", "n"]
    assert (found["schema_version"], found["study"], found["state"]) == (1, "cnn", "done")


def test_trials_come_by_number_with_resolved_configs(study):
    store, settings = searched(study)
    trials = document(store, settings, study)["trials"]
    assert [t["number"] for t in trials] == list(range(7))
    assert trials[1]["params"]["optimizer"] == "adamw"
    assert trials[1]["params"]["head"] == [256, 64]
    assert trials[1]["dir"] == "trials/00001/attempt-1"
    assert (study / trials[1]["dir"] / "manifest.json").is_file()
    assert (trials[1]["value"], trials[1]["best_epoch"], trials[1]["epochs"]) == (0.9712, 2, 9)


def test_what_did_not_end_well_has_nulls(study):
    store, settings = searched(study)
    trials = document(store, settings, study)["trials"]
    assert (trials[4]["state"], trials[4]["stop_reason"], trials[4]["value"]) == ("PRUNED", "diverged", None)
    assert (trials[3]["state"], trials[3]["stop_reason"]) == ("FAIL", "error")
    assert trials[3]["error"].startswith("ValueError")
    assert (trials[6]["state"], trials[6]["stop_reason"], trials[6]["epochs"]) == ("RUNNING", None, 2)


def test_a_study_without_trials(study):
    store, settings = make(study)
    found = document(store, settings, study)
    assert (found["state"], found["trials"], found["finalists"]) == ("unfinished", [], [])
    assert (found["ensemble"], found["test_readings"], found["best"]) == (None, 0, None)


def test_finalists_come_best_first_and_the_one_with_a_failed_seed_last(study):
    store, settings = finished(study)
    found = document(store, settings, study)
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
    store, settings = searched(study)
    add(store, settings, study, 0, [0.9], StopReason.FINISHED, stage=Stage.FINALISTS, source=5, replicate=0)
    only = document(store, settings, study)["finalists"]
    assert [(f["trial"], f["mean"], f["std"], f["ci95"]) for f in only] == [(5, 0.9, None, None)]


def test_the_test_scores_are_those_of_the_present_members(study):
    store, settings = finished(study)
    vote(store, (0, 3), readings=2)
    found = document(store, settings, study)
    assert found["test_readings"] == 2
    assert found["ensemble"]["val"]["ensemble"] == score(0.98)
    assert found["ensemble"]["test"] == scores(0.975)
    store.put("ensemble", store.get("ensemble") | {"members": store.get("ensemble")["members"][:1]})
    assert document(store, settings, study)["ensemble"]["test"] is None


def test_a_reading_that_was_interrupted_counts_and_has_no_scores(study):
    store, settings = finished(study)
    vote(store)
    store.put("test_readings", [store.get("test_readings")[0] | {"scores": None}])
    found = document(store, settings, study)
    assert (found["test_readings"], found["ensemble"]["test"]) == (1, None)


def test_numbers_that_are_not_finite_are_null(study):
    store, settings = finished(study)
    vote(store)
    store.put("ensemble", store.get("ensemble") | {"val": {"ensemble": score(0.9, float("inf"))}})
    assert document(store, settings, study)["ensemble"]["val"]["ensemble"]["log_loss"] is None


def test_another_process_reads_the_same_document(study):
    store, settings = finished(study)
    vote(store)
    mine = document(store, settings, study)
    store.close()
    again = Store.open(study)
    assert document(again, settings, study) == mine


def test_a_trial_that_a_killed_driver_left_half_written_has_no_params_and_no_folder(study):
    store, settings = make(study)
    store._storage.create_new_trial(store._ids[Stage.SEARCH])
    store.close()
    (trial,) = document(Store.open(study), settings, study)["trials"]
    assert (trial["params"], trial["dir"], trial["epochs"]) == ({}, None, 0)


def test_without_finalists_the_best_is_the_searchs(study):
    store, settings = searched(study, config(finalists=None))
    best = document(store, settings, study)["best"]
    assert (best["trial"], best["mean"], best["std"], best["n"]) == (5, 0.97121, None, 0)
