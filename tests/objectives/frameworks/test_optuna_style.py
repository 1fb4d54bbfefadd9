"""Objectives as written for Optuna: what they suggest, report, prune and return."""

import json
from itertools import count
from pathlib import Path

import pytest

from hpsearch.errors import FieldError, InputError, StudyError
from hpsearch.trial.trial import Stage, State, StopReason
from support.bench import Bench

NUMBERS = count()
SPACE = {
    "lr": {"loguniform": [1e-3, 1.0]},
    "layers": {"randint": [1, 4]},
    "kind": {"choice": ["a", "b"]},
    "momentum": 0.9,
}
HEAD = """
import optuna


def objective(trial):
    lr = trial.suggest_float("lr", 0, 1)
    layers = trial.suggest_int("layers", 1, 100, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    momentum = trial.suggest_float("momentum", 0.5, 0.99)
"""


def run(bench: Bench, body: str, *, epochs: int = 4, trials: int = 2, head: str = HEAD, **changes: object):
    """Run a study of a function with this body."""
    name = f"optuna_objective_{next(NUMBERS)}"
    (bench.folder / f"{name}.py").write_text(head + body)
    raw = {
        "study": "sample",
        "metric": "score",
        "direction": "maximize",
        "objective": {"optuna": f"{name}:objective", "epochs": epochs},
        "space": SPACE,
        "search": {"trials": trials},
        "finalists": None,
        **changes,
    }
    path = bench.folder / "sample.yaml"
    path.write_text(json.dumps(raw))
    return bench.run(path)


def log(study, number: int = 0) -> str:
    return (study.folder / f"trials/{number:05d}/attempt-1/log.txt").read_text()


def test_suggestions_are_the_config(bench: Bench):
    study = run(bench, '    trial.set_user_attr("seen", trial.params)\n    return lr * layers * momentum\n')
    for record in study.store.records(Stage.SEARCH):
        config = study.config.space.config_of(record.params)
        assert record.value == config["lr"] * config["layers"] * 0.9
        assert dict(record.values) == {1: record.value}
        assert record.stop_reason is StopReason.FINISHED
        assert f"seen: {config}" in log(study, record.number)


@pytest.mark.parametrize("first", [0, 1])
def test_steps_count_from_zero_or_one(bench: Bench, first: int):
    study = run(
        bench,
        f"    for step in range({first}, {first} + 4):\n        trial.report(lr + step, step)\n    return lr + step\n",
    )
    for record in study.store.records(Stage.SEARCH):
        assert list(record.values) == [1, 2, 3, 4]
        assert record.best_epoch == 4
        assert not trial_warned(study, record.number)


def trial_warned(study, number: int = 0) -> bool:
    return "WARNING" in log(study, number)


PEAK = """
    for step in range(12):
        trial.report(lr - step, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return lr
"""


def test_a_stalled_trial_is_pruned_by_the_function_and_can_win(bench: Bench):
    study = run(bench, PEAK, epochs=12, prune={"stall": {"patience": 3}})
    for record in study.store.records(Stage.SEARCH):
        assert (record.state, record.stop_reason) == (State.COMPLETE, StopReason.STALLED)
        assert len(record.values) == 4
        assert not trial_warned(study, record.number)
    assert study.best.mean == max(record.params["lr"] for record in study.store.records(Stage.SEARCH))


def test_a_function_that_never_asks_whether_to_prune_is_ended_at_its_next_report(bench: Bench):
    body = PEAK.replace("        if trial.should_prune():\n            raise optuna.TrialPruned\n", "")
    study = run(bench, body, epochs=12, prune={"stall": {"patience": 3}})
    assert {len(record.values) for record in study.store.records(Stage.SEARCH)} == {4}


def test_pruning_on_its_own_account_ends_the_training_with_a_warning(bench: Bench):
    study = run(bench, "    trial.report(lr, 0)\n    raise optuna.TrialPruned\n")
    (record, _) = study.store.records(Stage.SEARCH)
    assert (record.state, len(record.values)) == (State.COMPLETE, 1)
    assert "although should_prune() was false" in log(study)


def test_what_follows_the_last_report_still_belongs_to_the_trial(bench: Bench):
    body = """
    for step in range(4):
        trial.report(lr, step)
    with open("after", "a") as file:
        file.write("x")
    return lr
"""
    study = run(bench, body, prune=None)
    assert Path("after").read_text() == "xx"
    assert {len(record.values) for record in study.store.records(Stage.SEARCH)} == {4}


def test_a_returned_value_that_was_not_reported_gets_a_warning(bench: Bench):
    study = run(bench, "    trial.report(lr, 0)\n    return lr + 1\n")
    assert "never reported" in log(study)
    assert study.best.mean < 1


def test_a_parameter_that_is_never_asked_for_gets_a_warning(bench: Bench):
    head = "def objective(trial):\n    lr = trial.suggest_float('lr', 0, 1)\n"
    assert "never asked for layers, kind, momentum" in log(run(bench, "    return lr\n", head=head))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('    return trial.suggest_float("wd", 1e-6, 0.01, log=True)\n', "wd: {loguniform: [1e-06, 0.01]}"),
        ('    return trial.suggest_float("p", 0, 1, step=0.25)\n', "p: {quniform: [0, 1, 0.25]}"),
        ('    return trial.suggest_int("n", 8, 64, step=8)\n', "n: {qrandint: [8, 64, 8]}"),
        ('    return trial.suggest_int("n", 8, 64, log=True)\n', "n: {lograndint: [8, 64]}"),
        ('    trial.suggest_categorical("c", ["x", True, 3])\n', "c: {choice: ['x', true, 3]}"),
        ('    trial.suggest_float("kind", 0, 1)\n', "for 'kind'; the objective allows: a number"),
        ('    trial.suggest_int("lr", 0, 1)\n', "for 'lr'; the objective allows: an integer"),
        ('    trial.suggest_categorical("layers", ["a"])\n', "the objective allows: one of 'a'"),
        ("    trial.report(lr, 1.5)\n", "integers from 0 or 1"),
        ("    trial.report(lr, 17)\n", "objective.epochs allows 4 steps"),
        ("    trial.report(lr, 1)\n    trial.report(lr, 1)\n", "epochs from 1 that increase"),
        ("    return lr, lr\n", "2 values; allowed: one number"),
        ("    return 'good'\n", "'good'; allowed: a number"),
        ("    trial.suggest_everything()\n", "trial.suggest_everything is not there under hpsearch; allowed: "),
    ],
)
def test_mistakes_are_said(bench: Bench, body: str, says: str):
    with pytest.raises(StudyError) as raised:
        run(bench, body, trials=1)
    study = bench.load()
    assert says in log(study), raised.value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def objective(config, trial):\n    pass\n", "does not fit"),
        ("objective = 3\n", "is a int, which can't be called"),
        ("def other(trial):\n    pass\n", "has no 'objective'"),
    ],
)
def test_what_can_not_be_one_is_refused_before_anything_runs(bench: Bench, text: str, says: str):
    with pytest.raises((FieldError, InputError), match=says):
        run(bench, "", head=text)
    assert not bench.studies.exists()
