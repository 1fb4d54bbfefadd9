"""A trial has diverged when any of its metrics is NaN or infinite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hpsearch.trial.trial import Measurement, StopReason


@dataclass(frozen=True, slots=True)
class DivergenceRule:
    """End a trial when a metric of its last measurement is not finite."""

    def __call__(self, history: Sequence[Measurement]) -> StopReason | None:
        """Return `diverged`, or None to go on."""
        if history and not all(map(math.isfinite, history[-1].metrics.values())):
            return StopReason.DIVERGED
        return None
