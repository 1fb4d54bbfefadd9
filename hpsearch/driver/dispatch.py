"""Runs planned trials on the executor and stores what happens: the loop that joins the executor and the store.

It first adopts what workers committed while no driver lived, so nothing that a manifest has is trained again.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hpsearch.driver.checkpoints import CheckpointKeeper
from hpsearch.driver.code_drift import CodeDrift
from hpsearch.driver.session import Session
from hpsearch.errors import CheckpointError, StudyError
from hpsearch.executors.base import Executor
from hpsearch.executors.worker.worker import verdict
from hpsearch.space.space import Space
from hpsearch.trial import events
from hpsearch.trial.folder import attempt_folder, read_manifest
from hpsearch.trial.manifest import Manifest
from hpsearch.trial.trial import Measurement, Params, Stage, State, StopReason, StopRule, TrialRecord, TrialSpec

_POLL_S = 0.2
_GATHER_S = 0.1  # so often at most is written what no worker waits for
_FLUSH_S = 1.0  # so often at least, while news come without a pause
_FRUITLESS = 3  # attempts at the same epoch: kills by chance rarely come so


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A trial that a stage wants done.

    Attributes:
        params: As drawn, to store.
        source: For a finalist, the search trial whose config it retrains.
    """

    number: int
    params: Params
    seed: int
    source: int | None = None
    replicate: int | None = None


@dataclass(slots=True)
class _Running:
    """An attempt that is out, when it was sent, and when its last epoch ended; None until its worker has loaded."""

    spec: TrialSpec
    sent: float
    heard: float | None = None


class Dispatcher:
    """Runs the trials of one stage.

    Args:
        session: The study.
        stage: Whose trials these are.
        rules: What a worker applies after each epoch.
        epochs: Full length of the trials; None for the objective's.
        space: What their params are drawn from; None for the study's.
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
        self._session, self._stage, self._rules, self._clock = session, stage, rules, clock
        self._store, self._config = session.study.store, session.study.config
        self._epochs = epochs or session.study.config.objective.epochs
        self._space = space or session.study.config.space
        self._keeper = CheckpointKeeper(session)
        self._code = CodeDrift(session)
        self._flushed = clock()
        self._running: dict[int, _Running] = {}
        self._again: deque[TrialRecord] = deque()
        self._alone: set[int] = set()
        self._retries: Counter[int] = Counter()
        self._bugs = BugWatch(min(self._config.faults.max_identical_errors, session.trials))
        ended = [r.value for r in self._store.records(stage) if r.eligible and r.value is not None]
        best = self._config.direction.best(ended)
        self._best = None if best is None else best[1]

    def run(self, numbers: Iterable[int], plan: Callable[[int], Planned | None]) -> None:
        """Run trials to their end: first those that were running when an earlier driver ended, then new ones.

        Args:
            numbers: All that the stage wants done, ascending; those that have ended are skipped.
            plan: What to train under a number that the store does not have yet; asked when a worker is free. None ends
                the stage with those before.

        Raises:
            StudyError: The store can't be written, workers don't start, or the objective has a bug.
            Interrupted: A signal came.
        """
        known = {record.number: record for record in self._store.records(self._stage)}
        wanted = list(numbers)
        for record in known.values():
            if record.state is State.RUNNING and not self._adopt(record):
                self._tell_if_fruitless(record)
                self._again.append(self._store.record(self._stage, record.number))
        new = deque(number for number in wanted if number not in known)
        if not self._again and not new:
            return
        executor = self._session.executor()
        try:
            while self._again or new or self._running:
                self._session.check()
                self._feed(executor, new, plan)
                self._listen(executor)
                self._check_time_limits(executor)
        finally:
            self._store.flush()

    def _feed(self, executor: Executor, new: deque[int], plan: Callable[[int], Planned | None]) -> None:
        """Give each free worker a trial."""
        while executor.free and (self._again or new):
            if self._again:
                record = self._again.popleft()
                self._store.start_attempt(self._stage, record.number, record.attempt + 1)
                self._send(executor, self._store.record(self._stage, record.number))
            elif planned := plan(new.popleft()):
                self._send(executor, self._create(planned))
            else:
                new.clear()

    def _listen(self, executor: Executor) -> None:
        """Take in what has happened. No worker waits for what it did to be stored: that is done when none has news."""
        # One worker alone gives nothing to gather, and the inline executor works while it is asked.
        gather_s = _GATHER_S if executor.slots > 1 else 0.0
        due_s = max(0.0, self._flushed + gather_s - self._clock())
        found = executor.poll(min(due_s, _POLL_S) if self._store.pending else _POLL_S)
        for event in found:
            self._handle(event)
        age_s = self._clock() - self._flushed
        if self._store.pending and (age_s >= _FLUSH_S or (age_s >= gather_s and not found)):
            self._store.flush()
            self._flushed = self._clock()

    def _create(self, plan: Planned) -> TrialRecord:
        record = TrialRecord(
            stage=self._stage,
            number=plan.number,
            state=State.RUNNING,
            params=plan.params,
            seed=plan.seed,
            source=plan.source,
            replicate=plan.replicate,
            attempt=1,
            code=self._code.latest,
        )
        self._store.create_trial(record, self._space)
        return record

    def _send(self, executor: Executor, record: TrialRecord) -> None:
        """Send an attempt out, whose number is stored."""
        spec = self._spec(record)
        now = self._clock()
        self._running[spec.number] = _Running(spec, sent=now)
        executor.submit(spec)

    def _spec(self, record: TrialRecord) -> TrialSpec:
        earlier = (self._folder(record, attempt) for attempt in range(record.attempt - 1, 0, -1))
        return TrialSpec(
            stage=record.stage,
            number=record.number,
            config=self._config.space.config_of(record.params),
            seed=record.seed,
            attempt=record.attempt,
            epochs=self._epochs,
            metric=self._config.metric,
            direction=self._config.direction,
            folder=str(self._folder(record, record.attempt)),
            earlier=tuple(str(folder) for folder in earlier),
            rules=self._rules,
            alone=record.number in self._alone,
        )

    def _folder(self, record: TrialRecord, attempt: int) -> Path:
        return attempt_folder(self._session.study.folder, record.stage, record.number, attempt)

    def _adopt(self, record: TrialRecord) -> bool:
        """Store what earlier attempts committed; return whether that was all of the trial."""
        manifest = self._committed(record)
        if manifest is None:
            return False
        history = manifest.measurements
        reason = manifest.reason or verdict(self._spec(record), history)
        if reason is not None:
            if manifest.attempt != record.attempt:
                # The checkpoint to keep is that one's: a later attempt was sent out, and committed nothing.
                self._store.start_attempt(self._stage, record.number, manifest.attempt)
            self._end(record.number, reason, history, Failure(manifest.error, manifest.traceback), manifest.worker)
            return True
        for measurement in history:
            self._store.add_measurement(self._stage, record.number, measurement, self._config.metric)
        return False

    def _tell_if_fruitless(self, record: TrialRecord) -> None:
        """Say so where attempt after attempt has ended at the same epoch: it may be the trial that ends its process."""
        furthest = attempts = 0
        for attempt in range(1, record.attempt + 1):
            folder = self._folder(record, attempt)
            if not folder.is_dir():
                continue  # it was sent out, and never began
            with suppress(CheckpointError):
                manifest = read_manifest(folder)
                epoch = manifest.measurements[-1].epoch if manifest is not None and manifest.measurements else 0
                furthest, attempts = (epoch, 1) if epoch > furthest else (furthest, attempts + 1)
        if attempts >= _FRUITLESS:
            what = f"trial {record.number}: its last {attempts} attempts all ended after epoch {furthest} in silence"
            how = "if it ends the process that it runs in, --executor ray gives it up after some retries, and goes on"
            self._session.publish(events.Notice(message=f"{what}; {how}"))

    def _committed(self, record: TrialRecord) -> Manifest | None:
        """Return the manifest of the newest attempt that has one."""
        for attempt in range(record.attempt, 0, -1):
            try:
                manifest = read_manifest(self._folder(record, attempt))
            except CheckpointError as error:
                self._session.publish(events.Notice(message=f"{error}; going on from an earlier attempt"))
                continue
            if manifest is not None:
                return manifest
        return None

    def _handle(self, event: events.TrialEvent | events.Notice) -> None:
        if isinstance(event, events.Notice):
            self._session.publish(event)
            return
        running = self._running.get(event.number)
        if running is None or event.stage is not self._stage or event.attempt != running.spec.attempt:
            return  # what older attempts say is ignored (DESIGN, invariant 3)
        running.heard = self._clock()
        if isinstance(event, events.TrialEnded):
            del self._running[event.number]
            if event.reason is StopReason.OOM and event.packed and not running.spec.alone:
                self._send_alone(event)
                return
            self._end(event.number, event.reason, event.history, Failure(event.error, event.traceback), event.worker)
        elif isinstance(event, events.WorkerLost):
            del self._running[event.number]
            self._lost(event)
        else:
            if isinstance(event, events.TrialStarted):
                if running.spec.alone:
                    running.sent = running.heard  # until now it waited for the others of its GPU
                self._code.trial_started(event)
            elif isinstance(event, events.TrialMeasured):
                self._store.add_measurement(self._stage, event.number, event.measurement, self._config.metric)
            self._session.publish(event)

    def _send_alone(self, event: events.TrialEnded) -> None:
        """Try a trial again that shared its GPU when the memory ended; its checkpoints are there."""
        self._alone.add(event.number)
        what = f"trial {event.number}: out of memory beside others on its GPU; tried again alone"
        self._session.publish(events.Notice(message=what))
        self._again.append(self._store.record(self._stage, event.number))

    def _lost(self, event: events.WorkerLost) -> None:
        record = self._store.record(self._stage, event.number)
        if self._adopt(record):
            return  # it had committed its end
        self._retries[event.number] += 1
        what = f"trial {event.number}: its worker ended ({event.reason}: {event.detail})"
        if self._retries[event.number] <= self._config.faults.max_retries:
            self._session.publish(events.Notice(message=f"{what}; tried again on another"))
            self._again.append(self._store.record(self._stage, event.number))
            return
        self._session.publish(
            events.Notice(message=f"{what}; given up after {self._config.faults.max_retries} retries")
        )
        manifest = self._committed(record)
        history = () if manifest is None else manifest.measurements
        self._end(event.number, event.reason, history, Failure(event.detail, None), record.worker)

    def _end(
        self, number: int, reason: StopReason, history: tuple[Measurement, ...], failure: Failure, worker: str | None
    ) -> None:
        record = self._store.end_trial(
            self._stage,
            number,
            reason,
            history=history,
            metric=self._config.metric,
            direction=self._config.direction,
            worker=worker,
            error=failure.error,
        )
        self._keeper.trial_ended(record)
        self._session.publish(self._scored(record, failure))
        self._bugs.trial_ended(record, failure.traceback)

    def _scored(self, record: TrialRecord, failure: Failure) -> events.TrialScored:
        value = record.value if record.eligible else None
        best = value is not None and (self._best is None or self._config.direction.better(value, self._best))
        if best:
            self._best = value
        return events.TrialScored(
            stage=record.stage,
            number=record.number,
            attempt=record.attempt,
            reason=record.stop_reason or StopReason.ERROR,
            value=record.value,
            best_epoch=record.best_epoch,
            epochs=record.epochs,
            seconds=record.seconds,
            best=best,
            config=self._config.space.config_of(record.params),
            error=failure.error,
            traceback=failure.traceback,
        )

    def _check_time_limits(self, executor: Executor) -> None:
        faults, now = self._config.faults, self._clock()
        for running in self._running.values():
            for limit, since, name in (
                (faults.epoch_timeout_s, running.heard, "epoch_timeout_s"),
                (faults.trial_timeout_s, running.sent, "trial_timeout_s"),
            ):
                if limit is not None and since is not None and now - since > limit:
                    running.heard = running.sent = now  # once is enough
                    executor.end(running.spec.key, StopReason.TIMEOUT, f"longer than {name}, {limit:g} s")
                    break


@dataclass(frozen=True, slots=True)
class Failure:
    """What the objective raised, if it did: the last line, and the whole traceback."""

    error: str | None
    traceback: str | None


class BugWatch:
    """Ends a study whose first trials all fail alike: that is a bug, not bad luck.

    Args:
        limit: So many identical errors from the first trials that end.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._first: list[str | None] = []

    def trial_ended(self, record: TrialRecord, traceback: str | None) -> None:
        """Count a trial.

        Raises:
            StudyError: With the traceback.
        """
        if len(self._first) >= self._limit:
            return
        self._first.append(traceback if record.stop_reason is StopReason.ERROR else None)
        if len(self._first) == self._limit and self._first[0] is not None and len(set(self._first)) == 1:
            raise StudyError(
                f"the first {self._limit} trials failed with the same error: {record.error}; mend it and start anew, "
                f"or resume with the trials that are left (the traceback is in trial {record.number}'s log)"
            )
