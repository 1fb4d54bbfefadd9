"""A trial as adaptive samplers see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hpsearch.trial.trial import Direction, Params, State, StopReason, TrialRecord

_NOT_THE_CONFIG = (StopReason.ERROR, StopReason.LOST)  # the fault of a bug or a machine


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """A trial that has begun.

    Attributes:
        params: As stored, of its active parameters.
        value: Of its best epoch; None for a trial that is running or can't win.
        running: Whether it is running, or has failed through no fault of its config.
    """

    params: Params
    value: float | None
    running: bool = False

    @classmethod
    def of(cls, record: TrialRecord) -> Past:
        """Return a record's trial."""
        value = record.value if record.eligible else None
        running = record.state is State.RUNNING or record.stop_reason in _NOT_THE_CONFIG
        return cls(params=record.params, value=value, running=running)


def best_of_past(past: Iterable[Past], direction: Direction, k: int) -> list[Past]:
    """Return the k best trials, best first; ties keep their order."""
    rivals = [one for one in past if one.value is not None]
    return sorted(rivals, key=lambda one: -direction.sign * (one.value or 0.0))[:k]
