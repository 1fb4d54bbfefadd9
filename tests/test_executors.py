"""One suite for both executors: what a driver may expect of either."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import TESTS, sample_config

from hpsearch.errors import InputError, ResourceError
from hpsearch.executors.base import Executor, Workplace
from hpsearch.executors.inline import InlineExecutor
from hpsearch.executors.resources import Resources
from hpsearch.selection.divergence import DivergenceRule
from hpsearch.selection.stall import StallRule
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import PredictionsReady, TrialEnded, TrialEvent, TrialMeasured, TrialStarted, WorkerLost
from hpsearch.trial.folder import read_manifest
from hpsearch.trial.trial import Direction, PredictSpec, Stage, StopReason, TrialSpec

DIRECTION = Direction.MAXIMIZE
ANY = "any_of_them"  # the sample objective that `does` of the config names
SHARED = (ANY, "Classifier")
UNSAVED = {"lr": 0.1, "does": "climb", "saves": False}  # a worker of its own imports torch for a checkpoint
RULES = (DivergenceRule(), StallRule(metric="score", direction=DIRECTION, patience_epochs=4))


def workplace(function: str, **changes: object) -> Workplace:
    module = "executor_objectives" if function == ANY else "sample_objectives"
    objective = sample_config(objective={"python": f"{module}:{function}"}).objective
    return Workplace(objective=objective, folder=str(Path.cwd()), module_folder=str(TESTS), **changes)


def spec(folder: Path, number: int = 0, *, attempt: int = 1, epochs: int = 6, **changes: object) -> TrialSpec:
    trial = folder / f"{number:05d}"
    values = {
        "stage": Stage.SEARCH,
        "number": number,
        "config": {"lr": 0.1, "does": "climb"},
        "seed": 7,
        "attempt": attempt,
        "epochs": epochs,
        "metric": "score",
        "direction": DIRECTION,
        "folder": str(trial / f"attempt-{attempt}"),
        "earlier": tuple(str(trial / f"attempt-{k}") for k in range(attempt - 1, 0, -1)),
        "rules": RULES,
    }
    return TrialSpec(**{**values, **changes})


def collect(executor: Executor, count: int = 1) -> list[TrialEvent]:
    """Poll until so many tasks have ended."""
    events: list[TrialEvent] = []
    for _ in range(100_000):
        events += executor.poll(1.0)
        if sum(isinstance(event, TrialEnded | WorkerLost | PredictionsReady) for event in events) >= count:
            return events
    raise AssertionError(f"only {events}")


def until_free(executor: Executor, free: int = 1) -> None:
    for _ in range(600):
        if executor.free >= free:
            return
        assert not executor.poll(0.5)
    raise AssertionError("no worker became free")


def close_all(executors: dict[str, Executor]) -> None:
    while executors:
        _, executor = executors.popitem()
        executor.close()


@pytest.fixture(scope="class")
def shared():
    held: dict[str, Executor] = {}
    yield held
    close_all(held)


class Conformance:
    """Subclasses say how to make an executor for one of the sample objectives.

    Attributes:
        shares: Whether tests of the same objective take turns with one executor, for a worker takes seconds to start.
    """

    shares = False

    def make(self, function: str, **changes: object) -> Executor:
        raise NotImplementedError

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
        executor.submit(spec(tmp_path))
        events = collect(executor)
        assert [type(event) for event in events] == [TrialStarted, *[TrialMeasured] * 6, TrialEnded]
        manifest = read_manifest(tmp_path / "00000/attempt-1")
        assert manifest is not None
        assert events[-1].reason is StopReason.FINISHED is manifest.reason
        assert events[-1].history == manifest.measurements
        assert [m.epoch for m in manifest.measurements] == [1, 2, 3, 4, 5, 6]
        assert manifest.best is not None
        assert manifest.last is None
        assert sorted(p.name for p in (tmp_path / "00000/attempt-1").glob("*.pt*")) == [manifest.best.file]

    def test_a_seed_gives_the_same_trial_on_a_warm_worker(self, start, tmp_path):
        executor = start(ANY)
        histories = []
        for number in range(2):
            until_free(executor)
            executor.submit(spec(tmp_path, number))
            histories.append([m.metrics for m in collect(executor)[-1].history])
        assert histories[0] == histories[1]

    def test_rules_end_a_trial_on_the_worker(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(spec(tmp_path, config={"lr": 0.1, "does": "peak"}, epochs=20))
        ended = collect(executor)[-1]
        assert (ended.reason, ended.history[-1].epoch) == (StopReason.STALLED, 7)

    def test_a_nan_is_a_divergence(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(spec(tmp_path, config={"lr": 0.1, "does": "diverge"}))
        ended = collect(executor)[-1]
        assert (ended.reason, len(ended.history)) == (StopReason.DIVERGED, 3)

    def test_a_function_that_reports_is_an_objective_too(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(spec(tmp_path, config={"lr": 0.1, "does": "report"}))
        ended = collect(executor)[-1]
        assert ended.reason is StopReason.FINISHED
        assert [m.metrics["score"] for m in ended.history] == pytest.approx([0.1 * k for k in range(1, 7)])

    def test_an_exception_fails_its_trial_and_the_worker_goes_on(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(spec(tmp_path, 0, config={"lr": 0.9, "does": "fail_if_large"}))
        ended = collect(executor)[-1]
        assert ended.reason is StopReason.ERROR
        assert ended.error == "ValueError: lr 0.9 is too large"
        assert "sample_objectives.py" in ended.traceback
        assert "is too large" in (tmp_path / "00000/attempt-1/log.txt").read_text()
        until_free(executor)
        executor.submit(spec(tmp_path, 1, config={"lr": 0.1, "does": "fail_if_large"}))
        assert collect(executor)[-1].reason is StopReason.FINISHED

    def test_a_second_attempt_goes_on_from_the_checkpoint(self, start, tmp_path):
        executor = start(ANY)
        executor.submit(spec(tmp_path, 0))
        whole = collect(executor)[-1].history
        until_free(executor)
        executor.submit(spec(tmp_path, 1, epochs=4))
        collect(executor)
        first = tmp_path / "00001/attempt-1"
        # As a kill after epoch 4 leaves it: no reason yet.
        manifest = json.loads((first / "manifest.json").read_text()) | {"format": 1, "reason": None}
        (first / "manifest.json").write_text(json.dumps(manifest))
        until_free(executor)
        executor.submit(spec(tmp_path, 1, attempt=2))
        events = collect(executor)
        assert [e.measurement.epoch for e in events if isinstance(e, TrialMeasured)] == [5, 6]
        assert [m.metrics for m in events[-1].history] == [m.metrics for m in whole]

    def test_predictions_are_written_beside_the_checkpoint(self, start, tmp_path):
        executor = start("Classifier")
        executor.submit(spec(tmp_path))
        collect(executor)
        folder = tmp_path / "00000/attempt-1"
        manifest = read_manifest(folder)
        until_free(executor)
        task = PredictSpec(
            stage=Stage.SEARCH, number=0, attempt=1, folder=str(folder), checkpoint=manifest.best.file, split="val"
        )
        executor.submit(task)
        ready = collect(executor)[-1]
        assert ready.error is None
        with np.load(ready.path) as file:
            assert file["probabilities"].shape == (80, 2)
            assert file["labels"].shape == (80,)

    def test_a_prediction_that_fails_says_why(self, start, tmp_path):
        executor = start("Classifier")
        task = PredictSpec(
            stage=Stage.SEARCH, number=0, attempt=1, folder=str(tmp_path), checkpoint="none.pt", split="val"
        )
        executor.submit(task)
        ready = collect(executor)[-1]
        assert ready.path is None
        assert "none.pt" in ready.error

    def test_closing_twice_is_fine(self, start, tmp_path):
        executor = start("climb")
        executor.submit(spec(tmp_path))
        executor.poll(0.1)
        executor.close()
        executor.close()


class TestInline(Conformance):
    def make(self, function: str, **changes: object) -> Executor:
        return InlineExecutor(workplace(function, **changes), Interrupts())

    def test_a_fresh_process_is_refused(self):
        with pytest.raises(InputError, match="--fresh-process"):
            self.make("climb", fresh_process=True)

    @pytest.mark.parametrize("before", [None, "1,0"])
    def test_gpus_are_hidden_from_a_cpu_worker_and_no_longer(self, start, tmp_path, monkeypatch, before):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if before is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before)
        executor = start("environment")
        executor.submit(spec(tmp_path, epochs=1, config={"together": 1, "folder": str(tmp_path)}))
        collect(executor)
        executor.close()
        assert (tmp_path / "seen-0").read_text() == ""
        assert os.environ.get("CUDA_VISIBLE_DEVICES") == before


class TestRay(Conformance):
    shares = True

    @pytest.fixture(autouse=True)
    def cluster(self, ray_address):
        self.address = ray_address

    def make(self, function: str, **changes: object) -> Executor:
        from hpsearch.executors.ray.executor import RayExecutor

        slots, gpus, cpus = (changes.pop(k, d) for k, d in (("slots", 1), ("gpus_per_slot", 0), ("cpus_per_slot", 1)))
        resources = Resources(slots=slots, text="workers", gpus_per_slot=gpus, cpus_per_slot=cpus, address=self.address)
        return RayExecutor(workplace(function, gpu=gpus > 0, **changes), resources, Interrupts())

    def test_trials_run_at_once_and_see_no_gpu(self, start, tmp_path):
        executor = start("environment", slots=2)
        until_free(executor, 2)
        for number in range(2):
            executor.submit(spec(tmp_path, number, epochs=1, config={"together": 2, "folder": str(tmp_path)}))
        ended = [event for event in collect(executor, 2) if isinstance(event, TrialEnded)]
        assert [event.reason for event in ended] == [StopReason.FINISHED] * 2
        assert {path.read_text() for path in tmp_path.glob("seen-*")} == {""}

    def test_threads_are_shared_out(self, start, tmp_path):
        executor = start("threads", cpus_per_slot=3)
        executor.submit(spec(tmp_path, epochs=1))
        assert collect(executor)[-1].history[0].metrics == {"score": 3.0, "cuda": 1.0}

    @pytest.mark.parametrize(
        "death", [{}, {"signal": signal.SIGTERM}, {"signal": signal.SIGTERM, "catches": True}], ids=str
    )
    def test_a_worker_that_dies_is_lost_and_replaced(self, start, tmp_path, death):
        executor, config = start(ANY), {"lr": 0.1, "does": "die_once", **death}
        executor.submit(spec(tmp_path, config=config))
        lost = collect(executor)[-1]
        assert isinstance(lost, WorkerLost)
        assert lost.reason is StopReason.LOST
        assert read_manifest(tmp_path / "00000/attempt-1").reason is None  # a resume goes on with it
        until_free(executor)
        executor.submit(spec(tmp_path, attempt=2, config=config))
        events = collect(executor)
        assert [e.measurement.epoch for e in events if isinstance(e, TrialMeasured)] == [3, 4, 5, 6]

    def test_a_worker_that_hangs_can_be_ended(self, start, tmp_path):
        executor = start("hang")
        executor.submit(spec(tmp_path))
        while not any(isinstance(event, TrialMeasured) for event in executor.poll(1.0)):
            pass
        executor.end((Stage.SEARCH, 0), StopReason.TIMEOUT, "too long")
        lost = collect(executor)[-1]
        assert (lost.reason, lost.detail) == (StopReason.TIMEOUT, "too long")

    def test_a_fresh_process_for_each_trial(self, start, tmp_path):
        executor = start("climb", fresh_process=True)
        workers = set()
        for number in range(2):
            until_free(executor)
            executor.submit(spec(tmp_path, number, config=UNSAVED))
            workers.add(collect(executor)[-1].worker)
        assert len(workers) == 2


@pytest.mark.slow
def test_a_local_cluster_leaves_nothing_behind(tmp_path):
    from hpsearch.executors.ray.executor import RayExecutor

    executor = RayExecutor(workplace("climb"), Resources(slots=2, text="2 CPU workers", cpus_per_slot=1), Interrupts())
    until_free(executor, 2)
    (ours,) = Path("/tmp").glob(f"hps-ray-{os.getpid()}-*")  # other tests have theirs
    scripts = {Path(word).name for process in psutil.Process().children() for word in process.cmdline()[:4]}
    assert "raylet" in scripts
    assert not scripts & {"monitor.py", "log_monitor.py", "dashboard.py"}  # nothing needs them
    executor.submit(spec(tmp_path, config=UNSAVED))
    assert collect(executor)[-1].reason is StopReason.FINISHED
    executor.close()
    assert not ours.exists()
    assert not [p for p in psutil.process_iter(["cmdline"]) if ours.name in " ".join(p.info["cmdline"] or [])]


def test_no_cluster_at_the_address():
    from hpsearch.executors.ray.executor import RayExecutor

    with pytest.raises(ResourceError, match=r"--ray-address: no Ray cluster answers at 127\.0\.0\.1:1"):
        RayExecutor(workplace("climb"), Resources(slots=1, text="1 CPU worker", address="127.0.0.1:1"), Interrupts())


def test_ray_does_not_ship_the_folder_though_it_was_imported_first():
    code = (
        "import os; os.environ.pop('RAY_ENABLE_UV_RUN_RUNTIME_ENV', None)\n"
        "import ray._private.ray_constants as constants\n"
        "before = constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV\n"
        "import hpsearch.executors.ray.executor\n"
        "print(before, constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
