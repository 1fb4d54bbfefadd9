"""Trains a stage's trials on the workers and stores what happens.

It first adopts what workers committed while no driver lived, so that nothing in a manifest is trained again.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from hpsearch.driver.adoption import committed, warn_if_fruitless
from hpsearch.driver.code_drift import CodeDrift
from hpsearch.driver.ends import End, Ends
from hpsearch.driver.legs import GoOn, Legs, RivalLegs, has_value
from hpsearch.driver.metric_watch import MetricWatch
from hpsearch.driver.session import Session
from hpsearch.driver.tasks import Progress, TaskRunner
from hpsearch.selection.ranking import leading
from hpsearch.space.space import Space
from hpsearch.trial.events import (
    LegEnded,
    Notice,
    TrialEnded,
    TrialEvent,
    TrialMeasured,
    TrialPaused,
    TrialStarted,
    WorkerLost,
)
from hpsearch.trial.folder import attempt_folders
from hpsearch.trial.seeding import unit
from hpsearch.trial.trial import (
    PAUSE,
    Answer,
    Decision,
    Key,
    Measurement,
    Stage,
    State,
    StopReason,
    StopRule,
    TrialRecord,
    TrialSpec,
)

Plan = Callable[[int], TrialRecord | None]
MayGoOn = Callable[[GoOn], bool]


class Dispatcher:
    """Trains the trials of one stage.

    Args:
        session: The study.
        stage: Whose trials these are.
        rules: The rules that a worker applies after each epoch.
        epochs: Full length of the trials; None for the objective's.
        space: The space that their params are drawn from; None for the study's.
        legs: Says which trials go on after a leg; None if each trial has one leg.
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
        legs: Legs | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session, self._stage, self._rules = session, stage, rules
        self._store, self._config = session.study.store, session.study.config
        self._epochs = epochs or self._config.objective.epochs
        self._space = space or self._config.space
        self._runner = TaskRunner(session, self, clock)
        self._ends = Ends(session, stage)
        self._code = CodeDrift(session)
        self._metrics = MetricWatch(session)
        self._legs = legs or RivalLegs(None, self._config.direction, self._epochs)
        self._replayed = False  # whether the legs know what earlier drivers have stored
        self._plan: Plan = lambda _: None
        self._may_go_on: MayGoOn = lambda _: True
        self._unfinished: deque[int] = deque()
        self._new: deque[int] = deque()
        self._alone: set[int] = set()
        self._heard: dict[int, list[Measurement]] = {}

    def run(self, numbers: Iterable[int], plan: Plan, may_go_on: MayGoOn = lambda _: True) -> None:
        """Run trials to their end, or until they are paused and no rule lets them go on.

        Trials that were running when an earlier driver ended come first, then paused ones that go on, then new ones.

        Args:
            numbers: The numbers of all trials of the stage, ascending; those that have ended are skipped.
            plan: Called with a number that is not in the store yet, once a worker is free. It returns the trial as a
                record with params and seed, or None, which ends the stage with the trials before.
            may_go_on: Called with a paused trial that a rule lets go on; it stays paused for now if this returns False.

        Raises:
            StudyError: The store can't be written, workers don't start, or the objective has a bug.
            Interrupted: A signal came.
        """
        self._plan, self._may_go_on = plan, may_go_on
        numbers = list(numbers)
        known = {record.number: record for record in self._store.records(self._stage)}
        self._new.extend(number for number in numbers if number not in known)
        running = [record.number for record in known.values() if record.state is State.RUNNING]
        going = [number for number in running if not self._adopt(known[number])]
        first = min(numbers, default=0)  # the trials before are of other rounds
        self._legs.replay(self._store.record(self._stage, number) for number in known if number >= first)
        self._replayed = True
        for number in going:
            self._take_up(number)
        self._end_outclassed()
        self._runner.run()

    def _take_up(self, number: int) -> None:
        """Go on with a trial of an earlier driver, unless it is paused or its leg has ended."""
        record = self._store.record(self._stage, number)
        if record.paused_at is not None:
            return
        epoch = max(record.values, default=0)
        if record.until is None or epoch < record.until or not has_value(record):
            warn_if_fruitless(self._session, record)
            self._unfinished.append(number)
            return
        manifest = committed(self._session, record)
        checkpoint = manifest.last.epoch if manifest is not None and manifest.last is not None else 0
        answer = self._answer(record, epoch, self._config.objective.goes_on_after(epoch, checkpoint))
        if answer.until is not None:
            self._unfinished.append(number)
        elif answer.decision.reason is not None:
            self._take_end(self._ends.end_by(number, answer.decision))

    def _answer(self, record: TrialRecord, epoch: int, saved: int) -> Answer:
        """Decide what a trial is told at the end of its leg, and store it; an end is stored by the caller."""
        answer = self._legs.answer(record, epoch, saved)
        if answer.decision.reason is not None and self._is_audited(record):
            self._store.audit(self._stage, record.number, epoch)
            answer = Answer(until=self._epochs)
        wanted = None if answer.until is None else GoOn(record.number, epoch, answer.until)
        if wanted is not None and saved == epoch and not self._may_go_on(wanted):
            self._legs.paused(record.number, epoch)
            answer = PAUSE
        if answer.until is not None:
            self._store.go_on(self._stage, record.number, answer.until)
        elif answer.decision.reason is None:
            self._store.pause(self._stage, record.number, epoch)
        return answer

    def _end_outclassed(self) -> None:
        """End the paused trials that a verdict has ended since."""
        for number, decision in self._legs.take_ending():
            self._end_or_audit(number, decision)

    def _end_or_audit(self, number: int, decision: Decision) -> bool:
        """End a paused trial, unless it is one of those that show what that costs; return whether it goes on."""
        record = self._store.record(self._stage, number)
        if record.paused_at is None or not self._is_audited(record):
            self._take_end(self._ends.end_by(number, decision))
            return False
        self._store.audit(self._stage, number, record.paused_at)
        self._legs.let_go_on(number)
        return True

    def _is_audited(self, record: TrialRecord) -> bool:
        """Return whether a trial goes on although a rule ends it; that is decided once for each."""
        share = 0.0 if self._config.prune is None else self._config.prune.audit
        return record.audited_at is None and unit(self._config.seed, "audit", record.number) < share

    def leave(self) -> bool:
        """End all trials that are paused: the search ends without them.

        Returns:
            Whether the stage has to be looked at again: the best of them have gone on to their ends, or others go on to
            show what ending them costs.
        """
        if self._finished_leaders():
            return True
        going = [self._end_or_audit(number, decision) for number, decision in self._legs.left().items()]
        self._store.flush()
        return any(going)

    def _finished_leaders(self) -> bool:
        """Train to their ends the best trials that are paused, for what leads must be able to win.

        Returns:
            Whether there were any.
        """
        best = leading(self._store.records(self._stage), self._config.direction, self._legs.finishes)
        going = [GoOn(record.number, record.paused_at, self._epochs) for record in best if record.paused_at is not None]
        going = [one for one in going if self._may_go_on(one)]
        for one in going:
            self._legs.let_go_on(one.number)
        if going:
            self._runner.run()
        return bool(going)

    # What the runner asks of its work.

    @property
    def waiting(self) -> bool:
        """Whether a trial may be sent out now."""
        return bool(self._unfinished or (self._new and self._legs.may_start)) or self._legs.has_ready

    def next(self) -> TrialSpec | None:
        """Store the next attempt at a trial, and return what a worker needs for it; None if there is none now."""
        if self._unfinished:
            return self.again((self._stage, self._unfinished.popleft()))
        while (ready := self._legs.take_ready()) is not None:
            if self._may_go_on(ready):
                self._legs.goes_on(ready.number)
                self._store.go_on(self._stage, ready.number, ready.until)
                return self.again((self._stage, ready.number))
            self._legs.hold(ready)
        if not self._new or not self._legs.may_start:
            return None
        number = self._new.popleft()
        planned = self._plan(number)
        if planned is None:
            self._new.clear()
            self._legs.no_new()
            return None
        new = replace(planned, attempt=1, code=self._code.latest, until=self._legs.first(number))
        self._store.create_trial(new, self._space)
        self._legs.begun(number)
        self._heard[number] = []
        return self._spec(self._store.record(self._stage, number))

    def again(self, key: Key) -> TrialSpec:
        """Store another attempt at a trial, and return what a worker needs for it."""
        stage, number = key
        self._heard[number] = []
        self._store.start_attempt(stage, number, self._store.record(stage, number).attempt + 1)
        return self._spec(self._store.record(stage, number))

    def heard(self, event: TrialEvent) -> Progress:
        """Store what a worker says of its trial."""
        if isinstance(event, TrialEnded):
            return self._ended(event)
        if isinstance(event, TrialStarted):
            self._code.trial_started(event)
        elif isinstance(event, TrialMeasured):
            metric, measurement = self._config.metric, event.measurement
            self._store.add_measurement(self._stage, event.number, measurement, metric)
            own = {name: value for name, value in measurement.metrics.items() if name == metric}
            self._heard[event.number].append(replace(measurement, metrics=own))
            self._metrics.measured(event)
        elif isinstance(event, LegEnded):
            self._leg_ended(event)
        self._session.publish(event)
        if isinstance(event, TrialPaused):
            self._ends.paused(self._store.record(*event.key))
            return Progress.DONE
        # A trial that has its GPU alone has waited for the others there until it started.
        waited = isinstance(event, TrialStarted) and event.number in self._alone
        return Progress.BEGUN if waited else Progress.ONGOING

    def _leg_ended(self, event: LegEnded) -> None:
        """Answer a trial at the end of its leg."""
        answer = self._answer(self._store.record(*event.key), event.epoch, event.saved)
        self._session.executor().answer(event.key, answer)
        self._end_outclassed()

    def had_ended(self, key: Key) -> bool:
        """Adopt what a lost worker committed; return whether that was all of the trial, or of its leg."""
        record = self._store.record(*key)
        return record.paused_at is not None or self._adopt(record)

    def given_up(self, event: WorkerLost, message: str) -> None:
        """End a trial whose worker was lost too often."""
        self._session.publish(Notice(message=message))
        record = self._store.record(*event.key)
        manifest = committed(self._session, record)
        history = () if manifest is None else manifest.measurements
        end = End(decision=Decision(event.reason), history=history, worker=record.worker, error=event.detail)
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
            until=record.until,
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
        end = End(
            decision=decision,
            history=history,
            worker=manifest.worker,
            error=manifest.error,
            traceback=manifest.traceback,
        )
        self._end(record.number, end)
        return True

    def _tell(self, event: TrialEnded) -> None:
        """Publish what the objective says of the study's trials, once."""
        for text in event.notices:
            if text not in self._session.told:
                self._session.told.add(text)
                self._session.publish(Notice(message=f"{self.name(event.key)}: {text}"))

    def _ended(self, event: TrialEnded) -> Progress:
        """End a trial. One that ran out of memory beside others is tried again alone, from its checkpoint."""
        self._tell(event)
        if event.reason is StopReason.OOM and event.packed and event.number not in self._alone:
            self._alone.add(event.number)
            what = f"trial {event.number}: out of memory beside others on its GPU; tried again alone"
            self._session.publish(Notice(message=what))
            return Progress.AGAIN
        self._metrics.ended(event)
        end = End(
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

    def _end(self, number: int, end: End) -> None:
        self._heard.pop(number, None)
        self._take_end(self._ends.end(number, end))

    def _take_end(self, record: TrialRecord) -> None:
        if self._replayed:
            self._legs.ended(record)
            self._end_outclassed()
