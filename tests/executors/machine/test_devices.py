"""Which GPUs are there, asked of a driver that is only a stand-in."""

from __future__ import annotations

import pytest

from hpsearch.executors.machine.claims import Claim
from hpsearch.executors.machine.devices import open_device, visible_gpus
from support.fake_nvml import GIB, FakeGpu, FakeNvml


@pytest.fixture(autouse=True)
def all_visible(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_idle_gpus_come_first_and_the_busy_say_whose_they_are():
    nvml = FakeNvml(FakeGpu("GPU-a", processes={7: GIB}), FakeGpu("GPU-b"), FakeGpu("GPU-c"))
    claim = Claim(study="cnn", pid=123, gpus=("GPU-b",))
    gpus = visible_gpus([claim], nvml)
    assert [(gpu.name, gpu.key, gpu.user) for gpu in gpus] == [
        ("2", "GPU-c", ""),
        ("0", "GPU-a", "another process"),
        ("1", "GPU-b", "study cnn (process 123)"),
    ]
    assert [gpu.busy for gpu in gpus] == [False, True, True]
    assert nvml.opened == 0


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("1,0", ["1", "0"]),
        ("GPU-bcd,GPU-abc", ["GPU-bcd", "GPU-abc"]),
        ("", []),
        ("-1", []),
        ("1,7,0", ["1"]),
        (" 1 , ", ["1"]),
    ],
)
def test_the_environment_says_which_and_in_which_order(monkeypatch, given, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    gpus = visible_gpus((), FakeNvml(FakeGpu("GPU-abc"), FakeGpu("GPU-bcd")))
    assert [gpu.name for gpu in gpus] == names


def test_a_claim_holds_whatever_a_gpu_is_called(monkeypatch):
    nvml = FakeNvml(FakeGpu("GPU-abc"), FakeGpu("GPU-bcd"))
    claim = Claim(study="cnn", pid=1, gpus=("GPU-bcd",))
    for name in ("1", "GPU-bcd", "GPU-b"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
        assert [gpu.busy for gpu in visible_gpus([claim], nvml)] == [True]


def test_a_gpu_that_the_driver_does_not_know_is_taken_by_its_name(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1")
    (gpu,) = visible_gpus((), FakeNvml(FakeGpu("GPU-a")))
    assert (gpu.key, gpu.busy) == ("MIG-1", False)


def test_a_driver_that_does_not_tell_of_processes():
    broken = ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetUUID")
    (gpu,) = visible_gpus((), FakeNvml(FakeGpu("GPU-a", processes={1: 1}), broken=broken))
    assert (gpu.key, gpu.busy) == ("0", False)


def test_no_driver():
    nvml = FakeNvml(FakeGpu("GPU-a"), broken=("nvmlInit",))
    assert visible_gpus((), nvml) == []
    assert open_device("0", nvml) is None


def test_the_memory_of_a_device():
    gpu = FakeGpu("GPU-a", used=3 * GIB, processes={5: GIB, 6: None})
    device = open_device("0", FakeNvml(gpu))
    assert (device.used_bytes, device.total_bytes) == (3 * GIB, 24 * GIB)
    assert device.processes() == {5: GIB, 6: 0}


def test_a_device_without_numbers_is_none():
    nvml = FakeNvml(FakeGpu("GPU-a"), broken=("nvmlDeviceGetMemoryInfo",))
    assert open_device("0", nvml) is None
    assert open_device("GPU-none", FakeNvml(FakeGpu("GPU-a"))) is None
