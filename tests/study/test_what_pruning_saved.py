import math

import pytest

from hpsearch.study.pruning import pruning_of, share_interval
from hpsearch.study.study import load_study
from hpsearch.trial.trial import Decision, Measurement, Params, Stage, State, StopReason, TrialRecord
from support.studies import config, make, params

OUTCLASSED = Decision(StopReason.OUTCLASSED, "epoch 2: 0.1, rung's cut 0.2, 1 of 3 went on")
FINISHED = Decision(StopReason.FINISHED)


def add(study, number, decision, *values, audited_at=None):
    """Add an ended trial of four epochs at most; an epoch takes three seconds."""
    store, config = study.store, study.config
    drawn = Params(params(study.config, number))
    store.create_trial(
        TrialRecord(stage=Stage.SEARCH, number=number, state=State.RUNNING, params=drawn, attempt=1), config.space
    )
    if audited_at is not None:
        store.audit(Stage.SEARCH, number, audited_at)
    history = [
        Measurement(epoch=epoch, metrics={config.metric: value}, seconds=3.0) for epoch, value in enumerate(values, 1)
    ]
    end = {"metric": config.metric, "worker": None, "error": None}
    store.end_trial(Stage.SEARCH, number, decision, history=history, **end)
    store.flush()


@pytest.fixture
def study(tmp_path):
    made = make(tmp_path / "sample", config(objective={"python": "train:fit", "epochs": 4}))
    yield made
    made.store.close()


def test_nothing_is_said_of_a_search_without_rivals(study):
    add(study, 0, FINISHED, 0.1, 0.2, 0.3, 0.4)
    assert pruning_of(study) is None


def test_what_outclassed_trials_would_still_have_trained_is_saved(study):
    add(study, 0, FINISHED, 0.1, 0.2, 0.3, 0.4)
    add(study, 1, OUTCLASSED, 0.1)
    add(study, 2, OUTCLASSED, 0.1, 0.2)
    found = pruning_of(study)
    assert (found.outclassed, found.epochs, found.seconds, found.audit) == (2, 5, 15.0, None)


def test_an_audited_trial_that_is_better_is_the_regret(study):
    add(study, 0, FINISHED, 0.1, 0.2, 0.3, 0.4)
    add(study, 1, OUTCLASSED, 0.1)
    add(study, 2, FINISHED, 0.1, 0.2, 0.3, 0.5, audited_at=1)
    add(study, 3, FINISHED, 0.1, 0.2, 0.3, 0.3, audited_at=1)
    audit = pruning_of(study).audit
    assert (audit.trials, audit.better) == (2, 1)
    assert math.isclose(audit.regret, 0.1)
    assert audit.ci95 == share_interval(1, 2)


def test_reading_a_study_says_the_same(study):
    add(study, 0, FINISHED, 0.1, 0.2, 0.3, 0.4)
    add(study, 1, FINISHED, 0.1, 0.2, 0.3, 0.2, audited_at=2)
    study.store.put("space", dict(study.config.raw))
    loaded = load_study(study.folder)
    assert loaded.store.record(Stage.SEARCH, 1).audited_at == 2
    told = loaded.document()["pruning"]
    assert told["audit"].pop("ci95") == [0.0, share_interval(0, 1)[1]]
    assert told == {"outclassed": 0, "epochs": 0, "seconds": 0, "audit": {"trials": 1, "better": 0, "regret": 0.0}}
    loaded.close()


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"), [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (5, 10, 0.2366, 0.7634)]
)
def test_the_interval_is_wilsons(hits, of, low, high):
    assert share_interval(hits, of) == pytest.approx((low, high), abs=1e-4)
