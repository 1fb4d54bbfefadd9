"""An executor with simulated workers: their epochs take time, or none, but no work."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable

from hpsearch.executors.base import Task
from hpsearch.trial.events import TrialEnded, TrialEvent, TrialMeasured, TrialStarted
from hpsearch.trial.trial import Answer, Key, Measurement, PredictSpec, StopReason, TrialSpec

_SPREAD = 0.4  # the spread of the trials' speeds, as a share of the mean, so that workers don't stay in step


class TimeIsUp(Exception):  # noqa: N818 - nothing is wrong
    """The measurement of the driver is over."""


class SimulatedExecutor:
    """Gives the events of trials at the times of real workers.

    Args:
        slots: Workers.
        epoch_s: Mean length of an epoch; 0 ends a trial as it begins.
        ends_at: When to stop, by `time.monotonic`; None for never.

    Attributes:
        waits: How long workers waited for each trial but their first, in seconds: from the end of one to the next.
        began: When all workers had got their first trial, by `time.monotonic`; None before.
    """

    def __init__(self, slots: int, epoch_s: float = 0.0, ends_at: Callable[[], float | None] = lambda: None) -> None:
        self._epoch_s, self._ends_at = epoch_s, ends_at
        self._due: list[tuple[float, int, TrialEvent]] = []
        self._order = itertools.count()
        self._freed: list[float | None] = [None] * slots  # when each free worker ended its last trial
        self._slots = slots
        self.waits: list[float] = []
        self.began: float | None = None

    @property
    def slots(self) -> int:
        """Workers."""
        return self._slots

    @property
    def free(self) -> int:
        """Workers without a trial, as the driver knows them."""
        return len(self._freed)

    def waiting_s(self, now: float) -> float:
        """Return the total seconds that the workers without a trial have waited so far."""
        return sum(now - freed for freed in self._freed if freed is not None and freed < now)

    def submit(self, task: Task) -> None:
        """Start a trial.

        Raises:
            NotImplementedError: The task is no trial.
        """
        if isinstance(task, PredictSpec):
            raise NotImplementedError
        now = time.monotonic()
        freed = self._freed.pop()
        if freed is not None:
            self.waits.append(now - freed)
        elif self.began is None and not self._freed:
            self.began = now
        for after_s, event in _events(task, self._epoch_s):
            heapq.heappush(self._due, (now + after_s, next(self._order), event))

    def answer(self, key: Key, answer: Answer) -> None:
        """Do nothing: the simulated trials have one leg."""

    def poll(self, timeout_s: float) -> list[TrialEvent]:
        """Return the events so far; without any, wait for at most the timeout.

        Raises:
            TimeIsUp: The measurement is over.
        """
        now = time.monotonic()
        ends_at = self._ends_at()
        if ends_at is not None and now > ends_at:
            raise TimeIsUp
        if timeout_s and self._due and self._due[0][0] > now:
            time.sleep(min(timeout_s, self._due[0][0] - now))
            now = time.monotonic()
        happened = []
        while self._due and self._due[0][0] <= now:
            due, _, event = heapq.heappop(self._due)
            if isinstance(event, TrialEnded):
                self._freed.append(due)
            happened.append(event)
        return happened

    def end(self, key: Key, reason: StopReason, detail: str) -> None:
        """Do nothing: no trial takes too long."""

    def close(self) -> None:
        """Do nothing: there is no process."""


def _events(spec: TrialSpec, epoch_s: float) -> list[tuple[float, TrialEvent]]:
    """Return the events of a trial, each with its time in seconds."""
    speed = spec.seed % 9973 / 9973
    epoch_s *= 1 + _SPREAD * (speed - 0.5)
    names = {"stage": spec.stage, "number": spec.number, "attempt": spec.attempt}
    measurements = tuple(
        Measurement(epoch=epoch, metrics={spec.metric: speed * epoch / spec.epochs}, seconds=epoch_s or 0.001)
        for epoch in range(1, spec.epochs + 1)
    )
    worker = "simulated:1"
    events: list[tuple[float, TrialEvent]] = [(0.0, TrialStarted(**names, worker=worker, device="cpu"))]
    events += [(m.epoch * epoch_s, TrialMeasured(**names, measurement=m)) for m in measurements]
    ended = TrialEnded(**names, reason=StopReason.FINISHED, worker=worker, measured=len(measurements))
    return [*events, (spec.epochs * epoch_s, ended)]
