"""The one loop that keeps workers busy: it feeds them, polls them, retries lost tasks and ends late ones."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from hpsearch.driver.session import Session
from hpsearch.executors.base import Executor, Task
from hpsearch.trial.events import Notice, TrialEvent, TrialMeasured, WorkerLost
from hpsearch.trial.trial import Key, StopReason

_POLL_S = 0.2
_GATHER_S = 0.1  # what no worker waits for is written at most this often
_FLUSH_S = 1.0  # and at least this often while news come without a pause


class Progress(Enum):
    """What an event means for its task.

    Attributes:
        ONGOING: It goes on.
        BEGUN: It had to wait until now; its time limit counts from here.
        DONE: It is over.
        AGAIN: It is over, and is sent once more. That is no retry: its worker is well.
    """

    ONGOING = auto()
    BEGUN = auto()
    DONE = auto()
    AGAIN = auto()


class Work(Protocol):
    """What the tasks are, and what comes of them. The runner knows a task by its key alone."""

    @property
    def waiting(self) -> bool:
        """Whether `next` may have a task now."""
        ...

    def next(self) -> Task | None:
        """Make the next task for a worker that is free; None if there is none now."""
        ...

    def again(self, key: Key) -> Task:
        """Make a task once more, for a retry."""
        ...

    def heard(self, event: TrialEvent) -> Progress:
        """Take in what the worker of a task says."""
        ...

    def had_ended(self, key: Key) -> bool:
        """Return whether a task whose worker was lost had left all that was wanted of it."""
        ...

    def given_up(self, event: WorkerLost, message: str) -> None:
        """Take in that a task's worker was lost once more than it is retried; the message says so."""
        ...

    def name(self, key: Key) -> str:
        """Return what messages call a task."""
        ...


@dataclass(slots=True)
class _Out:
    """A task that is out.

    Attributes:
        sent: When it was sent out, or when its wait was over.
        heard: When its worker spoke last; None until it has loaded.
    """

    task: Task
    sent: float
    heard: float | None = None


class TaskRunner:
    """Runs tasks on the session's workers.

    Args:
        session: The study, whose `faults` say how often a task is retried and how long it may take.
        work: Makes the tasks, and takes in what comes of them.
        clock: Seconds, monotonic; tests give their own.
    """

    def __init__(self, session: Session, work: Work, clock: Callable[[], float] = time.monotonic) -> None:
        self._session, self._work, self._clock = session, work, clock
        self._store, self._faults = session.study.store, session.study.config.faults
        self._again: deque[Key] = deque()
        self._out: dict[Key, _Out] = {}
        self._retries: Counter[Key] = Counter()
        self._flushed = clock()

    def run(self) -> None:
        """Run tasks to their end, as workers become free for them. Without tasks no worker is started.

        Raises:
            StudyError: The store can't be written, or workers don't start.
            Interrupted: A signal came.
        """
        if not self._work.waiting:
            return
        self._session.check()  # before workers are started
        executor = self._session.executor()
        try:
            while self._work.waiting or self._again or self._out:
                self._session.check()
                self._feed(executor)
                for event in self._news(executor):
                    self._handle(event)
                self._end_late(executor)
        finally:
            self._store.flush()

    def _feed(self, executor: Executor) -> None:
        """Give each free worker a task; those that are retried come first."""
        while executor.free:
            task = self._work.again(self._again.popleft()) if self._again else self._work.next()
            if task is None:
                return
            self._out[task.key] = _Out(task, sent=self._clock())
            executor.submit(task)

    def _news(self, executor: Executor) -> Iterator[TrialEvent | Notice]:
        """Yield what has happened. No worker waits until it is stored: that is done when none has news."""
        # One worker alone gives nothing to gather, and the inline executor works while it is polled.
        gather_s = _GATHER_S if executor.slots > 1 else 0.0
        due_s = max(0.0, self._flushed + gather_s - self._clock())
        found = executor.poll(min(due_s, _POLL_S) if self._store.pending else _POLL_S)
        yield from found
        age_s = self._clock() - self._flushed
        if self._store.pending and (age_s >= _FLUSH_S or (age_s >= gather_s and not found)):
            self._store.flush()
            self._flushed = self._clock()

    def _handle(self, event: TrialEvent | Notice) -> None:
        if isinstance(event, Notice):
            self._session.publish(event)
            return
        out = self._out.get(event.key)
        if out is None or event.attempt != out.task.attempt:
            return  # an older attempt may speak on after its successor was sent out
        if isinstance(event, WorkerLost):
            del self._out[event.key]
            self._lost(event)
            return
        out.heard = self._clock() + (event.ending_s if isinstance(event, TrialMeasured) else 0.0)
        progress = self._work.heard(event)
        if progress is Progress.BEGUN:
            out.sent = out.heard
        elif progress is not Progress.ONGOING:
            del self._out[event.key]
        if progress is Progress.AGAIN:
            self._again.append(event.key)

    def _lost(self, event: WorkerLost) -> None:
        """Retry a task whose worker was lost, up to `max_retries` times."""
        if self._work.had_ended(event.key):
            return
        self._retries[event.key] += 1
        most = self._faults.max_retries
        what = f"{self._work.name(event.key)}: its worker ended ({event.reason}: {event.detail})"
        if self._retries[event.key] > most:
            self._work.given_up(event, f"{what}; given up after {most} {'retry' if most == 1 else 'retries'}")
            return
        self._session.publish(Notice(message=f"{what}; tried again on another"))
        self._again.append(event.key)

    def _end_late(self, executor: Executor) -> None:
        """End the workers of tasks that exceed a time limit."""
        now = self._clock()
        for out in self._out.values():
            for limit, since, name in (
                (self._faults.epoch_timeout_s, out.heard, "epoch_timeout_s"),
                (self._faults.trial_timeout_s, out.sent, "trial_timeout_s"),
            ):
                if limit is not None and since is not None and now - since > limit:
                    out.heard = out.sent = now  # once is enough
                    executor.end(out.task.key, StopReason.TIMEOUT, f"longer than {name}, {limit:g} s")
                    break
