"""From what was asked for and what is there to workers; the errors say what is there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from hpsearch.errors import InputError, ResourceError
from hpsearch.executors.base import Executor, Workplace
from hpsearch.executors.devices import visible_gpus
from hpsearch.interrupts import Interrupts


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceRequest:
    """What a user asked for; None where nothing was said.

    Attributes:
        gpus: How many GPUs; in a cluster at most so many.
        workers: How many CPU workers.
        trials_per_gpu: How many trials share a GPU.
        cpus_per_trial: CPU threads of one worker.
        ray_address: Of a running cluster.
    """

    gpus: int | None = None
    workers: int | None = None
    trials_per_gpu: int = 1
    cpus_per_trial: int | None = None
    ray_address: str | None = None
    executor: Literal["ray", "inline"] = "ray"
    fresh_process: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What an executor takes.

    Attributes:
        slots: How many workers.
        gpus_per_slot: 1, a share of one, or 0 for CPU workers.
        cpus_per_slot: CPU threads of each; None shares out what a cluster has.
        visible_gpus: Names for `CUDA_VISIBLE_DEVICES` in the order of preference; only on this machine.
        address: Of a running cluster; None starts one here.
        text: For people: "4 GPUs", "2 CPU workers".
        notice: Worth telling; empty if nothing is.
    """

    slots: int
    text: str
    gpus_per_slot: float = 0.0
    cpus_per_slot: int | None = None
    visible_gpus: tuple[str, ...] = ()
    address: str | None = None
    notice: str = ""


def plan_resources(request: ResourceRequest, trials: int) -> Resources:
    """Return what to take of what is there.

    Args:
        trials: No more CPU workers are started than there are trials, unless they were asked for.

    Raises:
        ResourceError: More is asked for than there is.
        InputError: The options contradict each other.
    """
    _check(request)
    if request.executor == "inline":
        return _inline(request)
    if request.ray_address is not None:
        return _cluster(request, request.ray_address)
    if request.gpus is not None:
        return _gpus(request, request.gpus)
    if request.workers is not None:
        return _cpus(request, request.workers, "")
    gpus = visible_gpus()
    idle = sum(not gpu.busy for gpu in gpus)
    if idle:
        return _gpus(request, idle)
    notice = f"all {len(gpus)} GPUs are busy, so CPU workers are used; --gpus N takes them all the same" if gpus else ""
    return _cpus(request, min(trials, max(1, _cores() // (request.cpus_per_trial or 1))), notice)


def start_executor(
    request: ResourceRequest, resources: Resources, workplace: Workplace, interrupts: Interrupts
) -> Executor:
    """Start the workers.

    Raises:
        InputError: Ray is not installed.
        ResourceError: The cluster can't be reached, or has no GPU.
    """
    if request.executor == "inline":
        from hpsearch.executors.inline import InlineExecutor

        return InlineExecutor(workplace, interrupts)
    try:
        from hpsearch.executors.ray import RayExecutor
    except ImportError as error:
        raise InputError(f"--executor ray: {error}; allowed: install ray, or --executor inline") from None
    return RayExecutor(workplace, resources, interrupts)


def _check(request: ResourceRequest) -> None:
    if request.gpus is not None and request.workers is not None:
        raise InputError("--gpus and --workers: both were given; allowed: one of them")
    if request.executor == "inline":
        if request.fresh_process:
            raise InputError("--fresh-process: the inline executor has one process; allowed: --executor ray")
        for option, value in (("--workers", request.workers), ("--gpus", request.gpus)):
            if value is not None and value > 1:
                raise InputError(f"{option} {value}: the inline executor runs one trial at a time; allowed: 1")
        if request.ray_address is not None:
            raise InputError("--ray-address: the inline executor uses no cluster; allowed: --executor ray")
    elif request.ray_address is not None and request.gpus is None and request.workers is None:
        raise InputError("--ray-address: how much of the cluster? allowed: --gpus N or --workers N, at most so many")


def _inline(request: ResourceRequest) -> Resources:
    threads = request.cpus_per_trial or _cores()
    if request.workers is None and (gpus := visible_gpus()):
        return Resources(
            slots=1, text="1 GPU, in this process", gpus_per_slot=1, cpus_per_slot=threads, visible_gpus=(gpus[0].name,)
        )
    if request.gpus:
        raise ResourceError("--gpus 1: this machine has 0 visible GPUs; allowed: --workers 1")
    return Resources(slots=1, text="1 CPU worker, in this process", cpus_per_slot=threads)


def _cluster(request: ResourceRequest, address: str) -> Resources:
    if request.gpus is None:
        count = request.workers or 1
        text = f"up to {_counted(count, 'CPU worker')} of the Ray cluster"
        return Resources(slots=count, text=text, cpus_per_slot=request.cpus_per_trial or 1, address=address)
    return Resources(
        slots=request.gpus * request.trials_per_gpu,
        text=f"up to {_counted(request.gpus, 'GPU')} of the Ray cluster",
        gpus_per_slot=1 / request.trials_per_gpu,
        cpus_per_slot=request.cpus_per_trial,
        address=address,
    )


def _gpus(request: ResourceRequest, count: int) -> Resources:
    gpus = visible_gpus()
    if count > len(gpus):
        raise ResourceError(
            f"--gpus {count}: this machine has {_counted(len(gpus), 'visible GPU')}; "
            f"allowed: {f'up to {len(gpus)}, ' if gpus else ''}--workers N for CPU workers, "
            "or --ray-address of a cluster"
        )
    taken = gpus[:count]
    busy = [gpu.name for gpu in taken if gpu.busy]
    slots = count * request.trials_per_gpu
    shared = f", {request.trials_per_gpu} trials on each" if request.trials_per_gpu > 1 else ""
    return Resources(
        slots=slots,
        text=_counted(count, "GPU") + shared,
        gpus_per_slot=1 / request.trials_per_gpu,
        cpus_per_slot=request.cpus_per_trial or max(1, _cores() // slots),
        visible_gpus=tuple(gpu.name for gpu in taken),
        notice=f"GPU {', '.join(busy)} is in use by another process too" if busy else "",
    )


def _cpus(request: ResourceRequest, count: int, notice: str) -> Resources:
    threads = request.cpus_per_trial or max(1, _cores() // count)
    return Resources(slots=count, text=_counted(count, "CPU worker"), cpus_per_slot=threads, notice=notice)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
