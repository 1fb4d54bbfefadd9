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


class Start:
    """An executor that is still to start.

    Args:
        request: What the user asked for.
        resources: What was found for it.
    """

    def __init__(self, request: ResourceRequest, resources: Resources) -> None:
        self._request, self.resources = request, resources
        self._begun: Connection | None = None

    def begin(self, objective: ObjectiveSection) -> None:
        """Let Ray start on this machine while the driver does other things.

        Args:
            objective: What the workers will be given.

        Raises:
            InputError: Ray is not installed.
        """
        if self._request.executor == "ray" and self.resources.address is None:
            _check_ray()
            from hpsearch.executors.ray.start import Connection, modules_of

            self._begun = Connection(self.resources, modules=modules_of(objective))

    def executor(self, workplace: Workplace, interrupts: Interrupts) -> Executor:
        """Start the workers.

        Raises:
            InputError: Ray is not installed.
            ResourceError: The cluster can't be reached, or has no GPU.
        """
        if self._request.executor == "inline":
            from hpsearch.executors.inline import InlineExecutor

            gpus = self.resources.visible_gpus
            return InlineExecutor(workplace, interrupts, gpus[0] if gpus else "")
        _check_ray()
        from hpsearch.executors.ray.executor import RayExecutor

        begun, self._begun = self._begun, None  # the executor closes it
        return RayExecutor(workplace, self.resources, interrupts, begun)

    def close(self) -> None:
        """End what has begun and has become no executor."""
        if self._begun is not None:
            self._begun.close()


def _check_ray() -> None:
    try:
        import hpsearch.executors.ray.start  # noqa: F401 - whether it can be imported
    except ImportError as error:
        raise InputError(f"--executor ray: {error}; allowed: install ray, or --executor inline") from None
