"""SMAC3's multi-fidelity facade by its ask-and-tell interface."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

from asked import Answer, Job
from curves import Task

from hpsearch.space.distributions import Range

_ETA, _NINTH = 3, 9
_MANY = 1_000_000


class SmacPeer:
    """`MultiFidelityFacade` with Hyperband, budgets from a ninth of a full training (at least two epochs), and eta 3.

    SMAC trains a config anew for each budget. Here it goes on where it was, as for all others.

    Args:
        task: What is searched.
        seed: SMAC's.
    """

    def __init__(self, task: Task, seed: int) -> None:
        import smac
        from ConfigSpace import ConfigurationSpace

        self._folder = tempfile.TemporaryDirectory(prefix="replay-smac-")
        space = ConfigurationSpace(seed=seed)
        space.add([_parameter(name, axis) for name, axis in task.space.parameters.items()])
        scenario = smac.Scenario(
            space,
            deterministic=True,
            min_budget=max(2.0, task.epochs / _NINTH * (1 - 1e-9)),  # else rounding may cost a rung
            max_budget=task.epochs,
            n_trials=_MANY,
            seed=seed,
            output_directory=Path(self._folder.name),
        )
        facade = smac.MultiFidelityFacade
        hyperband = facade.get_intensifier(scenario, eta=_ETA)
        self._facade = facade(scenario, _never, intensifier=hyperband, logging_level=False, overwrite=True)
        self._sign, self._epochs = task.sign, task.epochs
        self._out: dict[tuple[Any, ...], tuple[Any, int]] = {}
        self._done: dict[tuple[Any, ...], float] = {}

    def job(self) -> Job | None:
        """Return the config that SMAC wants next, until its budget."""
        info = self._facade.ask()
        config = dict(info.config)
        key = tuple(config.values())
        self._out[key] = (info, min(math.ceil(info.budget - 1e-9), self._epochs))
        return Job(key, config)

    def told(self, trial: tuple[Any, ...], epoch: int, value: float) -> Answer:
        """Tell the value if the budget is reached."""
        if epoch < self._out[trial][1]:
            return Answer.GO_ON
        self._tell(trial, -self._sign * value)
        return Answer.LEAVE

    def finished(self, trial: tuple[Any, ...], epoch: int, value: float) -> None:
        """Tell the last value."""
        del epoch
        self._tell(trial, -self._sign * value)

    def failed(self, trial: tuple[Any, ...]) -> None:
        """Tell that the trial has crashed."""
        from smac.runhistory import StatusType

        self._tell(trial, math.inf, StatusType.CRASHED)

    def _tell(self, trial: tuple[Any, ...], cost: float, status: Any = None) -> None:
        from smac.runhistory import StatusType, TrialValue

        value = TrialValue(cost=cost, time=1.0, status=status or StatusType.SUCCESS)
        self._facade.tell(self._out.pop(trial)[0], value, save=False)


def _never(config: Any, seed: int = 0, budget: float = 0.0) -> float:
    """Stand for the function that SMAC would call; it is asked and told instead."""
    del config, seed, budget
    raise NotImplementedError


def _parameter(name: str, axis: Any) -> Any:
    from ConfigSpace import Categorical, Float, Integer

    if not isinstance(axis, Range):
        return Categorical(name, list(axis.names))
    return (Integer if axis.integer else Float)(name, (axis.low, axis.high), log=axis.log)
