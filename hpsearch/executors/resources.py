"""Resources as values: what a user asks for, and what an executor takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceRequest:
    """What a user asked for; None if nothing was said.

    Attributes:
        gpus: How many GPUs; in a cluster the most.
        gpus_per_trial: How many GPUs of one machine a trial has; None for the study's number.
        workers: How many CPU workers.
        trials_per_gpu: How many trials share a GPU; `auto` for as many as fit, as the first trials show.
        cpus_per_trial: CPU threads of one worker.
        ray_address: The address of a running cluster.
        ship_code: Whether Ray sends the working directory to a cluster's workers.
        usual_gpus_per_trial: The study's number.
    """

    gpus: int | None = None
    gpus_per_trial: int | None = None
    workers: int | None = None
    trials_per_gpu: int | Literal["auto"] = 1
    cpus_per_trial: int | None = None
    ray_address: str | None = None
    executor: Literal["ray", "inline"] = "ray"
    fresh_process: bool = False
    ship_code: bool = False
    usual_gpus_per_trial: int = 1

    def for_study(self, gpus_per_trial: int) -> ResourceRequest:
        """Return the request with the number of GPUs that the trials of a study have unless another is asked for."""
        return replace(self, usual_gpus_per_trial=gpus_per_trial)

    @property
    def gpus_each(self) -> int:
        """How many GPUs a trial has, if it has any."""
        return self.gpus_per_trial or self.usual_gpus_per_trial

    @property
    def gpus_each_said(self) -> str:
        """Who said so, for messages."""
        if self.gpus_per_trial is None:
            return f"gpus_per_trial {self.usual_gpus_per_trial}"
        return f"--gpus-per-trial {self.gpus_per_trial}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What an executor takes.

    Attributes:
        slots: How many workers.
        gpus_per_slot: The GPUs of each: a number, a share of one, or 0 for CPU workers.
        cpus_per_slot: The CPU threads of each; None shares out what a cluster has.
        visible_gpus: Names for `CUDA_VISIBLE_DEVICES`, preferred ones first; only for this machine.
        address: The address of a running cluster; None starts Ray here.
        text: The same for people: "4 GPUs", "2 CPU workers".
        notice: What people should know; empty if there is nothing.
        trials_per_gpu: How many workers share a GPU.
        gpu_keys: The GPUs' names in claims.
        most_per_gpu: How many workers may take a slot's place on its GPU, once it is known what a trial takes.
        ship_code: Whether Ray sends the working directory to the workers.
        cpus_given: Whether the user asked for `cpus_per_slot`; workers that share a GPU then have as many each.
    """

    slots: int
    text: str
    gpus_per_slot: float = 0.0
    cpus_per_slot: int | None = None
    visible_gpus: tuple[str, ...] = ()
    address: str | None = None
    notice: str = ""
    trials_per_gpu: int = 1
    gpu_keys: tuple[str, ...] = ()
    most_per_gpu: int = 1
    ship_code: bool = False
    cpus_given: bool = False

    @property
    def cpus(self) -> int:
        """CPU threads of all workers together, with the most workers that there may be."""
        return self.slots * (self.cpus_per_slot or 1) * (self.most_per_gpu if self.cpus_given else 1)
