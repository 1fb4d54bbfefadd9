"""Predictions are made by the loop that trains: a lost worker is replaced, and a late one is ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hpsearch.driver.checkpoints import KeptCheckpoint
from hpsearch.driver.predictions import UnreadableError, predict_all
from hpsearch.errors import Interrupted, StudyError
from hpsearch.trial.events import Notice, PredictionsReady, TrialEvent, WorkerLost
from hpsearch.trial.trial import PredictSpec, Stage, State, StopReason, TrialRecord
from support.scripted import Script, Scripted, ScriptedStudy


class Bench(ScriptedStudy):
    """A study with checkpoints of finalists."""

    def run(self, script: Script, count: int = 1, slots: int = 1) -> tuple[Scripted, dict[int, str]]:
        executor = Scripted(script, slots)
        checkpoints = [self.checkpoint(number) for number in range(count)]
        paths = predict_all(self.session(executor), checkpoints, "val", clock=lambda: self.now)
        return executor, {number: path for (_, number), path in paths.items()}

    def checkpoint(self, number: int) -> KeptCheckpoint:
        record = TrialRecord(stage=Stage.FINALISTS, number=number, state=State.COMPLETE, params={}, attempt=2)
        return KeptCheckpoint(record, self.folder / f"{number}", "epoch-00003.pt")

    def messages(self) -> list[str]:
        return [notice.message for notice in self.of(Notice)]


def ready(spec: PredictSpec, error: str | None = None, *, unreadable: bool = False) -> PredictionsReady:
    path = None if error else f"{spec.number}.npz"
    names = {"stage": spec.stage, "number": spec.number, "attempt": spec.attempt, "split": spec.split}
    return PredictionsReady(**names, path=path, error=error, unreadable=unreadable)


def lost(spec: PredictSpec, reason: StopReason = StopReason.LOST) -> WorkerLost:
    names = {"stage": spec.stage, "number": spec.number, "attempt": spec.attempt}
    return WorkerLost(**names, reason=reason, detail="killed by signal 9")


@pytest.fixture
def bench(tmp_path):
    made: list[Bench] = []

    def bench(**changes: object) -> Bench:
        made.append(Bench(tmp_path, **changes))
        return made[-1]

    yield bench
    for one in made:
        one.store.close()


def test_each_checkpoint_is_predicted_once_as_workers_are_free(bench):
    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        first, second = executor.submitted
        assert (first.folder, first.checkpoint, first.split) == (str(Path(one.folder, "0")), "epoch-00003.pt", "val")
        yield [ready(second)]
        yield [Notice(message="a node joined"), ready(executor.submitted[2]), ready(first)]

    one = bench()
    executor, paths = one.run(script, count=3, slots=2)
    assert executor.sent == [(0, 2), (1, 2), (2, 2)]
    assert paths == {0: "0.npz", 1: "1.npz", 2: "2.npz"}
    assert one.messages() == ["a node joined"]


def test_a_lost_worker_is_replaced_for_each_checkpoint_by_itself(bench):
    one = bench(faults={"max_retries": 1})

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        for _ in range(3):
            yield [lost(executor.submitted[-1])]
            yield [ready(executor.submitted[-1])]

    executor, paths = one.run(script, count=3)
    assert executor.sent == [(0, 2), (0, 2), (1, 2), (1, 2), (2, 2), (2, 2)]
    assert sorted(paths) == [0, 1, 2]
    assert one.messages() == [
        f"predict(checkpoint, 'val') of finalists trial {number}: its worker ended (lost: killed by signal 9); "
        "tried again on another"
        for number in range(3)
    ]


def test_a_checkpoint_that_ends_every_worker_ends_the_study(bench):
    one = bench(faults={"max_retries": 2})

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        for attempt in range(3):
            assert len(executor.submitted) == attempt + 1
            yield [lost(executor.submitted[-1])]

    with pytest.raises(StudyError) as caught:
        one.run(script, count=2)
    assert str(caught.value) == (
        "predict(checkpoint, 'val') of finalists trial 0: its worker ended (lost: killed by signal 9); "
        "given up after 2 retries; fix it, then resume"
    )


def test_a_prediction_that_takes_longer_than_a_trial_may_ends_its_worker_once(bench):
    one = bench(faults={"trial_timeout_s": 10.0, "epoch_timeout_s": 1.0})

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        one.now = 9.0
        yield []
        assert executor.ended == []
        one.now = 11.0
        yield []
        yield []
        yield [lost(executor.submitted[0], StopReason.TIMEOUT)]
        one.now = 20.0
        yield [ready(executor.submitted[1])]

    executor, paths = one.run(script)
    assert executor.ended == [((Stage.FINALISTS, 0), StopReason.TIMEOUT, "longer than trial_timeout_s, 10 s")]
    assert paths == {0: "0.npz"}


def test_a_worker_that_is_lost_after_its_prediction_is_no_news(bench):
    one = bench(faults={"max_retries": 0})

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        yield [ready(executor.submitted[0]), lost(executor.submitted[0])]
        yield [ready(executor.submitted[1])]

    executor, _ = one.run(script, count=2)
    assert executor.sent == [(0, 2), (1, 2)]
    assert not one.messages()


def test_all_checkpoints_that_can_not_be_read_are_told_at_once(bench):
    one = bench()

    def script(executor: Scripted) -> Iterator[list[TrialEvent]]:
        for error in ("bad 0", None, "bad 2"):
            yield [ready(executor.submitted[-1], error, unreadable=error is not None)]

    with pytest.raises(UnreadableError) as caught:
        one.run(script, count=3)
    assert caught.value.problems == {(Stage.FINALISTS, 0): "bad 0", (Stage.FINALISTS, 2): "bad 2"}


def test_no_worker_is_started_after_a_signal(bench):
    one = bench()
    one.interrupts.requested = 15
    with pytest.raises(Interrupted):
        predict_all(one.session(None), [one.checkpoint(0)], "val")
