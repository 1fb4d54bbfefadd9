"""What adaptive samplers are told of a trial."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hpsearch.trial.trial import Direction, Params, State, StopReason, TrialRecord

_SAYS_NOTHING = (StopReason.ERROR, StopReason.LOST)  # a bug or a machine is to blame, not the config


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """A trial that was begun.

    Attributes:
        params: As stored: of its active parameters.
        value: Of its best epoch; None for one that is running, or that can't win.
        running: Whether it still is, or failed through no fault of its config: it tells nothing yet.
    """

    params: Params
    value: float | None
    running: bool = False

    @classmethod
    def of(cls, record: TrialRecord) -> Past:
        """Return what a trial tells."""
        value = record.value if record.eligible else None
        running = record.state is State.RUNNING or record.stop_reason in _SAYS_NOTHING
        return cls(params=record.params, value=value, running=running)


def best_of_past(past: Iterable[Past], direction: Direction, k: int) -> list[Past]:
    """Return the k best trials, best first; ties keep their order."""
    rivals = [one for one in past if one.value is not None]
    return sorted(rivals, key=lambda one: -direction.sign * (one.value or 0.0))[:k]
