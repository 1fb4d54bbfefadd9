"""A trial has diverged when any of its metrics is NaN or infinite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hpsearch.trial.trial import GO_ON, Decision, Measurement, StopReason


@dataclass(frozen=True, slots=True)
class DivergenceRule:
    """End a trial when a metric of its last measurement is not finite."""

    def __call__(self, history: Sequence[Measurement]) -> Decision:
        """Return whether the trial goes on, or that it has diverged, and by which metric."""
        if not history:
            return GO_ON
        last = history[-1]
        found = next(((name, value) for name, value in last.metrics.items() if not math.isfinite(value)), None)
        if found is None:
            return GO_ON
        return Decision(StopReason.DIVERGED, f"epoch {last.epoch}: {found[0]} was {found[1]}")
