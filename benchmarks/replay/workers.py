"""hpsearch's executor with simulated workers and a simulated clock: trials play recorded curves."""

from __future__ import annotations

import heapq
import itertools
import time
from dataclasses import dataclass, field

from curves import Config, Floats, Task
from traces import Trace

from hpsearch.executors.base import Task as Work
from hpsearch.trial.events import TrialEnded, TrialEvent, TrialMeasured, TrialStarted
from hpsearch.trial.trial import Key, Measurement, PredictSpec, StopReason, TrialSpec

_WORKER = "simulated:1"


@dataclass(slots=True)
class _Trial:
    """A trial that was begun.

    Attributes:
        curve: Its value after each epoch.
        history: What it has measured.
    """

    curve: Floats
    history: list[Measurement] = field(default_factory=list)


class ReplayExecutor:
    """Plays curves. An epoch takes one unit of time on a clock that jumps from event to event.

    Each poll returns one event, so that the driver decides after each as it would with real workers.

    Args:
        slots: Simulated workers.
        task: What is searched.
        trace: Counts the epochs. Its CPU time is all that passes from the first trial to the last, without the curves.

    Raises:
        TimeIsUp: From `poll`, when the epochs are spent.
    """

    def __init__(self, slots: int, task: Task, trace: Trace) -> None:
        self._task, self._trace, self._slots = task, trace, slots
        self._play = task.curves.player()
        self._trials: dict[Key, _Trial] = {}
        self._running: dict[Key, TrialSpec] = {}
        self._now = 0.0
        self._due: list[tuple[float, int, TrialSpec]] = []
        self._events: list[TrialEvent] = []
        self._order = itertools.count()
        self._since: float | None = None

    @property
    def slots(self) -> int:
        """Workers."""
        return self._slots

    @property
    def free(self) -> int:
        """Workers without a trial."""
        return self._slots - len(self._running)

    def submit(self, task: Work) -> None:
        """Start a trial, or go on with one that was paused.

        Raises:
            NotImplementedError: The task is no trial.
        """
        if isinstance(task, PredictSpec):
            raise NotImplementedError
        self._trace.decisions += 1
        if task.key not in self._trials:
            self._trace.trials += 1
            self._trials[task.key] = _Trial(self._curve(task.config))
        self._running[task.key] = task
        self._events.append(TrialStarted(**_names(task), worker=_WORKER, device="cpu"))
        self._go_on(task)

    def poll(self, timeout_s: float) -> list[TrialEvent]:
        """Return the next event, and set the clock to its time.

        Raises:
            TimeIsUp: The epochs are spent.
        """
        del timeout_s  # on this clock nothing is waited for
        if not self._events and self._due:
            self._now, _, spec = heapq.heappop(self._due)
            self._train(spec)
        return [self._events.pop(0)] if self._events else []

    def _train(self, spec: TrialSpec) -> None:
        """Train one epoch, and decide as a worker does."""
        trial = self._trials[spec.key]
        value = float(trial.curve[len(trial.history)])
        try:
            self._trace.take(value)
        finally:
            self._count()
        measurement = Measurement(epoch=len(trial.history) + 1, metrics={spec.metric: value}, seconds=1.0)
        trial.history.append(measurement)
        reason = spec.verdict(trial.history)
        self._events.append(TrialMeasured(**_names(spec), measurement=measurement, last=reason is not None))
        if reason is None:
            self._go_on(spec)
        else:
            self._end(spec, reason)

    def _go_on(self, spec: TrialSpec) -> None:
        heapq.heappush(self._due, (self._now + 1, next(self._order), spec))

    def _end(self, spec: TrialSpec, reason: StopReason) -> None:
        del self._running[spec.key]
        measured = len(self._trials[spec.key].history)
        self._events.append(TrialEnded(**_names(spec), reason=reason, worker=_WORKER, measured=measured))

    def _curve(self, config: Config) -> Floats:
        self._count()
        try:
            return self._play(config)
        finally:
            self._since = time.process_time()

    def _count(self) -> None:
        """Add the CPU time since the last call."""
        now = time.process_time()
        if self._since is not None:
            self._trace.cpu_s += now - self._since
        self._since = now

    def end(self, key: Key, reason: StopReason, detail: str) -> None:
        """Do nothing: no trial takes too long."""

    def close(self) -> None:
        """Do nothing: there is no process."""


def _names(spec: TrialSpec) -> dict[str, object]:
    return {"stage": spec.stage, "number": spec.number, "attempt": spec.attempt}
