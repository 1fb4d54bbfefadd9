"""Which GPUs this machine has, without starting CUDA; `CUDA_VISIBLE_DEVICES` is respected."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU of this machine.

    Attributes:
        name: What `CUDA_VISIBLE_DEVICES` calls it: an index or a UUID.
        busy: Whether a process is using it.
    """

    name: str
    busy: bool


def visible_gpus() -> list[Gpu]:
    """Return the GPUs that this process may use, idle ones first; none where there is no driver."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []

    def busy(name: str) -> bool:
        by_index = name.isdigit()
        find = pynvml.nvmlDeviceGetHandleByIndex if by_index else pynvml.nvmlDeviceGetHandleByUUID
        try:
            return bool(pynvml.nvmlDeviceGetComputeRunningProcesses(find(int(name) if by_index else name)))
        except pynvml.NVMLError:
            return False  # a MIG slice, or a driver that doesn't tell

    try:
        gpus = [Gpu(name, busy(name)) for name in _visible_names(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()
    return sorted(gpus, key=lambda gpu: gpu.busy)


def _visible_names(count: int) -> list[str]:
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        return [str(index) for index in range(count)]
    names = []
    for name in filter(None, map(str.strip, given.split(","))):
        if name.lstrip("-").isdigit() and not 0 <= int(name) < count:
            break  # CUDA ignores what follows the first one that is not there
        names.append(name)
    return names
