"""What trials take of a GPU's memory: the driver is a stand-in, and torch is where it is looked for."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from hpsearch.executors.machine.devices import open_device
from hpsearch.executors.machine.memory import GpuMeter, NoMeter, meter_for
from hpsearch.trial.events import GpuUse
from support.fake_nvml import GIB, FakeGpu, FakeNvml
from support.waiting import wait_until

MIB = 1 << 20


class FakeTorch:
    """The part of `torch.cuda` that is asked, with a caching allocator that is two numbers."""

    def __init__(self) -> None:
        self.live = self.cached = self.peak = 0
        self.cuda = SimpleNamespace(
            is_initialized=lambda: True,
            memory_reserved=lambda: self.live + self.cached,
            max_memory_reserved=lambda: self.peak,
            reset_peak_memory_stats=self.reset,
            empty_cache=self.empty,
            get_device_properties=lambda _: SimpleNamespace(total_memory=24 * GIB),
        )

    def reset(self) -> None:
        self.peak = self.live + self.cached

    def empty(self) -> None:
        self.cached = 0

    def train(self, size: int, kept: int = 0) -> None:
        self.peak = max(self.peak, self.live + self.cached + size)
        self.live += kept
        self.cached += size - kept


@pytest.fixture
def torch(monkeypatch):
    fake = FakeTorch()
    monkeypatch.setitem(sys.modules, "torch", fake)
    return fake


def device(gpu: FakeGpu) -> object:
    return open_device("0", FakeNvml(gpu))


def nothing() -> None:
    """Free nothing."""


def test_torch_peak_and_what_cuda_takes_itself(torch):
    gpu = FakeGpu("GPU-a", used=GIB)  # another process has it
    meter = GpuMeter(device(gpu))
    torch.live = 2 * GIB
    gpu.used += 2 * GIB + 600 * MIB  # with CUDA's own
    meter.settle()
    meter.begin("trial")
    assert meter.use() == GpuUse(peak_bytes=2 * GIB + 600 * MIB, room_bytes=23 * GIB)
    torch.train(5 * GIB)
    gpu.used += 5 * GIB
    assert meter.use().peak_bytes == 7 * GIB + 600 * MIB
    torch.empty()  # as an objective may do itself
    gpu.used -= 5 * GIB
    assert meter.end(torch.empty) == GpuUse(peak_bytes=7 * GIB + 600 * MIB, room_bytes=23 * GIB, kept_bytes=0)


def test_each_trial_is_measured_anew(torch):
    meter = GpuMeter(device(FakeGpu("GPU-a")))
    peaks = []
    for size in (4, 1):
        meter.begin("trial")
        torch.train(size * GIB)
        peaks.append(meter.end(torch.empty).peak_bytes)
    assert peaks == [4 * GIB, GIB]


def test_what_is_loaded_is_no_leak_and_what_trials_leave_is(torch):
    torch.live, torch.cached = GIB, GIB
    meter = GpuMeter(device(FakeGpu("GPU-a")))
    meter.settle()
    assert torch.cached == 0
    kept = []
    for size in (0, 2, 3):
        meter.begin("trial")
        torch.train(5 * GIB, kept=size * GIB)
        kept.append(meter.end(torch.empty).kept_bytes)
    assert kept == [0, 2 * GIB, 5 * GIB]


def test_without_a_driver_torch_tells(torch):
    meter = GpuMeter(None)
    meter.begin("trial")
    torch.train(GIB)
    assert meter.end(torch.empty) == GpuUse(peak_bytes=GIB + 512 * MIB, room_bytes=24 * GIB)


def test_a_shared_gpu_has_memory_of_others_too(torch):
    gpu = FakeGpu("GPU-a", used=20 * GIB)
    meter = GpuMeter(device(gpu), shared=True)
    meter.begin("trial")
    torch.train(GIB)
    assert meter.end(torch.empty) == GpuUse(peak_bytes=GIB + 512 * MIB, room_bytes=24 * GIB)


def test_nothing_to_ask(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: False)))
    meter = GpuMeter(None)
    meter.begin("trial")
    assert meter.use() is None
    assert meter.end(nothing) is None


def test_a_command_is_looked_at_all_the_time(monkeypatch):
    monkeypatch.setattr("hpsearch.executors.machine.memory._POLL_S", 0.001)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    gpu = FakeGpu("GPU-a", used=GIB)
    meter = GpuMeter(device(gpu), elsewhere=True, polls=True)
    meter.begin("trial")
    gpu.used = 6 * GIB
    wait_until(lambda: meter._largest == 5 * GIB, what="a look")
    gpu.used = GIB
    assert meter.end(nothing) == GpuUse(peak_bytes=5 * GIB, room_bytes=23 * GIB)
    assert meter._thread is None
    meter.begin("broken off")
    thread = meter._thread
    meter.begin("next")
    assert not thread.is_alive()
    meter.end(nothing)


def test_what_a_command_left_running_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr("hpsearch.executors.machine.memory._GONE_S", 0.05)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    folder = str(tmp_path / "attempt-1")
    code = "import sys; print(flush=True); sys.stdin.read()"
    command, environment = [sys.executable, "-S", "-c", code], {**os.environ, "HPSEARCH_TRIAL_DIR": folder}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as left:
        left.stdout.readline()
        gpu = FakeGpu("GPU-a", processes={left.pid: 2 * GIB, os.getpid(): GIB})
        meter = GpuMeter(device(gpu), shared=True, elsewhere=True)
        meter.begin(folder)
        assert meter.end(nothing).kept_bytes == 2 * GIB
        meter.begin(str(tmp_path / "attempt-2"))
        assert meter.end(nothing).kept_bytes == 0
    meter.begin(folder)
    assert meter.end(nothing).kept_bytes == 0  # no such process any more


def test_a_driver_that_stops_answering_fails_no_trial(torch):
    nvml = FakeNvml(FakeGpu("GPU-a", used=GIB))
    meter = GpuMeter(open_device("0", nvml))
    nvml._broken = ("nvmlDeviceGetMemoryInfo", "nvmlDeviceGetComputeRunningProcesses")
    meter.begin("trial")
    torch.train(GIB)
    assert meter.end(torch.empty).peak_bytes == GIB


def test_a_cpu_worker_frees_memory_and_tells_nothing():
    freed = []
    meter = meter_for(gpu=False, shared=False, elsewhere=False, polls=False)
    assert isinstance(meter, NoMeter)
    meter.settle()
    meter.begin("trial")
    assert meter.use() is None
    assert meter.end(lambda: freed.append(1)) is None
    assert freed == [1]


@pytest.mark.parametrize("visible", ["", "7", "GPU-none"])
def test_a_gpu_that_is_not_there_has_a_meter_that_says_nothing(monkeypatch, visible):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    meter = meter_for(gpu=True, shared=False, elsewhere=False, polls=True)
    meter.begin("trial")
    assert meter.end(nothing) is None
