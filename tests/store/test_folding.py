"""Folded logs against Optuna's own replay of all of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import TrialState

from hpsearch.store.folding import folded

Log = dict[str, Any]


class Logs(BaseJournalBackend):
    """A journal in memory, as a file would give it back."""

    def __init__(self, logs: list[Log]) -> None:
        self.logs = logs

    def read_logs(self, log_number_from: int) -> Iterator[Log]:
        yield from json.loads(json.dumps(self.logs[log_number_from:]))

    def append_logs(self, logs: list[Log]) -> None:
        self.logs += json.loads(json.dumps(logs))


def contents(logs: list[Log]) -> str:
    """Return all studies and trials that Optuna makes of logs; as text, for a NaN equals nothing."""
    storage = JournalStorage(Logs(logs))
    studies = storage.get_all_studies()
    trials = [storage.get_all_trials(study._study_id) for study in studies]
    return repr([(vars(study), study._study_id) for study in studies]) + repr(trials)


def written(study: optuna.Study) -> list[Log]:
    return study._storage._backend.logs


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(storage=JournalStorage(Logs([])), study_name="sample")


def test_a_trial_that_has_ended_is_one_log(study):
    for _ in range(3):
        trial = optuna.trial.create_trial(state=TrialState.RUNNING)
        trial_id = study._storage.create_new_trial(study._study_id, trial)
        for epoch, value in enumerate((0.5, float("nan"), 0.25), 1):
            study._storage.set_trial_intermediate_value(trial_id, epoch, value)
        study._storage.set_trial_user_attr(trial_id, "stop_reason", None)
        study._storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [0.5])
    logs = written(study)
    fewer = folded(copy.deepcopy(logs))
    assert len(fewer) == len(logs) - 3 * 5
    assert contents(fewer) == contents(logs)


def test_what_optunas_own_loop_writes_comes_to_the_same(study):
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        trial.suggest_categorical("act", ["relu", None])
        trial.report(x, 1)
        trial.set_user_attr("note", [x])
        if trial.number == 2:
            raise optuna.TrialPruned
        return x

    study.enqueue_trial({"x": 0.5})
    study.optimize(objective, n_trials=4)
    study.add_trial(optuna.trial.create_trial(value=0.25, intermediate_values={1: 0.5, 3: 0.25}))
    logs = written(study)
    assert contents(folded(copy.deepcopy(logs))) == contents(logs)


def test_of_a_deleted_study_nothing_stays(study):
    study.add_trial(optuna.trial.create_trial(value=0.25))
    storage = study._storage
    optuna.delete_study(study_name="sample", storage=storage)
    again = optuna.create_study(storage=storage, study_name="sample")
    again.add_trial(optuna.trial.create_trial(value=0.5))
    logs = storage._backend.logs
    assert contents(folded(copy.deepcopy(logs))) == contents(logs)


TIMES = {"datetime_start": "2026-01-01T00:00:00.000000+00:00", "datetime_complete": "2026-01-01T00:00:01.000000+00:00"}
IDS = st.integers(0, 3)
NUMBERS = st.sampled_from([0.5, -1.0, float("nan"), float("inf")])
STATES = st.sampled_from([state.value for state in TrialState])
VALUES = st.none() | st.lists(st.floats(0, 1), min_size=1, max_size=1)
UNIFORM = '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}'
LOGS = st.one_of(
    st.fixed_dictionaries({"op_code": st.just(0), "study_name": st.sampled_from("ab"), "directions": st.just([1])}),
    st.fixed_dictionaries({"op_code": st.just(1), "study_id": IDS}),
    st.fixed_dictionaries(
        {"op_code": st.just(4), "study_id": IDS, "datetime_start": st.just(TIMES["datetime_start"])},
        optional={
            "state": st.sampled_from([TrialState.RUNNING.value, TrialState.WAITING.value]),
            "intermediate_values": st.dictionaries(st.sampled_from("12"), NUMBERS),
            "user_attrs": st.dictionaries(st.sampled_from("xy"), NUMBERS),
            "system_attrs": st.dictionaries(st.sampled_from("xy"), NUMBERS),
        },
    ),
    st.fixed_dictionaries(
        {
            "op_code": st.just(5),
            "trial_id": IDS,
            "param_name": st.sampled_from("pq"),
            "param_value_internal": st.floats(0, 1),
            "distribution": st.just(UNIFORM),
        }
    ),
    st.fixed_dictionaries({"op_code": st.just(6), "trial_id": IDS, "state": STATES, "values": VALUES}).map(
        lambda log: log | TIMES
    ),
    st.fixed_dictionaries(
        {"op_code": st.just(7), "trial_id": IDS, "step": st.integers(1, 3), "intermediate_value": NUMBERS}
    ),
    st.fixed_dictionaries(
        {
            "op_code": st.just(8),
            "trial_id": IDS,
            "user_attr": st.dictionaries(st.sampled_from("xy"), NUMBERS, min_size=1, max_size=1),
        }
    ),
    st.fixed_dictionaries(
        {"op_code": st.just(9), "trial_id": IDS, "system_attr": st.dictionaries(st.just("z"), NUMBERS, min_size=1)}
    ),
    st.just({"op_code": 10}),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(LOGS, max_size=30))
def test_any_logs_come_to_the_same(logs):
    start = [
        {"op_code": 0, "study_name": "a", "directions": [1]},
        {"op_code": 4, "study_id": 0, "datetime_start": TIMES["datetime_start"]},
        {"op_code": 4, "study_id": 0, "datetime_start": TIMES["datetime_start"]},
    ]
    logs = [{"worker_id": "another", **log} for log in start + logs]
    assert contents(folded(copy.deepcopy(logs))) == contents(logs)


def test_a_name_that_is_taken_makes_no_study():
    create = {"op_code": 0, "study_name": "a", "directions": [1]}
    trials = [{"op_code": 4, "study_id": study, "datetime_start": TIMES["datetime_start"]} for study in (0, 1, 0)]
    value = {"op_code": 7, "trial_id": 1, "step": 1, "intermediate_value": 0.5}
    logs = [{"worker_id": "another", **log} for log in (create, create, *trials, value)]
    assert contents(folded(copy.deepcopy(logs))) == contents(logs)
    assert "{1: 0.5}" in contents(logs)
