"""A trial has diverged when the study's metric, or another one that the study watches, is NaN or infinite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hpsearch.trial.trial import GO_ON, Decision, Measurement, StopReason


@dataclass(frozen=True, kw_only=True, slots=True)
class DivergenceRule:
    """End a trial when a watched metric of its last measurement is not finite.

    All others may be: a gradient's norm is infinite until the loss scale of mixed precision has come down.

    Attributes:
        metrics: The names of the watched ones. One that a measurement lacks is not looked at.
    """

    metrics: tuple[str, ...]

    def __call__(self, history: Sequence[Measurement]) -> Decision:
        """Return whether the trial goes on, or that it has diverged, and by which metric."""
        if not history:
            return GO_ON
        last = history[-1]
        found = ((name, last.metrics[name]) for name in self.metrics if name in last.metrics)
        for name, value in found:
            if not math.isfinite(value):
                return Decision(StopReason.DIVERGED, f"epoch {last.epoch}: {name} was {value}")
        return GO_ON
