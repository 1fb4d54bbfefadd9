"""Stores how trials end, and tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hpsearch.driver.adoption import committed
from hpsearch.driver.bugs import BugWatch
from hpsearch.driver.checkpoints import CheckpointCleaner
from hpsearch.driver.session import Session
from hpsearch.trial.events import TrialScored
from hpsearch.trial.trial import Decision, Measurement, Stage, StopReason, TrialRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
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


class Ends:
    """The ends of one stage's trials.

    Args:
        session: The study.
        stage: Whose trials these are.
    """

    def __init__(self, session: Session, stage: Stage) -> None:
        self._session, self._stage = session, stage
        self._store, self._config = session.study.store, session.study.config
        self._cleaner = CheckpointCleaner(session)
        self._bugs = BugWatch(min(self._config.faults.max_identical_errors, session.trials))
        ended = [r.value for r in self._store.records(stage) if r.eligible and r.value is not None]
        best = self._config.direction.best(ended)
        self._best = None if best is None else best[1]

    def end(self, number: int, end: End) -> TrialRecord:
        """Store the end of a trial, remove the checkpoints that it does not keep, and publish its score.

        Returns:
            What has become of the trial.

        Raises:
            StudyError: The store can't be written, or the objective has a bug.
        """
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
        return record

    def paused(self, record: TrialRecord) -> None:
        """Tell once what paused trials take on disk."""
        self._cleaner.trial_paused(record)

    def end_by(self, number: int, decision: Decision) -> TrialRecord:
        """End a trial that no worker has."""
        record = self._store.record(self._stage, number)
        manifest = committed(self._session, record)
        history = () if manifest is None else manifest.measurements
        return self.end(number, End(decision=decision, history=history, worker=record.worker, error=None))

    def _scored(self, record: TrialRecord, end: End) -> TrialScored:
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
