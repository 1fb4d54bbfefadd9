"""syne-tune's schedulers, called as its tuner calls them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from asked import Answer, Job
from curves import Task

from hpsearch.space.distributions import Range

_PROMOTION = "-promotion"
_CLASSES = {"asha": "ASHA", "mobster": "MOBSTER", "hypertune": "HyperTune"}
SCHEDULERS = {
    **{name + how: made for name, made in _CLASSES.items() for how in ("", _PROMOTION)},
    "dyhpo": "DyHPO",
}
_EPOCH, _VALUE, _BRACKETS = "epoch", "value", 4


class SynePeer:
    """A scheduler as it comes: rungs from the first epoch on with eta 3, and it stops trials or promotes them.

    Hyper-Tune has 4 brackets.

    Args:
        task: What is searched.
        seed: The scheduler's.
        scheduler: A key of `SCHEDULERS`.
    """

    def __init__(self, task: Task, seed: int, scheduler: str) -> None:
        from syne_tune.backend.trial_status import Trial
        from syne_tune.optimizer import baselines

        logging.disable(logging.WARNING)  # each decision has a line
        space = {name: _domain(axis) for name, axis in task.space.parameters.items()}
        given: dict[str, Any] = {"mode": "max" if task.maximize else "min", "max_t": task.epochs, "random_seed": seed}
        if scheduler.endswith(_PROMOTION):
            given["type"] = "promotion"
        if scheduler.startswith("hypertune"):
            given["brackets"] = _BRACKETS
        make = getattr(baselines, SCHEDULERS[scheduler])
        self._scheduler = make(space, metric=_VALUE, resource_attr=_EPOCH, **given)
        self._new, self._trials, self._last = Trial, dict[int, Any](), dict[int, dict[str, Any]]()

    def job(self) -> Job | None:
        """Return a new trial, or a paused one that the scheduler lets go on."""
        number = len(self._trials)
        suggestion = self._scheduler.suggest(number)
        if suggestion is None:
            return None
        if suggestion.spawn_new_trial_id:
            began = datetime.now(tz=UTC)
            self._trials[number] = self._new(number, suggestion.config, began)
            self._scheduler.on_trial_add(self._trials[number])
            return Job(number, suggestion.config)
        trial = self._trials[suggestion.checkpoint_trial_id]
        return Job(trial.trial_id, trial.config)

    def told(self, trial: int, epoch: int, value: float) -> Answer:
        """Give the scheduler a result, and do what it says."""
        from syne_tune.optimizer.scheduler import SchedulerDecision

        one = self._trials[trial]
        self._last[trial] = {_EPOCH: epoch, _VALUE: value}
        decision = self._scheduler.on_trial_result(one, self._last[trial])
        if decision == SchedulerDecision.CONTINUE:
            return Answer.GO_ON
        self._scheduler.on_trial_remove(one)
        return Answer.LEAVE

    def finished(self, trial: int, epoch: int, value: float) -> None:
        """Give the scheduler the last result; if it does not end the trial there, it is told that it has ended."""
        if self.told(trial, epoch, value) is Answer.GO_ON:
            self._scheduler.on_trial_complete(self._trials[trial], self._last[trial])

    def failed(self, trial: int) -> None:
        """Tell the scheduler that a trial has failed."""
        self._scheduler.on_trial_error(self._trials[trial])


def _domain(axis: Any) -> Any:
    from syne_tune import config_space

    if not isinstance(axis, Range):
        return config_space.choice(list(axis.names))
    if axis.integer:
        return (config_space.lograndint if axis.log else config_space.randint)(int(axis.low), int(axis.high))
    return (config_space.loguniform if axis.log else config_space.uniform)(axis.low, axis.high)
