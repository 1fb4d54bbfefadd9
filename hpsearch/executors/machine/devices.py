"""Which GPUs this machine has, without starting CUDA; `CUDA_VISIBLE_DEVICES` is respected."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from hpsearch.executors.machine.claims import Claim


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU of this machine.

    Attributes:
        name: Its name in `CUDA_VISIBLE_DEVICES`: an index or a UUID.
        busy: Whether a process uses it, or a study has claimed it.
        key: Its UUID, or its name if the driver has none. Studies know each other's GPUs by it.
        user: Who has it, for people: a study, or another process; empty for nobody.
    """

    name: str
    busy: bool
    key: str = ""
    user: str = ""


class Device:
    """A GPU as its driver sees it.

    Args:
        nvml: The module `pynvml`, initialised.
        handle: The driver's handle of it.

    Attributes:
        total_bytes: The size of its memory.

    Raises:
        NVMLError: The driver does not say how much memory it has.
    """

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml, self._handle = nvml, handle
        found = nvml.nvmlDeviceGetMemoryInfo(handle)
        self.total_bytes, self._used_bytes = int(found.total), int(found.used)

    @property
    def used_bytes(self) -> int:
        """The memory that all processes have, and CUDA itself; the last known value if the driver does not answer."""
        with suppress(self._nvml.NVMLError):
            self._used_bytes = int(self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used)
        return self._used_bytes

    def processes(self) -> dict[int, int]:
        """Return the memory in bytes of each process that computes on it; 0 if the driver does not say."""
        return _processes(self._nvml, self._handle)


def visible_gpus(claims: Sequence[Claim] = (), nvml: Any = None) -> list[Gpu]:
    """Return the GPUs that this process may use, idle ones first; none without a driver.

    Args:
        claims: What other studies have claimed.
        nvml: The module `pynvml`; None to import it.
    """
    claimed = {key: claim.text for claim in claims for key in claim.gpus}
    gpus = []
    with _driver(nvml) as ready:
        if ready is None:
            return []
        for name in _visible_names(ready.nvmlDeviceGetCount()):
            handle = _find(ready, name)
            key = _uuid(ready, handle) or name
            used = handle is not None and bool(_processes(ready, handle))
            user = claimed.get(key) or ("another process" if used else "")
            gpus.append(Gpu(name, bool(user), key, user))
    return sorted(gpus, key=lambda gpu: gpu.busy)


def open_device(name: str, nvml: Any = None) -> Device | None:
    """Return a GPU by its name in `CUDA_VISIBLE_DEVICES`; None if the driver doesn't know it.

    The driver stays open until this process ends.
    """
    ready = _initialised(nvml)
    handle = None if ready is None else _find(ready, name)
    if handle is None:
        return None
    try:
        return Device(ready, handle)
    except ready.NVMLError:
        return None


@contextmanager
def _driver(nvml: Any) -> Iterator[Any]:
    ready = _initialised(nvml)
    try:
        yield ready
    finally:
        if ready is not None:
            ready.nvmlShutdown()


def _initialised(nvml: Any) -> Any:
    try:
        import pynvml
    except ImportError:
        if nvml is None:
            return None
    module = nvml or pynvml
    try:
        module.nvmlInit()
    except module.NVMLError:
        return None
    return module


def _find(nvml: Any, name: str) -> Any:
    """Return the driver's handle of a GPU; like CUDA, take the beginning of a UUID too."""
    with suppress(nvml.NVMLError):
        if name.isdigit():
            return nvml.nvmlDeviceGetHandleByIndex(int(name))
        return nvml.nvmlDeviceGetHandleByUUID(name)
    with suppress(nvml.NVMLError):
        for index in range(nvml.nvmlDeviceGetCount()):
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            if (_uuid(nvml, handle) or "").startswith(name):
                return handle
    return None


def _processes(nvml: Any, handle: Any) -> dict[int, int]:
    try:
        found = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except nvml.NVMLError:
        return {}  # a MIG slice, or a driver that does not say
    return {process.pid: process.usedGpuMemory or 0 for process in found}


def _uuid(nvml: Any, handle: Any) -> str | None:
    if handle is None:
        return None
    try:
        found = nvml.nvmlDeviceGetUUID(handle)
    except nvml.NVMLError:
        return None
    return str(found)


def _visible_names(count: int) -> list[str]:
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        return [str(index) for index in range(count)]
    names = []
    for name in filter(None, map(str.strip, given.split(","))):
        if name.lstrip("-").isdigit() and not 0 <= int(name) < count:
            break  # CUDA ignores all that follows a GPU that is not there
        names.append(name)
    return names
