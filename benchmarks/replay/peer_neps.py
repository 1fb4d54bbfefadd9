"""NePS by its ask-and-tell interface."""

from __future__ import annotations

import random
from typing import Any

from asked import Answer, Job
from curves import Task

from hpsearch.space.distributions import Range

OPTIMIZERS = {"asha": "asha", "hyperband": "async_hb", "bo": "bayesian_optimization"}
_EPOCH, _NINTH = "_epoch", 9


class NepsPeer:
    """An optimizer as it comes: those with fidelities have eta 3 and rungs from a ninth of a full training on.

    Args:
        task: What is searched.
        seed: Of the generators of Python, NumPy and torch, which NePS draws from.
        optimizer: A key of `OPTIMIZERS`.
    """

    def __init__(self, task: Task, seed: int, optimizer: str) -> None:
        import neps
        import numpy as np
        import torch

        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - NePS draws from this one
        torch.manual_seed(seed)
        axes = {name: _parameter(axis) for name, axis in task.space.parameters.items()}
        if optimizer != "bo":
            lowest = max(2, task.epochs // _NINTH)  # rounded up, it would cost a rung
            axes[_EPOCH] = neps.HPOInteger(lowest, task.epochs, is_fidelity=True)
        make = getattr(neps.algorithms, OPTIMIZERS[optimizer])
        self._asked = neps.AskAndTell(make(neps.SearchSpace(axes)))
        self._sign, self._epochs = task.sign, task.epochs
        self._out: dict[str, tuple[str, int]] = {}
        self._best: dict[str, float] = {}
        self._begun: set[str] = set()

    def job(self) -> Job:
        """Return the config that NePS wants next, until its fidelity.

        The same config goes on where it was. NePS may promote one that is still being trained: that is trained anew.
        """
        trial = self._asked.ask()
        config = dict(trial.config)
        name = trial.metadata.id.partition("_")[0]
        if name in self._out or trial.metadata.id in self._begun:
            name = trial.metadata.id
        self._begun.add(name)
        self._out[name] = (trial.metadata.id, int(config.pop(_EPOCH, self._epochs)))
        return Job(name, config)

    def told(self, trial: str, epoch: int, value: float) -> Answer:
        """Tell the best value if the fidelity is reached."""
        self._best[trial] = min(self._best.get(trial, -self._sign * value), -self._sign * value)
        if epoch < self._out[trial][1]:
            return Answer.GO_ON
        self._asked.tell(self._out.pop(trial)[0], self._best[trial])
        return Answer.LEAVE

    def finished(self, trial: str, epoch: int, value: float) -> None:
        """Tell the best value."""
        self.told(trial, epoch, value)

    def failed(self, trial: str) -> None:
        """Tell that the trial has raised."""
        self._asked.tell(self._out.pop(trial)[0], ValueError("diverged"))


def _parameter(axis: Any) -> Any:
    import neps

    if not isinstance(axis, Range):
        return neps.HPOCategorical(list(axis.names))
    return (neps.HPOInteger if axis.integer else neps.HPOFloat)(axis.low, axis.high, log=axis.log)
