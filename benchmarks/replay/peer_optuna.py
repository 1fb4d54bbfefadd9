"""Optuna's samplers and pruners by its ask-and-tell interface."""

from __future__ import annotations

import warnings
from typing import Any

from asked import Answer, Job
from curves import Task

SAMPLERS = {"random": "RandomSampler", "tpe": "TPESampler", "gp": "GPSampler"}
PRUNERS = ("none", "median", "hyperband", "halving")


class OptunaPeer:
    """A study in memory. A trial that was not pruned is told its best value, as hpsearch counts it.

    Args:
        task: What is searched.
        seed: The sampler's.
        sampler: A key of `SAMPLERS`.
        pruner: One of `PRUNERS`, as it comes, but Hyperband knows the epochs of a full training.
    """

    def __init__(self, task: Task, seed: int, sampler: str, pruner: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        self._study = optuna.create_study(
            study_name=f"{task.name}-{seed}",  # Hyperband chooses brackets by it
            direction="maximize" if task.maximize else "minimize",
            sampler=getattr(optuna.samplers, SAMPLERS[sampler])(seed=seed),
            pruner=_pruner(pruner, task.epochs),
        )
        self._axes = {name: axis.to_optuna() for name, axis in task.space.parameters.items()}
        self._sign, self._pruned = task.sign, optuna.trial.TrialState.PRUNED
        self._failed = optuna.trial.TrialState.FAIL
        self._trials: dict[int, Any] = {}
        self._best: dict[int, float] = {}

    def job(self) -> Job:
        """Return a new trial."""
        trial = self._study.ask(self._axes)
        self._trials[trial.number] = trial
        return Job(trial.number, trial.params)

    def told(self, trial: int, epoch: int, value: float) -> Answer:
        """Report a value, and ask whether the trial is pruned."""
        self._report(trial, epoch, value)
        if not self._trials[trial].should_prune():
            return Answer.GO_ON
        self._study.tell(self._trials.pop(trial), state=self._pruned)
        return Answer.LEAVE

    def finished(self, trial: int, epoch: int, value: float) -> None:
        """Report the last value, and tell the best one."""
        self._report(trial, epoch, value)
        self._study.tell(self._trials.pop(trial), self._best[trial])

    def failed(self, trial: int) -> None:
        """Tell that the trial has failed."""
        self._study.tell(self._trials.pop(trial), state=self._failed)

    def _report(self, trial: int, epoch: int, value: float) -> None:
        self._trials[trial].report(value, epoch)
        known = self._best.get(trial, value)
        self._best[trial] = value if self._sign * (value - known) > 0 else known


def _pruner(name: str, epochs: int) -> Any:
    from optuna import pruners

    match name:
        case "none":
            return pruners.NopPruner()
        case "median":
            return pruners.MedianPruner()
        case "hyperband":
            return pruners.HyperbandPruner(max_resource=epochs)
        case _:
            return pruners.SuccessiveHalvingPruner()
