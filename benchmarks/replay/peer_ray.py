"""Ray Tune's schedulers, with its random sampling. They are called as Tune's controller calls them."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from asked import Answer, Job
from curves import Task

from hpsearch.space.distributions import Range

SCHEDULERS = ("fifo", "asha", "asha-ninth", "hyperband")
_EPOCH, _VALUE = "training_iteration", "value"
_LEAST_PENDING = 16  # trials that Tune makes ahead, with a few workers


class RayPeer:
    """Trials of `tune.TuneConfig(scheduler=...)` with random search, and no limit to their number.

    It also stands for the controller, which the schedulers ask for the trials and tell which ones to end.

    Args:
        task: What is searched.
        seed: Of the random configs, and of what the scheduler draws.
        scheduler: One of `SCHEDULERS`.
    """

    def __init__(self, task: Task, seed: int, scheduler: str) -> None:
        from ray.tune.experiment import Trial

        logging.getLogger("ray.tune").setLevel(logging.ERROR)
        self._new, self._rng = Trial, np.random.RandomState(seed)
        self._axes = {name: _domain(axis) for name, axis in task.space.parameters.items()}
        self._scheduler = _scheduler(scheduler, task)
        self._trials: dict[str, Any] = {}
        self._last: dict[str, dict[str, Any]] = {}

    def job(self) -> Job | None:
        """Return the trial that the scheduler chooses among those that are pending or paused."""
        live = self.get_live_trials()
        for _ in range(sum(trial.status == self._new.PENDING for trial in live), _LEAST_PENDING):
            self._add()
        trial = self._scheduler.choose_trial_to_run(self)
        if trial is None:
            return None
        trial.set_status(self._new.RUNNING)
        return Job(trial.trial_id, trial.config)

    def told(self, trial: str, epoch: int, value: float) -> Answer:
        """Give the scheduler a result, and do what it says."""
        from ray.tune.schedulers import TrialScheduler

        one = self._trials[trial]
        answer = self._scheduler.on_trial_result(self, one, self._result(trial, epoch, value))
        if answer == TrialScheduler.CONTINUE:
            return Answer.GO_ON
        if answer == TrialScheduler.PAUSE:
            one.set_status(self._new.PAUSED)
        else:
            self.stop_trial(one)
        return Answer.LEAVE

    def finished(self, trial: str, epoch: int, value: float) -> None:
        """Give the scheduler the last result; a trial that it would pause or let go on has ended by itself."""
        result, one = self._result(trial, epoch, value), self._trials[trial]
        self._scheduler.on_trial_result(self, one, result)
        self.stop_trial(one)

    def failed(self, trial: str) -> None:
        """Tell the scheduler that a trial has raised."""
        one = self._trials.pop(trial)
        self._scheduler.on_trial_error(self, one)
        one.set_status(self._new.ERROR)

    # What the schedulers ask of the controller.

    def get_trials(self) -> list[Any]:
        """Return all trials that have not ended."""
        return list(self._trials.values())

    def get_live_trials(self) -> list[Any]:
        """Return all trials that have not ended."""
        return self.get_trials()

    def stop_trial(self, trial: Any) -> None:
        """End a trial; a scheduler may end a paused one."""
        self._trials.pop(trial.trial_id, None)
        if trial.status == self._new.RUNNING:
            self._scheduler.on_trial_complete(self, trial, self._last[trial.trial_id])
        else:
            self._scheduler.on_trial_remove(self, trial)
        trial.set_status(self._new.TERMINATED)

    def _add(self) -> None:
        config = {name: domain.sample(random_state=self._rng) for name, domain in self._axes.items()}
        trial = self._new("replay", config=config, stub=True)
        self._trials[trial.trial_id] = trial
        self._scheduler.on_trial_add(self, trial)

    def _result(self, trial: str, epoch: int, value: float) -> dict[str, Any]:
        self._last[trial] = {_EPOCH: epoch, _VALUE: value}
        return self._last[trial]


def _domain(axis: Any) -> Any:
    from ray import tune

    if not isinstance(axis, Range):
        return tune.choice(list(axis.names))
    if axis.integer:
        return (tune.lograndint if axis.log else tune.randint)(int(axis.low), int(axis.high) + 1)
    return (tune.loguniform if axis.log else tune.uniform)(axis.low, axis.high)


def _scheduler(name: str, task: Task) -> Any:
    from ray.tune import schedulers

    given = {"time_attr": _EPOCH, "metric": _VALUE, "mode": "max" if task.maximize else "min"}
    match name:
        case "fifo":
            return schedulers.FIFOScheduler()
        case "asha":
            return schedulers.ASHAScheduler(max_t=task.epochs, **given)
        case "asha-ninth":
            grace = max(2, round(task.epochs / 9))
            return schedulers.ASHAScheduler(max_t=task.epochs, grace_period=grace, reduction_factor=3, **given)
        case _:
            return schedulers.HyperBandScheduler(max_t=task.epochs, **given)
