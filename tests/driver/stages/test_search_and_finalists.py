"""Search and finalists, run for real: which trials there are, what they are worth, what an interruption changes."""

from __future__ import annotations

import json

import pytest

from hpsearch.errors import StudyError
from hpsearch.executors.inline import InlineExecutor
from hpsearch.store.store import Store
from hpsearch.trial.events import StageEnded, StageStarted, TrialEnded, TrialMeasured, TrialScored, TrialStarted
from hpsearch.trial.folder import MANIFEST, attempt_folder, read_manifest
from hpsearch.trial.trial import Stage, State, StopReason
from support.bench import Bench, Stop, results

SMALL = {"finalists": None, "ensemble": None}


def test_a_study_goes_through_its_stages(bench: Bench):
    study = bench.run(bench.space())
    assert study.state == "done"
    assert [e.stage for e in bench.events if isinstance(e, StageStarted)] == ["search", "finalists", "ensemble"]
    assert [e.stage for e in bench.events if isinstance(e, StageEnded)] == ["search", "finalists", "ensemble"]
    assert len(study.store.records(Stage.SEARCH)) == 4
    finalists = study.store.records(Stage.FINALISTS)
    assert len({r.source for r in finalists}) == 2
    assert [r.replicate for r in finalists] == [0, 1, 0, 1]
    assert len({r.seed for r in finalists}) == 4
    params = {r.number: r.params for r in study.store.records(Stage.SEARCH)}
    assert all(r.params == params[r.source] for r in finalists)


def test_running_a_done_study_again_trains_and_changes_nothing(bench: Bench):
    study = bench.run(bench.space())
    before, trained = results(study), len(bench.audited())
    bench.events.clear()
    again = bench.resume()
    assert results(again) == before
    assert len(bench.audited()) == trained
    assert not [e for e in bench.events if isinstance(e, TrialStarted)]


def test_a_stalled_trial_wins_and_finalists_run_to_their_end(bench: Bench):
    space = bench.space("peak", objective={"epochs": 8}, prune={"stall": {"patience": 2}}, ensemble=None)
    study = bench.run(space)
    searched = study.store.records(Stage.SEARCH)
    assert {(r.stop_reason, r.epochs, r.best_epoch) for r in searched} == {(StopReason.STALLED, 5, 3)}
    best = max(searched, key=lambda r: r.value)
    assert study.best.trial == best.number
    finalists = study.store.records(Stage.FINALISTS)
    assert {(r.stop_reason, r.epochs, r.best_epoch) for r in finalists} == {(StopReason.FINISHED, 8, 3)}


def test_a_config_one_of_whose_replicates_diverges_ranks_last(bench: Bench):
    study = bench.run(bench.space("diverge_in_one_replicate", finalists={"configs": 3, "seeds": 2}, ensemble=None))
    best_in_search = max(study.store.records(Stage.SEARCH), key=lambda r: r.value).number
    document = study.document()
    assert [f["n_failed"] for f in document["finalists"]] == [0, 0, 1]
    assert document["finalists"][-1]["trial"] == best_in_search
    assert document["finalists"][-1]["mean"] > document["finalists"][0]["mean"]
    assert document["best"]["trial"] == document["finalists"][0]["trial"] != best_in_search


def test_replicates_that_are_bitwise_equal_give_a_notice(bench: Bench):
    bench.run(bench.space("peak", ensemble=None))
    notices = [n for n in bench.notices() if "bitwise equal" in n]
    assert len(notices) == 2
    assert all("the objective does not use its seed" in n for n in notices)
    bench.events.clear()
    bench.run(bench.space("climb", ensemble=None), name="other")
    assert not bench.notices()


def test_a_search_without_a_value_fails_and_can_be_resumed(bench: Bench):
    space = bench.space("fail_on_demand")
    (bench.folder / "broken").touch()
    with pytest.raises(StudyError, match=r"none of 4 trials ended with a value \(4 error\)"):
        bench.run(space)
    assert bench.load().state == "unfinished"
    (bench.folder / "broken").unlink()
    study = bench.resume(trials=6)
    assert [r.state for r in study.store.records(Stage.SEARCH)] == [*[State.FAIL] * 4, *[State.COMPLETE] * 2]
    assert study.state == "done"


def test_the_same_error_of_the_first_trials_ends_the_study(bench: Bench):
    with pytest.raises(StudyError, match="the first 3 trials failed with the same error: ValueError: the data is bad"):
        bench.run(bench.space("fail"))
    assert len(bench.load().store.records(Stage.SEARCH)) == 3


@pytest.mark.parametrize(
    ("kind", "count", "stage"),
    [
        (TrialStarted, 2, Stage.SEARCH),
        (TrialMeasured, 1, Stage.SEARCH),
        (TrialMeasured, 4, Stage.SEARCH),
        (TrialScored, 3, Stage.SEARCH),
        (TrialStarted, 1, Stage.FINALISTS),
        (TrialMeasured, 5, Stage.FINALISTS),
        (TrialScored, 4, Stage.FINALISTS),
    ],
)
def test_resumed_is_the_same_as_uninterrupted(bench: Bench, kind, count, stage):
    space = bench.space("climb", objective={"epochs": 3}, ensemble=None)
    whole = bench.run(space, name="whole")
    trained = sorted(bench.audited())
    bench.audit.write_text("")
    bench.stop_at(kind, count, stage)
    with pytest.raises(Stop):
        bench.run(space, name="cut")
    bench.watch = lambda _: None
    resumed = bench.resume("cut")
    assert results(resumed) == results(whole)
    # No epoch twice: each was committed with its checkpoint. The attempt, the last word, may differ.
    assert sorted(line.rsplit(" ", 1)[0] for line in bench.audited()) == [line.rsplit(" ", 1)[0] for line in trained]


def test_an_end_that_no_driver_saw_is_adopted(bench: Bench, monkeypatch):
    poll, ended = InlineExecutor.poll, []

    def killed(self: InlineExecutor, timeout_s: float) -> list:
        happened = poll(self, timeout_s)
        ended.extend(event for event in happened if isinstance(event, TrialEnded))
        if len(ended) == 3:
            raise Stop  # the worker has committed its end; the driver never hears of it
        return happened

    monkeypatch.setattr(InlineExecutor, "poll", killed)
    space = bench.space("climb", **SMALL)
    with pytest.raises(Stop):
        bench.run(space, name="cut")
    monkeypatch.setattr(InlineExecutor, "poll", poll)
    trained = len(bench.audited())
    assert bench.load("cut").store.record(Stage.SEARCH, 2).state is State.RUNNING
    resumed = bench.resume("cut")
    assert len(bench.audited()) == trained + 2
    assert results(resumed) == results(bench.run(space, name="whole"))
    assert resumed.store.record(Stage.SEARCH, 2).attempt == 1


def test_a_trial_without_params_is_filled_with_those_of_its_number(bench: Bench):
    import optuna

    space = bench.space("climb", search={"sampler": "random"}, **SMALL)
    whole = bench.run(space, name="whole")
    cut = bench.run(space, name="cut", overrides=["search.trials=2"])
    optuna.load_study(study_name="cut/search", storage=f"sqlite:///{cut.folder}/study.db").ask()
    assert [row[2:5] for row in results(bench.resume("cut", trials=4))] == [row[2:5] for row in results(whole)]


def test_only_the_best_keep_their_checkpoints(bench: Bench):
    study = bench.run(bench.space("climb", search={"trials": 6}, keep_checkpoints=2, ensemble=None))
    searched = study.store.records(Stage.SEARCH)
    best = {r.number for r in sorted(searched, key=lambda r: -r.value)[:2]}
    kept = {int(path.parent.parent.name) for path in study.folder.glob("trials/*/*/*.pt*")}
    assert kept == best
    assert len(list(study.folder.glob("finalists/*/*/*.pt"))) == 4


def test_checkpoints_that_a_killed_driver_left_go(bench: Bench):
    space = bench.space("climb", search={"trials": 5}, keep_checkpoints=1, **SMALL)
    bench.stop_at(TrialScored, 2)
    with pytest.raises(Stop):
        bench.run(space)
    bench.watch = lambda _: None
    # As if it had been killed between storing the end of trial 0 and removing its checkpoint.
    study = bench.load()
    for number in (0, 1):
        (attempt_folder(study.folder, Stage.SEARCH, number, 1) / "epoch-00001.pt").write_bytes(b"left")
        (attempt_folder(study.folder, Stage.SEARCH, number, 1) / ".epoch-00001.pt.99.tmp").write_bytes(b"left")
    study = bench.resume()
    best = max(study.store.records(Stage.SEARCH), key=lambda r: r.value)
    kept = [path for path in study.folder.glob("trials/*/*/*") if ".pt" in path.name]
    assert {int(path.parent.parent.name) for path in kept} == {best.number}


def test_an_end_found_in_its_measurements_leaves_the_best_checkpoint_alone(bench: Bench):
    bench.stop_at(TrialMeasured, 2)
    with pytest.raises(Stop):
        bench.run(bench.space("sink", search={"trials": 1}, **SMALL))
    bench.watch = lambda _: None
    folder = attempt_folder(bench.studies / "sample", Stage.SEARCH, 0, 1)
    assert read_manifest(folder).reason is StopReason.FINISHED  # committed with the last epoch
    # Earlier versions wrote it later, and may have been killed before.
    (folder / "epoch-00002.pt").write_bytes((folder / "epoch-00001.pt").read_bytes())
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest |= {"format": 1, "reason": None, "last": {"file": "epoch-00002.pt", "epoch": 2}}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert sorted(p.name for p in folder.glob("*.pt")) == ["epoch-00001.pt", "epoch-00002.pt"]
    study = bench.resume()
    assert study.store.record(Stage.SEARCH, 0).stop_reason is StopReason.FINISHED
    assert [p.name for p in folder.glob("*.pt")] == ["epoch-00001.pt"]
    assert len(list(folder.parent.iterdir())) == 1


def test_the_end_of_an_older_attempt_keeps_that_attempts_checkpoint(bench: Bench):
    study = bench.run(bench.space("climb", search={"trials": 1}, **SMALL), name="sample")
    study.close()
    # Attempt 2 was sent out by a driver that did not see attempt 1 end, and both were killed before it committed.
    _reopen_trial(study.folder, attempt=2)
    again = bench.resume()
    record = again.store.record(Stage.SEARCH, 0)
    assert (record.attempt, record.state) == (1, State.COMPLETE)
    assert list(attempt_folder(again.folder, Stage.SEARCH, 0, 1).glob("epoch-*.pt"))
    assert len(bench.audited()) == 2


def _reopen_trial(folder, attempt: int) -> None:
    """Put trial 0 back into the state that a killed driver leaves it in."""
    import sqlalchemy as sa

    store = Store.open(folder)
    with store._storage.engine.begin() as connection:
        connection.execute(sa.text("UPDATE trials SET state = 'RUNNING'"))
        connection.execute(sa.text("DELETE FROM trial_user_attributes WHERE key NOT IN ('seed', 'attempt')"))
        values = {"attempt": json.dumps(attempt)}
        connection.execute(
            sa.text("UPDATE trial_user_attributes SET value_json = :attempt WHERE key = 'attempt'"), values
        )
    store.close()


def test_what_an_ended_worker_was_writing_is_removed(bench: Bench):
    def leave_and_stop(event):
        if isinstance(event, TrialMeasured) and event.number == 1:
            (bench.studies / "sample/trials/00001/attempt-1/.manifest.json.1.tmp").write_text("{")
            raise Stop

    bench.watch = leave_and_stop
    with pytest.raises(Stop):
        bench.run(bench.space("climb", finalists=None, ensemble=None))
    assert not [*bench.studies.rglob("*.tmp")]
