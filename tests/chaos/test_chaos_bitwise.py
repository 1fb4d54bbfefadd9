"""A resumed trial is bitwise the same as an uninterrupted one, with what users' objectives take their numbers from."""

from __future__ import annotations

import pytest

from hpsearch.trial.events import TrialMeasured
from support.bench import Stop, results
from support.chaos.studies import outcome

EPOCHS = 6


def space(bench, **changes):
    objective = {"python": "chaos_objectives:loader", "epochs": EPOCHS}
    few = {"search": {"trials": 2}, "finalists": None, "prune": None, "space": {"lr": {"uniform": [0.05, 0.5]}}}
    return bench.space(objective=objective, **few, **changes)


def test_a_trial_that_is_resumed_after_every_epoch_is_bitwise_the_uninterrupted_one(bench):
    whole = bench.run(space(bench), name="whole")
    killed = 0
    bench.stop_at(TrialMeasured, 1)
    with pytest.raises(Stop):
        bench.run(space(bench), name="torn")
    while True:
        killed += 1
        bench.stop_at(TrialMeasured, 1)
        try:
            torn = bench.resume("torn")
        except Stop:
            continue
        break
    assert killed == 2 * EPOCHS
    assert results(torn) == results(whole)
    # The files have the weights, the optimizer, the schedule and the order, the manifests all metrics.
    expected, found = (outcome(study.folder, None) for study in (whole, torn))
    assert [name for name in expected.files if name.endswith(".pt")]
    assert list(expected.differences(found, exact=True)) == []


def test_without_the_random_state_it_would_be_another(bench, monkeypatch):
    monkeypatch.setattr("hpsearch.executors.worker.worker.restore", lambda _: None)
    whole = bench.run(space(bench), name="whole")
    bench.stop_at(TrialMeasured, 3)
    with pytest.raises(Stop):
        bench.run(space(bench), name="torn")
    bench.watch = lambda _: None
    assert results(bench.resume("torn")) != results(whole)


def test_a_random_state_that_cannot_be_read_is_told_and_does_not_stop_the_trial(bench):
    bench.stop_at(TrialMeasured, 3)
    with pytest.raises(Stop):
        bench.run(space(bench), name="torn")
    bench.watch = lambda _: None
    monkeypatch = pytest.MonkeyPatch()

    def unreadable(_):
        raise ValueError("Incorrect padding")

    with monkeypatch.context() as patched:
        patched.setattr("hpsearch.executors.worker.worker.restore", unreadable)
        study = bench.resume("torn")
    assert study.state == "done"
    log = (study.folder / "trials/00000/attempt-2/log.txt").read_text()
    assert "the random generators begin anew" in log
