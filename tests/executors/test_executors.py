"""One suite for both executors: what a driver may expect of either."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from hpsearch.errors import InputError, ResourceError
from hpsearch.executors.base import Executor
from hpsearch.executors.inline import InlineExecutor
from hpsearch.executors.resources import Resources
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import TrialEnded, TrialMeasured, WorkerLost
from hpsearch.trial.folder import read_manifest
from hpsearch.trial.trial import Stage, StopReason
from support.conformance.executors import Conformance
from support.executors import ANY, UNSAVED, collect, measurements, task, until_free, workplace


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
        executor.submit(task(tmp_path, epochs=1, config={"together": 1, "folder": str(tmp_path)}))
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
            executor.submit(task(tmp_path, number, epochs=1, config={"together": 2, "folder": str(tmp_path)}))
        ended = [event for event in collect(executor, 2) if isinstance(event, TrialEnded)]
        assert [event.reason for event in ended] == [StopReason.FINISHED] * 2
        assert {path.read_text() for path in tmp_path.glob("seen-*")} == {""}

    def test_each_trial_has_its_own_gpus(self, start, tmp_path):
        executor = start("environment", slots=2, gpus_per_slot=2.0)
        until_free(executor, 2)
        for number in range(2):
            executor.submit(task(tmp_path, number, epochs=1, config={"together": 2, "folder": str(tmp_path)}))
        collect(executor, 2)
        seen = [set(path.read_text().split(",")) for path in tmp_path.glob("seen-*")]
        assert [len(one) for one in seen] == [2, 2]
        assert not seen[0] & seen[1]

    def test_threads_are_shared_out(self, start, tmp_path):
        executor = start("threads", cpus_per_slot=3)
        executor.submit(task(tmp_path, epochs=1))
        assert measurements(collect(executor))[0].metrics == {"score": 3.0, "cuda": 1.0}

    @pytest.mark.parametrize(
        "death", [{}, {"signal": signal.SIGTERM}, {"signal": signal.SIGTERM, "catches": True}], ids=str
    )
    def test_a_worker_that_dies_is_lost_and_replaced(self, start, tmp_path, death):
        executor, config = start(ANY), {"lr": 0.1, "does": "die_once", **death}
        executor.submit(task(tmp_path, config=config))
        lost = collect(executor)[-1]
        assert isinstance(lost, WorkerLost)
        assert lost.reason is StopReason.LOST
        assert read_manifest(tmp_path / "00000/attempt-1").reason is None  # a resume goes on with it
        until_free(executor)
        executor.submit(task(tmp_path, attempt=2, config=config))
        events = collect(executor)
        assert [e.measurement.epoch for e in events if isinstance(e, TrialMeasured)] == [3, 4, 5, 6]

    def test_a_worker_that_hangs_can_be_ended(self, start, tmp_path):
        executor = start("hang")
        executor.submit(task(tmp_path))
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
            executor.submit(task(tmp_path, number, config=UNSAVED))
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
    executor.submit(task(tmp_path, config=UNSAVED))
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
