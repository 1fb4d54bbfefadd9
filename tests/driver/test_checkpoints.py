"""Which checkpoints stay on disk while a search goes on, trial by trial."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hpsearch.driver.checkpoints import CheckpointCleaner, best_checkpoints
from hpsearch.driver.session import Session
from hpsearch.executors.resources import Resources
from hpsearch.selection.ranking import top
from hpsearch.store.store import Store
from hpsearch.study.study import Study
from hpsearch.system.signals import Interrupts
from hpsearch.trial.folder import AttemptWriter, attempt_folder
from hpsearch.trial.trial import Decision, Measurement, Stage, State, StopReason, TrialRecord
from support.factories import sample_config, spec

KEPT = 3
TRIALS = 16
REASONS = (StopReason.FINISHED, StopReason.FINISHED, StopReason.STALLED, StopReason.ERROR)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    config = sample_config(keep_checkpoints=KEPT)
    store = Store.create(tmp_path, "sample", None, config.direction, {})
    interrupts = Interrupts()
    yield Session(
        study=Study("sample", tmp_path, config, store),
        trials=TRIALS,
        resources=Resources(slots=1, text="1 CPU worker"),
        executor=lambda: pytest.fail("workers were started"),
        publish=lambda _: None,
        interrupts=interrupts,
        check=interrupts.check,
        can_predict=False,
    )
    store.close()


def train(session: Session, number: int, value: float, reason: StopReason) -> TrialRecord:
    """Write a trial of one epoch, with its checkpoint, and store its end."""
    config, store = session.study.config, session.study.store
    record = TrialRecord(
        stage=Stage.SEARCH, number=number, state=State.RUNNING, params={"lr": 0.01, "wd": 0.001}, attempt=1
    )
    store.create_trial(record, config.space)
    task = spec(
        attempt_folder(session.study.folder, Stage.SEARCH, number, 1).parent,
        number,
        config=record.params,
        epochs=1,
        metric=config.metric,
        direction=config.direction,
    )
    writer = AttemptWriter(task, "here:1")
    writer.stage({"epoch": 1})
    writer.commit(Measurement(epoch=1, metrics={config.metric: value}))
    writer.finish(Decision(reason))
    return store.end_trial(
        Stage.SEARCH,
        number,
        Decision(reason),
        history=writer.manifest.measurements,
        metric=config.metric,
        worker="here:1",
        error=None,
    )


def on_disk(session: Session) -> list[int]:
    return sorted(int(path.parts[-3]) for path in session.study.folder.glob("trials/*/*/epoch-*.pt"))


def rows() -> list[tuple[float, StopReason]]:
    made = random.Random(0)
    values = [made.choice([0.1, 0.2, 0.3, 0.4, 0.5]) for _ in range(TRIALS)]  # with ties
    return [(value, made.choice(REASONS)) for value in values]


def test_after_each_trial_the_best_so_far_have_their_checkpoint(session):
    cleaner = CheckpointCleaner(session)
    for number, (value, reason) in enumerate(rows()):
        cleaner.trial_ended(train(session, number, value, reason))
        best = top(session.study.store.records(Stage.SEARCH), session.study.config.direction, KEPT)
        assert on_disk(session) == sorted(record.number for record in best)
        assert [kept.record.number for kept in best_checkpoints(session, best)] == [record.number for record in best]


def test_a_trial_costs_no_look_at_those_before_it(session, monkeypatch):
    cleaner, looks = CheckpointCleaner(session), []
    records = Store.records
    monkeypatch.setattr(Store, "records", lambda store, stage: looks.append(stage) or records(store, stage))
    for number, (value, reason) in enumerate(rows()):
        cleaner.trial_ended(train(session, number, value, reason))
    assert looks == [Stage.SEARCH]  # the first: an earlier driver may have left something


def test_a_later_driver_removes_what_is_left_and_goes_on_from_the_best(session):
    ended = [train(session, number, value, reason) for number, (value, reason) in enumerate(rows())]
    assert on_disk(session) == list(range(TRIALS))
    best = top(ended, session.study.config.direction, KEPT)
    other = next(record.number for record in ended if record not in best)
    half_written = attempt_folder(session.study.folder, Stage.SEARCH, other, 1) / ".epoch-00002.pt.123.tmp"
    half_written.write_bytes(b"")
    CheckpointCleaner(session).trial_ended(ended[-1])
    assert on_disk(session) == sorted(record.number for record in best)
    assert not half_written.exists()


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (6_000_000, []),  # 16 trials take less than 100 MB
        (20_000_000, ["20 MB of trial 0, up to 320 MB of 16 trials"]),
        (250_000_000, ["250 MB of trial 0, up to 4 GB of 16 trials"]),
    ],
)
def test_what_paused_trials_keep_on_disk_is_told_once_if_it_is_much(session, size, words):
    told = []
    cleaner = CheckpointCleaner(replace(session, publish=told.append))
    record = train(session, 0, 0.5, StopReason.FINISHED)
    for path in attempt_folder(session.study.folder, Stage.SEARCH, 0, 1).glob("epoch-*.pt"):
        with path.open("r+b") as file:
            file.truncate(size)  # the file is sparse
    for _ in range(2):
        cleaner.trial_paused(record)
    before = "a paused trial keeps its checkpoint until the search ends: "
    assert [notice.message for notice in told] == [before + one for one in words]
