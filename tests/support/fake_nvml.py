"""The part of pynvml that hpsearch uses, for invented GPUs: test machines have none."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

GIB = 1 << 30


class NVMLError(Exception):
    pass


@dataclass(eq=False)
class FakeGpu:
    uuid: str
    total: int = 24 * GIB
    used: int = 0
    processes: dict[int, int | None] = field(default_factory=dict)


class FakeNvml:
    """Has the module's functions as methods; `broken` names functions that fail, as on a machine without a driver."""

    NVMLError = NVMLError

    def __init__(self, *gpus: FakeGpu, broken: tuple[str, ...] = ()) -> None:
        self.gpus, self._broken, self.opened = gpus, broken, 0

    def _call(self, name: str) -> None:
        if name in self._broken:
            raise NVMLError(name)
        assert self.opened > 0 or name == "nvmlInit", f"{name} before nvmlInit"

    def nvmlInit(self) -> None:  # noqa: N802 - the driver's names
        self._call("nvmlInit")
        self.opened += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self._call("nvmlShutdown")
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        self._call("nvmlDeviceGetCount")
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeGpu:  # noqa: N802
        self._call("nvmlDeviceGetHandleByIndex")
        return self.gpus[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> FakeGpu:  # noqa: N802
        self._call("nvmlDeviceGetHandleByUUID")
        found = [gpu for gpu in self.gpus if gpu.uuid == uuid]
        if not found:
            raise NVMLError("not found")
        return found[0]

    def nvmlDeviceGetUUID(self, gpu: FakeGpu) -> str:  # noqa: N802
        self._call("nvmlDeviceGetUUID")
        return gpu.uuid

    def nvmlDeviceGetMemoryInfo(self, gpu: FakeGpu) -> SimpleNamespace:  # noqa: N802
        self._call("nvmlDeviceGetMemoryInfo")
        return SimpleNamespace(total=gpu.total, used=gpu.used, free=gpu.total - gpu.used)

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: FakeGpu) -> list[SimpleNamespace]:  # noqa: N802
        self._call("nvmlDeviceGetComputeRunningProcesses")
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in gpu.processes.items()]
