"""Starts the executor that a user asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.errors import InputError
from hpsearch.executors.base import Executor, Workplace
from hpsearch.executors.resources import ResourceRequest, Resources
from hpsearch.system.signals import Interrupts

if TYPE_CHECKING:
    from hpsearch.executors.ray.start import Connection


def begin_executor(request: ResourceRequest, resources: Resources, objective: ObjectiveSection) -> Connection | None:
    """Let Ray start on this machine while the driver does other things; None if the executor needs no such Ray.

    Args:
        objective: What the workers will be given.

    Raises:
        InputError: Ray is not installed.
    """
    if request.executor == "inline" or resources.address is not None:
        return None
    _check_ray()
    from hpsearch.executors.ray.start import Connection, modules_of

    return Connection(resources, modules=modules_of(objective))


def start_executor(
    request: ResourceRequest,
    resources: Resources,
    workplace: Workplace,
    interrupts: Interrupts,
    begun: Connection | None = None,
) -> Executor:
    """Start the workers.

    Args:
        begun: From `begin_executor`; the executor closes it. None to start what is needed.

    Raises:
        InputError: Ray is not installed.
        ResourceError: The cluster can't be reached, or has no GPU.
    """
    if request.executor == "inline":
        from hpsearch.executors.inline import InlineExecutor

        return InlineExecutor(workplace, interrupts, ",".join(resources.visible_gpus))
    _check_ray()
    from hpsearch.executors.ray.executor import RayExecutor

    return RayExecutor(workplace, resources, interrupts, begun)


def _check_ray() -> None:
    try:
        import hpsearch.executors.ray.start  # noqa: F401 - whether it can be imported
    except ImportError as error:
        raise InputError(f"--executor ray: {error}; allowed: install ray, or --executor inline") from None
