"""What a study found after how many epochs."""

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from curves import Reference, Task


class TimeIsUp(Exception):  # noqa: N818 - nothing is wrong
    """The epochs of a study are spent."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What studies have in common.

    Attributes:
        workers: Simulated ones.
        trainings: How many full trainings the epochs of a study are worth.
        spread: Of the time that an epoch takes, as in `epoch_time`.
    """

    workers: int
    trainings: float
    spread: float = 0.0

    def trace(self, task: Task) -> Trace:
        """Return a trace that ends a study when its epochs are spent."""
        return Trace(task, math.ceil(self.trainings * task.epochs))


class Trace:
    """Counts epochs and keeps the best value seen.

    Args:
        task: Whose values come.
        epochs: How many a study may take in all.

    Attributes:
        spent: Epochs so far.
        steps: The number of epochs at which a new best value came, and that value.
        decisions: How often a worker was given something to do.
        trials: Trials that were begun.
        cpu_s: CPU time of what decides.
    """

    def __init__(self, task: Task, epochs: int) -> None:
        self._sign, self._most = task.sign, epochs
        self.spent = self.decisions = self.trials = 0
        self.steps: list[tuple[int, float]] = []
        self.cpu_s = 0.0

    def take(self, value: float) -> None:
        """Count an epoch and its value.

        Raises:
            TimeIsUp: All epochs have been spent before.
        """
        if self.spent >= self._most:
            raise TimeIsUp
        self.spent += 1
        if math.isfinite(value) and (not self.steps or self._sign * (value - self.steps[-1][1]) > 0):
            self.steps.append((self.spent, value))

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Count the CPU time inside."""
        began = time.process_time()
        try:
            yield
        finally:
            self.cpu_s += time.process_time() - began


@dataclass(frozen=True, kw_only=True)
class Result:
    """One study.

    Attributes:
        epochs: Of a full training.
        spent: Epochs in all.
        steps: The number of epochs at which the regret fell, and the regret from there on, in percent.
        decisions: How often a worker was given something to do.
        trials: Trials that were begun.
        cpu_s: CPU time of what decides.
    """

    method: str
    task: str
    family: str
    seed: int
    epochs: int
    spent: int
    steps: tuple[tuple[int, float], ...]
    decisions: int
    trials: int
    cpu_s: float

    @classmethod
    def of(cls, trace: Trace, method: str, task: Task, seed: int, reference: Reference) -> Result:
        """Return the result of a study that has ended."""
        return cls(
            method=method,
            task=task.name,
            family=task.family,
            seed=seed,
            epochs=task.epochs,
            spent=trace.spent,
            steps=tuple((spent, round(reference.regret(value), 4)) for spent, value in trace.steps),
            decisions=trace.decisions,
            trials=trace.trials,
            cpu_s=trace.cpu_s,
        )

    def regret_at(self, trainings: float) -> float:
        """Return the regret, in percent, after as many epochs as this number of full trainings has."""
        at = bisect.bisect_right(self.steps, trainings * self.epochs + 1e-9, key=lambda step: step[0])
        return self.steps[at - 1][1] if at else 100.0

    @property
    def key(self) -> tuple[str, str, int]:
        """What names the study."""
        return self.method, self.task, self.seed
