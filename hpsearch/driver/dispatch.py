"""Trains a stage's trials on the workers and stores what happens.

It first adopts what workers committed while no driver lived, so that nothing in a manifest is trained again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from hpsearch.driver.adoption import committed, warn_if_fruitless
from hpsearch.driver.bugs import BugWatch
from hpsearch.driver.checkpoints import CheckpointCleaner
from hpsearch.driver.code_drift import CodeDrift
from hpsearch.driver.session import Session
from hpsearch.driver.tasks import Progress, TaskRunner
from hpsearch.space.space import Space
from hpsearch.trial.events import (
    Notice,
    TrialEnded,
    TrialEvent,
    TrialMeasured,
    TrialScored,
    TrialStarted,
    WorkerLost,
)
from hpsearch.trial.folder import attempt_folders
from hpsearch.trial.trial import Decision, Key, Measurement, Stage, State, StopReason, StopRule, TrialRecord, TrialSpec

Plan = Callable[[int], TrialRecord | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class _End:
    """How a trial ended.

    Attributes:
        decision: Why.
        history: All its measurements.
        error: What the objective raised, in a line.
        traceback: The same as a whole.
    """

    decision: Decision
    history: Sequence[Measurement]
    worker: str | None
    error: str | None
    traceback: str | None = None


class Dispatcher:
    """Trains the trials of one stage.

    Args:
        session: The study.
        stage: Whose trials these are.
        rules: The rules that a worker applies after each epoch.
        epochs: Full length of the trials; None for the objective's.
        space: The space that their params are drawn from; None for the study's.
        clock: Seconds, monotonic; tests give their own.
    """

    def __init__(
        self,
        session: Session,
        stage: Stage,
        rules: tuple[StopRule, ...],
        *,
        epochs: int | None = None,
        space: Space | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session, self._stage, self._rules = session, stage, rules
        self._store, self._config = session.study.store, session.study.config
        self._epochs = epochs or self._config.objective.epochs
        self._space = space or self._config.space
        self._runner = TaskRunner(session, self, clock)
        self._cleaner = CheckpointCleaner(session)
        self._code = CodeDrift(session)
        self._bugs = BugWatch(min(self._config.faults.max_identical_errors, session.trials))
        self._known: set[int] = set()
        self._plan: Plan = lambda _: None
        self._alone: set[int] = set()
        self._heard: dict[int, list[Measurement]] = {}
        ended = [r.value for r in self._store.records(stage) if r.eligible and r.value is not None]
        best = self._config.direction.best(ended)
        self._best = None if best is None else best[1]

    def run(self, numbers: Iterable[int], plan: Plan) -> None:
        """Run trials to their end: first those that were running when an earlier driver ended, then new ones.

        Args:
            numbers: The numbers of all trials of the stage, ascending; those that have ended are skipped.
            plan: Called with a number that is not in the store yet, once a worker is free. It returns the trial as a
                record with params and seed, or None, which ends the stage with the trials before.

        Raises:
            StudyError: The store can't be written, workers don't start, or the objective has a bug.
            Interrupted: A signal came.
        """
        self._plan = plan
        known = {record.number: record for record in self._store.records(self._stage)}
        self._known = set(known)
        wanted = [number for number in numbers if number not in known]
        unfinished = []
        for record in known.values():
            if record.state is State.RUNNING and not self._adopt(record):
                warn_if_fruitless(self._session, record)
                unfinished.append(record.number)
        self._runner.run((self._stage, number) for number in [*unfinished, *wanted])

    # What the runner asks of its work.

    def task(self, key: Key) -> TrialSpec | None:
        """Store the next attempt at a trial, and return what a worker needs for it."""
        _, number = key
        if number in self._known:
            attempt = self._store.record(self._stage, number).attempt + 1
            self._store.start_attempt(self._stage, number, attempt)
        else:
            planned = self._plan(number)
            if planned is None:
                return None
            self._store.create_trial(replace(planned, attempt=1, code=self._code.latest), self._space)
            self._known.add(number)
        self._heard[number] = []
        return self._spec(self._store.record(self._stage, number))

    def heard(self, event: TrialEvent) -> Progress:
        """Store what a worker says of its trial."""
        if isinstance(event, TrialEnded):
            return self._ended(event)
        if isinstance(event, TrialStarted):
            self._code.trial_started(event)
        elif isinstance(event, TrialMeasured):
            metric, measurement = self._config.metric, event.measurement
            self._store.add_measurement(self._stage, event.number, measurement, metric)
            self._heard[event.number].append(replace(measurement, metrics={metric: measurement.metrics[metric]}))
        self._session.publish(event)
        # A trial that has its GPU alone has waited for the others there until it started.
        waited = isinstance(event, TrialStarted) and event.number in self._alone
        return Progress.BEGUN if waited else Progress.ONGOING

    def had_ended(self, key: Key) -> bool:
        """Adopt what a lost worker committed; return whether that was all of the trial."""
        return self._adopt(self._store.record(*key))

    def given_up(self, event: WorkerLost, message: str) -> None:
        """End a trial whose worker was lost too often."""
        self._session.publish(Notice(message=message))
        record = self._store.record(*event.key)
        manifest = committed(self._session, record)
        history = () if manifest is None else manifest.measurements
        end = _End(decision=Decision(event.reason), history=history, worker=record.worker, error=event.detail)
        self._end(event.number, end)

    def name(self, key: Key) -> str:
        """Return what messages call a trial."""
        return f"trial {key[1]}"

    def _spec(self, record: TrialRecord) -> TrialSpec:
        own, *earlier = map(str, attempt_folders(self._session.study.folder, record))
        return TrialSpec(
            stage=record.stage,
            number=record.number,
            config=self._config.space.config_of(record.params),
            seed=record.seed,
            attempt=record.attempt,
            epochs=self._epochs,
            metric=self._config.metric,
            direction=self._config.direction,
            folder=own,
            earlier=tuple(earlier),
            rules=self._rules,
            alone=record.number in self._alone,
        )

    def _adopt(self, record: TrialRecord) -> bool:
        """Store what earlier attempts committed; return whether that was all of the trial."""
        manifest = committed(self._session, record)
        if manifest is None:
            return False
        history = manifest.measurements
        decision = self._spec(record).verdict(history)
        if manifest.reason is not None:
            decision = Decision(manifest.reason, manifest.why)
        if decision.reason is None:
            for measurement in history:
                self._store.add_measurement(self._stage, record.number, measurement, self._config.metric)
            return False
        if manifest.attempt != record.attempt:
            # That attempt has the checkpoint to keep: a later one was sent out, and committed nothing.
            self._store.start_attempt(self._stage, record.number, manifest.attempt)
        end = _End(
            decision=decision,
            history=history,
            worker=manifest.worker,
            error=manifest.error,
            traceback=manifest.traceback,
        )
        self._end(record.number, end)
        return True

    def _ended(self, event: TrialEnded) -> Progress:
        """End a trial. One that ran out of memory beside others is tried again alone, from its checkpoint."""
        if event.reason is StopReason.OOM and event.packed and event.number not in self._alone:
            self._alone.add(event.number)
            what = f"trial {event.number}: out of memory beside others on its GPU; tried again alone"
            self._session.publish(Notice(message=what))
            return Progress.AGAIN
        end = _End(
            decision=Decision(event.reason, event.why),
            history=self._history(event),
            worker=event.worker,
            error=event.error,
            traceback=event.traceback,
        )
        self._end(event.number, end)
        return Progress.DONE

    def _history(self, event: TrialEnded) -> Sequence[Measurement]:
        """Return the measurements of an attempt that has ended.

        Its events have brought all of them, except those that it took over from an earlier attempt or that were lost
        with a worker. If any is missing, its manifest is read.
        """
        heard = self._heard[event.number]
        if len(heard) == event.measured:
            return heard
        manifest = committed(self._session, self._store.record(*event.key))
        measurements = () if manifest is None else manifest.measurements
        if manifest is not None and manifest.attempt == event.attempt:
            return measurements
        first = heard[0].epoch if heard else math.inf  # a notice says that its own manifest can't be read
        return [*(one for one in measurements if one.epoch < first), *heard]

    def _end(self, number: int, end: _End) -> None:
        self._heard.pop(number, None)
        record = self._store.end_trial(
            self._stage,
            number,
            end.decision,
            history=end.history,
            metric=self._config.metric,
            worker=end.worker,
            error=end.error,
        )
        self._cleaner.trial_ended(record)
        self._session.publish(self._scored(record, end))
        self._bugs.trial_ended(record, end.traceback)

    def _scored(self, record: TrialRecord, end: _End) -> TrialScored:
        value = record.value if record.eligible else None
        best = value is not None and (self._best is None or self._config.direction.better(value, self._best))
        if best:
            self._best = value
        return TrialScored(
            stage=record.stage,
            number=record.number,
            attempt=record.attempt,
            reason=record.stop_reason or StopReason.ERROR,
            value=record.value,
            best_epoch=record.best_epoch,
            epochs=record.epochs,
            seconds=record.seconds,
            best=best,
            why=record.why,
            config=self._config.space.config_of(record.params),
            error=end.error,
            traceback=end.traceback,
        )
