"""Predictions of checkpoints: workers write them to files."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from hpsearch.driver.checkpoints import KeptCheckpoint
from hpsearch.driver.session import Session
from hpsearch.driver.tasks import Progress, TaskRunner
from hpsearch.errors import StudyError
from hpsearch.trial.events import Notice, PredictionsReady, TrialEvent, WorkerLost
from hpsearch.trial.trial import Key, PredictSpec


class UnreadableError(Exception):
    """Some checkpoints can't be read.

    Attributes:
        problems: What is wrong, by the keys of their trials.
    """

    def __init__(self, problems: dict[Key, str]) -> None:
        super().__init__(problems)
        self.problems = problems


def predict_all(
    session: Session,
    checkpoints: Sequence[KeptCheckpoint],
    split: str,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> dict[Key, str]:
    """Return the files with the predictions, by the keys of the trials.

    Args:
        checkpoints: One of each trial.
        split: `val` or `test`.
        clock: Seconds, monotonic; tests give their own.

    Raises:
        UnreadableError: Some of the checkpoints can't be read.
        StudyError: `predict` failed, or its worker was lost more often than it is retried.
    """
    predictions = _Predictions(session, checkpoints, split)
    TaskRunner(session, predictions, clock).run()
    if predictions.problems:
        raise UnreadableError(predictions.problems)
    return predictions.paths


class _Predictions:
    """The predictions of some checkpoints, as work for a runner."""

    def __init__(self, session: Session, checkpoints: Sequence[KeptCheckpoint], split: str) -> None:
        self._session, self._split = session, split
        self._checkpoints = {(one.record.stage, one.record.number): one for one in checkpoints}
        self._waiting = deque(self._checkpoints)
        self.paths: dict[Key, str] = {}
        self.problems: dict[Key, str] = {}

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def next(self) -> PredictSpec | None:
        return self.again(self._waiting.popleft()) if self._waiting else None

    def again(self, key: Key) -> PredictSpec:
        checkpoint = self._checkpoints[key]
        record = checkpoint.record
        return PredictSpec(
            stage=record.stage,
            number=record.number,
            attempt=record.attempt,
            folder=str(checkpoint.folder),
            checkpoint=checkpoint.file,
            split=self._split,
        )

    def heard(self, event: TrialEvent) -> Progress:
        """Keep where the predictions lie.

        Raises:
            StudyError: `predict` failed.
        """
        if not isinstance(event, PredictionsReady):
            return Progress.ONGOING
        if event.unreadable:
            self.problems[event.key] = event.error or ""
        elif event.path is None:
            raise self._failure(event)
        else:
            self.paths[event.key] = event.path
        return Progress.DONE

    def had_ended(self, key: Key) -> bool:  # noqa: ARG002 - a worker that finds whole predictions leaves them
        return False

    def given_up(self, event: WorkerLost, message: str) -> None:  # noqa: ARG002 - the message has all of it
        raise StudyError(f"{message}; fix it, then resume")

    def name(self, key: Key) -> str:
        stage, number = key
        return f"predict(checkpoint, {self._split!r}) of {stage} trial {number}"

    def _failure(self, event: PredictionsReady) -> StudyError:
        """Show the objective's traceback, and return the error that ends the study."""
        trace = (event.error or "").strip()
        what = f"predict(checkpoint, {event.split!r}) failed for {event.stage} trial {event.number}"
        self._session.publish(Notice(message=what, detail=trace))
        return StudyError(f"{what}: {trace.splitlines()[-1] if trace else 'no reason was given'}; fix it, then resume")
