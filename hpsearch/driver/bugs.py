"""Whether the first trials all fail alike: that is a bug of the objective, not bad luck."""

from __future__ import annotations

from hpsearch.errors import TrialsFailedError
from hpsearch.trial.trial import StopReason, TrialRecord


class BugWatch:
    """Ends a study whose first trials all fail with the same error.

    Args:
        limit: How many of the first trials that end.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._first: list[str | None] = []

    def trial_ended(self, record: TrialRecord, traceback: str | None) -> None:
        """Count a trial.

        Raises:
            TrialsFailedError: With the traceback.
        """
        if len(self._first) >= self._limit:
            return
        self._first.append(traceback if record.stop_reason is StopReason.ERROR else None)
        if len(self._first) == self._limit and self._first[0] is not None and len(set(self._first)) == 1:
            raise TrialsFailedError(
                f"the first {self._limit} trials failed with the same error: {record.error}",
                "fix it and start anew, or resume with the trials that are left "
                f"(the traceback is in trial {record.number}'s log)",
            )
