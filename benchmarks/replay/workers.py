"""hpsearch's executor with simulated workers and a simulated clock: trials play recorded curves."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curves import Config, Floats, Task, epoch_time
from traces import Trace

from hpsearch.executors.base import Task as Work
from hpsearch.trial.events import LegEnded, TrialEnded, TrialEvent, TrialMeasured, TrialPaused, TrialStarted
from hpsearch.trial.folder import MANIFEST
from hpsearch.trial.manifest import Manifest, encode
from hpsearch.trial.trial import Answer, Decision, Key, Measurement, PredictSpec, StopReason, TrialSpec

_WORKER = "simulated:1"


@dataclass(slots=True)
class _Trial:
    """A trial that was begun.

    Attributes:
        curve: Its value after each epoch.
        takes: How long an epoch takes.
        spec: Of its last attempt.
        until: The epoch at which its leg ends.
        history: What it has measured.
    """

    curve: Floats
    takes: float
    spec: TrialSpec
    until: int = 0
    history: list[Measurement] = field(default_factory=list)


class ReplayExecutor:
    """Plays curves. Epochs take time on a clock that jumps from event to event.

    Each poll returns one event, so that the driver decides after each as it would with real workers.

    Args:
        slots: Simulated workers.
        task: What is searched.
        trace: Counts the epochs. Its CPU time is all that passes from the first trial to the last, without the curves.
        spread: Of the time that an epoch takes, as in `epoch_time`.

    Raises:
        TimeIsUp: From `poll`, when the epochs are spent.
    """

    def __init__(self, slots: int, task: Task, trace: Trace, spread: float = 0.0) -> None:
        self._trace, self._slots, self._spread = trace, slots, spread
        self._play = task.curves.player()
        self._trials: dict[Key, _Trial] = {}
        self._busy: set[Key] = set()
        self._now = 0.0
        self._due: list[tuple[float, int, _Trial]] = []
        self._events: deque[TrialEvent] = deque()
        self._order = itertools.count()
        self._since: float | None = None

    @property
    def slots(self) -> int:
        """Workers."""
        return self._slots

    @property
    def free(self) -> int:
        """Workers without a trial, as the driver knows them."""
        return self._slots - len(self._busy)

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
            takes = epoch_time(task.config, self._spread)
            self._trials[task.key] = _Trial(self._curve(task.config), takes, task)
        trial = self._trials[task.key]
        trial.spec, trial.until = task, task.until or task.epochs
        self._busy.add(task.key)
        self._events.append(TrialStarted(**_names(task), worker=_WORKER, device="cpu"))
        self._go_on(trial)

    def poll(self, timeout_s: float) -> list[TrialEvent]:
        """Return the next event, and set the clock to its time.

        Raises:
            TimeIsUp: The epochs are spent.
        """
        del timeout_s  # on this clock nothing is waited for
        if not self._events and self._due:
            self._now, _, trial = heapq.heappop(self._due)
            self._train(trial)
        if not self._events:
            return []
        event = self._events.popleft()
        if isinstance(event, TrialEnded | TrialPaused):
            self._busy.discard(event.key)
        return [event]

    def answer(self, key: Key, answer: Answer) -> None:
        """Have a trial whose leg has ended go on, end or pause."""
        trial = self._trials[key]
        if answer.until is not None:
            self._trace.decisions += 1
            trial.until = answer.until
            self._go_on(trial)
        elif answer.decision.reason is not None:
            self._end(trial, answer.decision)
        else:
            _commit(trial)
            self._events.append(TrialPaused(**_names(trial.spec), worker=_WORKER))

    def _train(self, trial: _Trial) -> None:
        """Train one epoch, and decide as a worker does."""
        spec, epoch = trial.spec, len(trial.history) + 1
        value = float(trial.curve[epoch - 1])
        try:
            self._trace.take(value)
        finally:
            self._count()
        measurement = Measurement(epoch=epoch, metrics={spec.metric: value}, seconds=1.0)
        trial.history.append(measurement)
        decision = spec.verdict(trial.history)
        over = decision.reason is not None
        self._events.append(TrialMeasured(**_names(spec), measurement=measurement, last=over))
        if over:
            self._end(trial, decision)
        elif epoch >= trial.until:
            self._events.append(LegEnded(**_names(spec), epoch=epoch, saved=epoch))
        else:
            self._go_on(trial)

    def _go_on(self, trial: _Trial) -> None:
        heapq.heappush(self._due, (self._now + trial.takes, next(self._order), trial))

    def _end(self, trial: _Trial, decision: Decision) -> None:
        if trial.spec.attempt > 1:
            _commit(trial, decision)
        reason, measured = decision.reason or StopReason.FINISHED, len(trial.history)
        names = _names(trial.spec)
        self._events.append(TrialEnded(**names, reason=reason, why=decision.words, worker=_WORKER, measured=measured))

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


def _names(spec: TrialSpec) -> dict[str, Any]:
    return {"stage": spec.stage, "number": spec.number, "attempt": spec.attempt}


def _commit(trial: _Trial, decision: Decision | None = None) -> None:
    """Write a manifest as a worker does. The driver reads it for what an earlier attempt has measured."""
    spec = trial.spec
    manifest = Manifest(
        stage=spec.stage,
        trial=spec.number,
        attempt=spec.attempt,
        seed=spec.seed,
        config=spec.config,
        worker=_WORKER,
        measurements=tuple(trial.history),
        reason=None if decision is None else decision.reason,
    )
    folder = Path(spec.folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_bytes(encode(manifest))
