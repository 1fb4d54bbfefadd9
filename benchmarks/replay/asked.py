"""Plays a peer's study: simulated workers ask it what to do, and tell it what they measure."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from curves import Floats, Task, epoch_time
from traces import TimeIsUp, Trace


class Answer(Enum):
    """What comes of a trial after an epoch.

    Attributes:
        GO_ON: It trains on.
        LEAVE: Its worker is free. The peer may name it again, and then it goes on where it was.
    """

    GO_ON = auto()
    LEAVE = auto()


@dataclass(frozen=True, slots=True)
class Job:
    """What a free worker does next.

    Attributes:
        trial: Its name.
        config: Its parameters; they count when the name is new.
    """

    trial: Any
    config: Mapping[str, Any]


class Peer(Protocol):
    """A peer's study, in its own code. Each call is a decision whose CPU time counts."""

    def job(self) -> Job | None:
        """Return what a free worker does; None if it has to wait until another one has told something."""
        ...

    def told(self, trial: Any, epoch: int, value: float) -> Answer:
        """Take a value, which is finite, after an epoch that is not the last one of a full training."""
        ...

    def finished(self, trial: Any, epoch: int, value: float) -> None:
        """Take the value after the last epoch of a full training."""
        ...

    def failed(self, trial: Any) -> None:
        """Take that a trial has diverged."""
        ...


@dataclass(slots=True)
class _Trial:
    name: Any
    curve: Floats
    takes: float
    done: int = 0


class Simulation:
    """Workers that train for a peer. Epochs take time; to pause and to go on takes none.

    Args:
        peer: Decides.
        task: What is searched.
        workers: How many there are.
        trace: Counts the epochs.
        spread: Of the time that an epoch takes, as in `epoch_time`.
    """

    def __init__(self, peer: Peer, task: Task, workers: int, trace: Trace, spread: float = 0.0) -> None:
        self._peer, self._task, self._trace, self._spread = peer, task, trace, spread
        self._free, self._now = workers, 0.0
        self._play = task.curves.player()
        self._trials: dict[Any, _Trial] = {}
        self._due: list[tuple[float, int, _Trial]] = []
        self._order = itertools.count()

    def run(self) -> None:
        """Train until the epochs are spent, or until no worker has anything to do."""
        try:
            self._feed()
            while self._due:
                self._now, _, trial = heapq.heappop(self._due)
                self._train(trial)
                self._feed()
        except TimeIsUp:
            return

    def _feed(self) -> None:
        while self._free:
            with self._trace.deciding():
                job = self._peer.job()
            if job is None:
                return
            self._trace.decisions += 1
            if job.trial not in self._trials:
                self._trace.trials += 1
                takes = epoch_time(job.config, self._spread)
                self._trials[job.trial] = _Trial(job.trial, self._play(job.config), takes)
            self._free -= 1
            self._go_on(self._trials[job.trial])

    def _go_on(self, trial: _Trial) -> None:
        heapq.heappush(self._due, (self._now + trial.takes, next(self._order), trial))

    def _train(self, trial: _Trial) -> None:
        value = float(trial.curve[trial.done])
        trial.done += 1
        self._trace.take(value)
        with self._trace.deciding():
            answer = self._tell(trial, value)
        if answer is Answer.GO_ON:
            self._go_on(trial)
        else:
            self._free += 1

    def _tell(self, trial: _Trial, value: float) -> Answer:
        if not math.isfinite(value):
            self._peer.failed(trial.name)
        elif trial.done == self._task.epochs:
            self._peer.finished(trial.name, trial.done, value)
        else:
            return self._peer.told(trial.name, trial.done, value)
        return Answer.LEAVE
