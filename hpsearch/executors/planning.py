"""From what the user asked for and what the machine has to workers; errors say what there is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from hpsearch.errors import InputError, ResourceError
from hpsearch.executors.machine.claims import Claim, choosing
from hpsearch.executors.machine.cores import Cores
from hpsearch.executors.machine.devices import Gpu, visible_gpus
from hpsearch.executors.machine.packing import MOST, share_of
from hpsearch.executors.resources import ResourceRequest, Resources
from hpsearch.system.escalation import done_at_a_hard_end
from hpsearch.text import counted


@contextmanager
def claimed_resources(request: ResourceRequest, trials: int, study: str, nvml: Any = None) -> Iterator[Resources]:
    """Choose resources, and claim them: until the exit other studies of this user leave them alone.

    Args:
        trials: As in `plan_resources`.
        study: Its name, which other studies show.
        nvml: The module `pynvml`; None to import it.

    Raises:
        ResourceError: More is asked for than there is, or claims can't be kept.
        InputError: The options contradict each other.
    """
    _check(request)
    if request.ray_address is not None:  # Ray knows what is free there
        yield plan_resources(request, trials)
        return
    with choosing() as choice:
        resources = plan_resources(request, trials, choice.others, nvml)
        mine = Claim(study=study, pid=os.getpid(), cpus=resources.cpus, cores=Cores().mine, gpus=resources.gpu_keys)
        held = choice.take(mine)
    with held, done_at_a_hard_end(held.close):
        yield replace(resources, notice="; ".join(filter(None, (resources.notice, choice.notice))))


def plan_resources(request: ResourceRequest, trials: int, claims: Sequence[Claim] = (), nvml: Any = None) -> Resources:
    """Choose resources from those that there are.

    Args:
        trials: How many trials there are. There are no more CPU workers than that, unless they were asked for.
        claims: What other studies have claimed of this machine.
        nvml: The module `pynvml`; None to import it.

    Raises:
        ResourceError: More is asked for than there is.
        InputError: The options contradict each other.
    """
    _check(request)
    if request.ray_address is not None:
        return _cluster(request, request.ray_address)
    cores = Cores(claims)
    gpus = [] if request.workers is not None else visible_gpus(claims, nvml)
    if request.executor == "inline":
        return _inline(request, cores, gpus)
    if request.gpus is not None:
        return _gpus(request, request.gpus, cores, gpus)
    if request.workers is not None:
        return _cpus(request, request.workers, cores)
    idle = sum(not gpu.busy for gpu in gpus)
    if idle >= request.gpus_each:
        return _gpus(request, idle, cores, gpus)
    if request.gpus_each > 1 and (gpus or request.gpus_per_trial is not None):
        raise _too_few_gpus(request, idle, len(gpus))
    resources = _cpus(request, min(trials, max(1, cores.left // (request.cpus_per_trial or 1))), cores)
    return _with_notice(resources, _no_idle_gpu(request, gpus))


def _check(request: ResourceRequest) -> None:
    if request.gpus is not None and request.workers is not None:
        raise InputError("--gpus and --workers: both were given; allowed: one of them")
    if request.gpus_each > 1:
        _check_gpus_each(request, request.gpus_each)
    if request.ship_code and request.ray_address is None:
        raise InputError("--ship-code: workers on this machine see the code; allowed: with --ray-address")
    if request.executor == "inline":
        _check_inline(request)
    elif request.workers is not None and request.trials_per_gpu != 1:
        raise InputError(
            f"--trials-per-gpu {request.trials_per_gpu} and --workers: CPU workers share no GPU; allowed: one of them"
        )
    elif request.ray_address is not None and request.gpus is None and request.workers is None:
        raise InputError("--ray-address: how much of the cluster? allowed: --gpus N or --workers N, at most N of it")


def _check_gpus_each(request: ResourceRequest, each: int) -> None:
    """Refuse what contradicts several GPUs for one trial."""
    said = request.gpus_each_said
    if request.trials_per_gpu != 1:
        packed = f"--trials-per-gpu {request.trials_per_gpu} and {said}"
        raise InputError(f"{packed}: a trial shares a GPU, or has several; allowed: one of them")
    if request.workers is not None and request.gpus_per_trial is not None:
        raise InputError(f"{said} and --workers: CPU workers have no GPU; allowed: one of them")
    if request.gpus is not None and request.gpus < each:
        raise InputError(
            f"--gpus {request.gpus}: a trial has {each} ({said}); allowed: --gpus {each} or more, or fewer for a trial"
        )


def _check_inline(request: ResourceRequest) -> None:
    if request.fresh_process:
        raise InputError("--fresh-process: the inline executor has one process; allowed: --executor ray")
    for option, value, most in (("--workers", request.workers, 1), ("--gpus", request.gpus, request.gpus_each)):
        if value is not None and value > most:
            raise InputError(f"{option} {value}: the inline executor runs one trial at a time; allowed: {most}")
    if request.ray_address is not None:
        raise InputError("--ray-address: the inline executor uses no cluster; allowed: --executor ray")
    if request.trials_per_gpu != 1:
        raise InputError(
            f"--trials-per-gpu {request.trials_per_gpu}: the inline executor runs one trial at a time; allowed: 1"
        )


def _inline(request: ResourceRequest, cores: Cores, gpus: Sequence[Gpu]) -> Resources:
    threads, each = request.cpus_per_trial or cores.left, request.gpus_each
    if len(gpus) >= each:
        resources = Resources(
            slots=1,
            text=f"{counted(each, 'GPU')}, in this process",
            gpus_per_slot=each,
            cpus_per_slot=threads,
            visible_gpus=tuple(gpu.name for gpu in gpus[:each]),
            gpu_keys=tuple(gpu.key for gpu in gpus[:each]),
        )
    elif gpus or (each > 1 and request.gpus_per_trial is not None):
        raise _too_few_gpus(request, len(gpus), len(gpus))
    elif request.gpus:
        raise ResourceError(f"--gpus {request.gpus}: this machine has 0 visible GPUs; allowed: --workers 1")
    else:
        resources = Resources(slots=1, text="1 CPU worker, in this process", cpus_per_slot=threads)
        resources = resources if request.workers else _with_notice(resources, _no_idle_gpu(request, gpus))
    return resources if request.cpus_per_trial else _with_notice(resources, cores.notice(counted(threads, "thread")))


def _cluster(request: ResourceRequest, address: str) -> Resources:
    if request.gpus is None:
        count = request.workers or 1
        text = f"up to {counted(count, 'CPU worker')} of the Ray cluster"
        threads = request.cpus_per_trial or 1
        return Resources(slots=count, text=text, cpus_per_slot=threads, address=address, ship_code=request.ship_code)
    packed = request.trials_per_gpu if isinstance(request.trials_per_gpu, int) else 1
    each = request.gpus_each
    groups = request.gpus // each
    return Resources(
        slots=groups * packed,
        text=f"up to {counted(groups * each, 'GPU')} of the Ray cluster{_for_each(each)}",
        notice=_left_over(request.gpus, each),
        gpus_per_slot=float(each) if each > 1 else share_of(packed),
        trials_per_gpu=packed,
        cpus_per_slot=request.cpus_per_trial,
        most_per_gpu=MOST if request.trials_per_gpu == "auto" else 1,
        cpus_given=request.cpus_per_trial is not None,
        address=address,
        ship_code=request.ship_code,
    )


def _gpus(request: ResourceRequest, count: int, cores: Cores, gpus: Sequence[Gpu]) -> Resources:
    if count > len(gpus):
        raise ResourceError(
            f"--gpus {count}: this machine has {counted(len(gpus), 'visible GPU')}; "
            f"allowed: {f'up to {len(gpus)}, ' if gpus else ''}--workers N for CPU workers, "
            "or --ray-address of a cluster"
        )
    each = request.gpus_each
    groups = count // each
    taken = gpus[: groups * each]
    packed = request.trials_per_gpu if isinstance(request.trials_per_gpu, int) else 1
    slots = groups * packed
    threads = request.cpus_per_trial or max(1, cores.left // slots)
    if request.trials_per_gpu == "auto":
        shared, most = (
            ", as many trials on each as fit",
            max(1, min(MOST, cores.left // (count * (request.cpus_per_trial or 1)))),
        )
    else:
        shared, most = f", {packed} trials on each" if packed > 1 else _for_each(each), 1
    in_use = [f"GPU {gpu.name} is in use by {gpu.user} too" for gpu in taken if gpu.busy]
    resources = Resources(
        slots=slots,
        text=counted(len(taken), "GPU") + shared,
        gpus_per_slot=float(each) if each > 1 else share_of(packed),
        trials_per_gpu=packed,
        cpus_per_slot=threads,
        visible_gpus=tuple(gpu.name for gpu in taken),
        notice="; ".join(filter(None, (_left_over(count, each), *in_use))),
        gpu_keys=tuple(gpu.key for gpu in taken),
        most_per_gpu=most,
        cpus_given=request.cpus_per_trial is not None,
    )
    return resources if request.cpus_per_trial else _with_notice(resources, cores.notice(_threads_each(threads, slots)))


def _cpus(request: ResourceRequest, count: int, cores: Cores) -> Resources:
    threads = request.cpus_per_trial or max(1, cores.left // count)
    resources = Resources(slots=count, text=counted(count, "CPU worker"), cpus_per_slot=threads)
    if request.workers is None:
        return _with_notice(resources, cores.notice(counted(count, "worker")))
    return resources if request.cpus_per_trial else _with_notice(resources, cores.notice(_threads_each(threads, count)))


def _threads_each(threads: int, slots: int) -> str:
    return counted(threads, "thread") + (" for each worker" if slots > 1 else "")


def _for_each(gpus: int) -> str:
    return f", {gpus} for each trial" if gpus > 1 else ""


def _left_over(count: int, each: int) -> str:
    """Return what there is to say of GPUs that are too few for one more trial."""
    left = count % each
    return f"{left} of {count} GPUs {'is' if left == 1 else 'are'} not used: a trial has {each}" if left else ""


def _too_few_gpus(request: ResourceRequest, idle: int, visible: int) -> ResourceError:
    there = f"this machine has {counted(visible, 'visible GPU')}"
    if visible < request.gpus_each:
        allowed = f"up to {visible}, --workers N for CPU workers" if visible else "--workers N for CPU workers"
        return ResourceError(f"{request.gpus_each_said}: {there}; allowed: {allowed}, or --ray-address of a cluster")
    return ResourceError(
        f"{request.gpus_each_said}: {there}, of which {idle} {'is' if idle == 1 else 'are'} idle; "
        "allowed: --gpus N, which takes busy ones too"
    )


def _no_idle_gpu(request: ResourceRequest, gpus: Sequence[Gpu]) -> str:
    """Return what there is to say of CPU workers that nobody asked for."""
    if gpus:
        by = "; ".join(f"GPU {gpu.name} by {gpu.user}" for gpu in gpus)
        return f"all {len(gpus)} GPUs are busy ({by}), so CPU workers are used; --gpus N takes busy ones too"
    if request.gpus_each > 1:
        return f"{request.gpus_each_said} does nothing: there is no GPU"
    if request.trials_per_gpu != 1:
        return f"--trials-per-gpu {request.trials_per_gpu} does nothing: there is no GPU, and CPU workers share none"
    return ""


def _with_notice(resources: Resources, more: str) -> Resources:
    return replace(resources, notice="; ".join(filter(None, (resources.notice, more))))
