"""The duties of every executor towards the driver."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hpsearch.executors.base import Executor
from hpsearch.trial.events import TrialEnded, TrialMeasured, TrialPaused, TrialStarted
from hpsearch.trial.folder import read_manifest
from hpsearch.trial.trial import PAUSE, Answer, Decision, PredictSpec, Stage, StopReason
from support.executors import ANY, UNSAVED, asked, collect, measurements, task, until_free

SHARED = (ANY, "Classifier")


def close_all(executors: dict[str, Executor]) -> None:
    while executors:
        _, executor = executors.popitem()
        executor.close()


class Conformance:
    """Subclasses make an executor for one of the sample objectives.

    Attributes:
        shares: Whether tests of the same objective take turns with one executor, for a worker takes seconds to start.
    """

    shares = False

    def make(self, function: str, **changes: object) -> Executor:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls):
        held: dict[str, Executor] = {}
        yield held
        close_all(held)

    @pytest.fixture
    def start(self, shared):
        own: dict[str, Executor] = {}

        def start(function: str, **changes: object) -> Executor:
            executor = None if changes else shared.get(function)
            if executor is None:
                close_all(shared)  # a process has one at a time
                executor = self.make(function, **changes)
                keep = shared if self.shares and function in SHARED and not changes else own
                keep[function] = executor
            until_free(executor)
            return executor

        yield start
        close_all(own)

    def test_a_trial_is_a_stream_of_committed_epochs(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(task(tmp_path))
        events = collect(executor)
        assert [type(event) for event in events] == [TrialStarted, *[TrialMeasured] * 6, TrialEnded]
        manifest = read_manifest(tmp_path / "00000/attempt-1")
        assert manifest is not None
        assert events[-1].reason is StopReason.FINISHED is manifest.reason
        assert tuple(measurements(events)) == manifest.measurements
        assert events[-1].measured == 6
        assert [m.epoch for m in manifest.measurements] == [1, 2, 3, 4, 5, 6]
        assert manifest.best is not None
        assert manifest.last is None
        assert sorted(p.name for p in (tmp_path / "00000/attempt-1").glob("*.pt*")) == [manifest.best.file]

    def test_a_seed_gives_the_same_trial_on_a_warm_worker(self, start, tmp_path):
        executor = start(ANY)
        histories = []
        for number in range(2):
            until_free(executor)
            executor.submit(task(tmp_path, number))
            histories.append([m.metrics for m in measurements(collect(executor))])
        assert histories[0] == histories[1]

    def test_rules_end_a_trial_on_the_worker(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(task(tmp_path, config={"lr": 0.1, "does": "peak"}, epochs=20))
        events = collect(executor)
        assert (events[-1].reason, measurements(events)[-1].epoch) == (StopReason.STALLED, 7)

    def test_a_nan_is_a_divergence(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(task(tmp_path, config={"lr": 0.1, "does": "diverge"}))
        ended = collect(executor)[-1]
        assert (ended.reason, ended.measured) == (StopReason.DIVERGED, 3)

    def test_a_function_that_reports_is_an_objective_too(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(task(tmp_path, config={"lr": 0.1, "does": "report"}))
        events = collect(executor)
        assert events[-1].reason is StopReason.FINISHED
        assert [m.metrics["score"] for m in measurements(events)] == pytest.approx([0.1 * k for k in range(1, 7)])

    def test_an_exception_fails_its_trial_and_the_worker_goes_on(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(task(tmp_path, 0, config={"lr": 0.9, "does": "fail_if_large"}))
        ended = collect(executor)[-1]
        assert ended.reason is StopReason.ERROR
        assert ended.error == "ValueError: lr 0.9 is too large"
        assert "sample_objectives.py" in ended.traceback
        assert "is too large" in (tmp_path / "00000/attempt-1/log.txt").read_text()
        until_free(executor)
        executor.submit(task(tmp_path, 1, config={"lr": 0.1, "does": "fail_if_large"}))
        assert collect(executor)[-1].reason is StopReason.FINISHED

    def test_a_second_attempt_goes_on_from_the_checkpoint(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(task(tmp_path, 0))
        whole = measurements(collect(executor))
        until_free(executor)
        executor.submit(task(tmp_path, 1, epochs=4))
        collect(executor)
        first = tmp_path / "00001/attempt-1"
        # As after a kill at the end of epoch 4: no reason yet.
        manifest = json.loads((first / "manifest.json").read_text()) | {"format": 1, "reason": None}
        (first / "manifest.json").write_text(json.dumps(manifest))
        until_free(executor)
        executor.submit(task(tmp_path, 1, attempt=2))
        events = collect(executor)
        assert [m.epoch for m in measurements(events)] == [5, 6]
        assert events[-1].measured == 6
        second = read_manifest(tmp_path / "00001/attempt-2")
        assert [m.metrics for m in second.measurements] == [m.metrics for m in whole]

    def test_a_leg_ends_and_the_trial_goes_on_when_it_is_told(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(task(tmp_path, until=2))
        events = asked(executor)
        assert [m.epoch for m in measurements(events)] == [1, 2]
        assert (events[-1].epoch, events[-1].saved) == (2, 2)
        assert executor.free == executor.slots - 1
        executor.answer(task(tmp_path).key, Answer(until=5))
        assert [m.epoch for m in measurements(asked(executor))] == [3, 4, 5]
        executor.answer(task(tmp_path).key, Answer(until=6))
        events = collect(executor)
        assert [m.epoch for m in measurements(events)] == [6]
        assert (events[-1].reason, events[-1].measured) == (StopReason.FINISHED, 6)

    def test_a_trial_is_ended_between_legs(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(task(tmp_path, until=3))
        asked(executor)
        decision = Decision(StopReason.OUTCLASSED, "epoch 3: 0.3, rung's cut 0.4, 1 of 3 went on")
        executor.answer(task(tmp_path).key, Answer(decision=decision))
        ended = collect(executor)[-1]
        assert (ended.reason, ended.why, ended.measured) == (decision.reason, decision.words, 3)
        manifest = read_manifest(tmp_path / "00000/attempt-1")
        assert (manifest.reason, manifest.why, manifest.last) == (decision.reason, decision.words, None)
        assert len(manifest.measurements) == 3

    def test_a_paused_trial_goes_on_as_if_it_had_never_stopped(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(task(tmp_path, 0))
        whole = measurements(collect(executor))
        until_free(executor)
        executor.submit(task(tmp_path, 1, until=2))
        asked(executor)
        executor.answer(task(tmp_path, 1).key, PAUSE)
        assert isinstance(collect(executor)[-1], TrialPaused)
        until_free(executor)
        first = read_manifest(tmp_path / "00001/attempt-1")
        assert (first.reason, first.last.epoch) == (None, 2)
        executor.submit(task(tmp_path, 2, epochs=1))  # something else in between
        collect(executor)
        until_free(executor)
        executor.submit(task(tmp_path, 1, attempt=2))
        events = collect(executor)
        assert [m.epoch for m in measurements(events)] == [3, 4, 5, 6]
        second = read_manifest(tmp_path / "00001/attempt-2")
        assert [m.metrics for m in second.measurements] == [m.metrics for m in whole]

    def test_a_trial_without_a_checkpoint_says_that_it_would_start_again(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(task(tmp_path, config=UNSAVED, until=2))
        assert asked(executor)[-1].saved == 0
        executor.answer(task(tmp_path).key, Answer(until=6))
        assert collect(executor)[-1].reason is StopReason.FINISHED

    def test_predictions_are_written_beside_the_checkpoint(self, start, tmp_path):
        executor = start("Classifier")
        executor.submit(task(tmp_path))
        collect(executor)
        folder = tmp_path / "00000/attempt-1"
        manifest = read_manifest(folder)
        until_free(executor)
        wanted = PredictSpec(
            stage=Stage.SEARCH, number=0, attempt=1, folder=str(folder), checkpoint=manifest.best.file, split="val"
        )
        executor.submit(wanted)
        ready = collect(executor)[-1]
        assert ready.error is None
        with np.load(ready.path) as file:
            assert file["probabilities"].shape == (80, 2)
            assert file["labels"].shape == (80,)

    def test_a_prediction_that_fails_says_why(self, start, tmp_path):
        executor = start("Classifier")
        wanted = PredictSpec(
            stage=Stage.SEARCH, number=0, attempt=1, folder=str(tmp_path), checkpoint="none.pt", split="val"
        )
        executor.submit(wanted)
        ready = collect(executor)[-1]
        assert ready.path is None
        assert "none.pt" in ready.error

    def test_closing_twice_is_fine(self, start, tmp_path):
        executor = start("climb")
        executor.submit(task(tmp_path))
        executor.poll(0.1)
        executor.close()
        executor.close()
