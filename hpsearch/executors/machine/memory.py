"""How much of its GPU's memory a worker's trials take, and whether they give it back."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

import psutil

from hpsearch.executors.machine.devices import Device, open_device
from hpsearch.trial.events import GpuUse

TRIAL_VARIABLE = "HPSEARCH_TRIAL_DIR"

_CONTEXT_BYTES = 512 << 20  # CUDA's own, with PyTorch's kernels, is 300 to 600 MiB; used if the driver does not say
_POLL_S = 0.2
_GONE_S = 5.0  # until the memory of a killed process is free again
_GONE_POLL_S = 0.1


class Meter(Protocol):
    """Reads the memory of one worker's GPU, trial by trial."""

    def settle(self) -> None:
        """Let the worker keep what it has now, loaded and idle."""
        ...

    def begin(self, folder: str) -> None:
        """Begin with a trial; this is the folder of its attempt."""
        ...

    def use(self) -> GpuUse | None:
        """Return what the trial has taken so far; None if nothing can be read."""
        ...

    def end(self, free: Callable[[], None]) -> GpuUse | None:
        """Free the trial's memory, and return what it took and what is still kept.

        Args:
            free: Frees it.
        """
        ...


class NoMeter:
    """For CPU workers."""

    def settle(self) -> None:
        """Do nothing."""

    def begin(self, folder: str) -> None:
        """Do nothing."""

    def use(self) -> None:
        """Read nothing."""

    def end(self, free: Callable[[], None]) -> None:
        """Free it."""
        free()


class GpuMeter:
    """Asks torch about this process, and the driver about all processes of the device.

    Args:
        device: The worker's GPU; None if the driver does not know it.
        shared: Whether other workers use it too: the device's numbers then say nothing of this one.
        elsewhere: Whether trials train in processes of their own.
        polls: Whether to read the memory of such processes again and again, for it is free when they end.
    """

    def __init__(
        self, device: Device | None, *, shared: bool = False, elsewhere: bool = False, polls: bool = False
    ) -> None:
        self._device, self._shared, self._elsewhere = device, shared, elsewhere
        self._polls = polls and elsewhere and device is not None and not shared
        self._before = 0 if device is None or shared else device.used_bytes
        self._level = 0
        self._largest = 0
        self._folder = ""
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def settle(self) -> None:
        """Let torch keep what it has now."""
        self._level = 0
        if torch := _torch():
            gc.collect()
            torch.cuda.empty_cache()
            self._level = torch.cuda.memory_reserved()

    def begin(self, folder: str) -> None:
        """Forget the trial before."""
        self._largest, self._folder = 0, folder
        if torch := _torch():
            torch.cuda.reset_peak_memory_stats()
        if self._polls:
            self._stop_polling()  # the trial before did not come to its end
            self._ended.clear()
            self._thread = threading.Thread(target=self._poll, name="gpu-memory", daemon=True)
            self._thread.start()

    def use(self) -> GpuUse | None:
        """Return the most that was seen so far; None if neither torch nor the driver says."""
        room = self._room()
        if room is None:
            return None
        self._largest = max(self._largest, self._now())
        return GpuUse(peak_bytes=self._largest, room_bytes=room)

    def end(self, free: Callable[[], None]) -> GpuUse | None:
        """Free it, and read what is left."""
        self._stop_polling()
        use = self.use()
        free()
        return None if use is None else replace(use, kept_bytes=self._kept())

    def _room(self) -> int | None:
        if self._device is not None:
            return self._device.total_bytes - self._before
        torch = _torch()
        return int(torch.cuda.get_device_properties(0).total_memory) if torch else None

    def _now(self) -> int:
        torch = _torch()
        peak, now = (torch.cuda.max_memory_reserved(), torch.cuda.memory_reserved()) if torch else (0, 0)
        if self._device is None or self._shared:
            return int(peak) + (_CONTEXT_BYTES if torch else 0)
        outside = self._device.used_bytes - self._before - now  # CUDA's own, and other processes of the trial
        return int(peak) + max(0, outside)

    def _stop_polling(self) -> None:
        if self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._thread = None

    def _poll(self) -> None:
        while not self._ended.wait(_POLL_S):
            self._largest = max(self._largest, self._now())

    def _kept(self) -> int:
        if not self._elsewhere:
            torch = _torch()
            return max(0, torch.cuda.memory_reserved() - self._level) if torch else 0
        deadline = time.monotonic() + _GONE_S
        while (left := self._left_by_processes()) and time.monotonic() < deadline:
            time.sleep(_GONE_POLL_S)
        return left

    def _left_by_processes(self) -> int:
        """Return the memory of processes that the trial's command started and its supervisor could not end."""
        processes = {} if self._device is None else self._device.processes()
        return sum(used for pid, used in processes.items() if _environment(pid).get(TRIAL_VARIABLE) == self._folder)


def meter_for(*, gpu: bool, shared: bool, elsewhere: bool, polls: bool) -> Meter:
    """Return the meter of this process's GPU, the first one in `CUDA_VISIBLE_DEVICES`.

    Args:
        gpu: Whether this worker has one.
        shared: As in `GpuMeter`.
        elsewhere: As in `GpuMeter`.
        polls: As in `GpuMeter`.
    """
    if not gpu:
        return NoMeter()
    name = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    return GpuMeter(open_device(name) if name else None, shared=shared, elsewhere=elsewhere, polls=polls)


def _torch() -> Any:
    """Return torch if this process has used a GPU with it, else None."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None


def _environment(pid: int) -> Mapping[str, str]:
    with suppress(psutil.Error, OSError):
        return psutil.Process(pid).environ()
    return {}
