"""Starts the executor that a user asked for."""

from __future__ import annotations

from hpsearch.errors import InputError
from hpsearch.executors.base import Executor, Workplace
from hpsearch.executors.resources import ResourceRequest, Resources
from hpsearch.system.signals import Interrupts


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

        return InlineExecutor(workplace, interrupts, resources.visible_gpus[0] if resources.visible_gpus else "")
    try:
        from hpsearch.executors.ray.executor import RayExecutor
    except ImportError as error:
        raise InputError(f"--executor ray: {error}; allowed: install ray, or --executor inline") from None
    return RayExecutor(workplace, resources, interrupts)
