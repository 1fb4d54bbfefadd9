"""A trial is stalled after `patience` epochs without a new best. It keeps its best value and can win."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hpsearch.text import counted, format_value
from hpsearch.trial.trial import GO_ON, Decision, Direction, Measurement, StopReason


@dataclass(frozen=True, kw_only=True, slots=True)
class StallRule:
    """End a trial that no longer improves.

    Attributes:
        patience_epochs: So many epochs without a new best end the trial.
        min_delta: A new best is better by more than this, in the metric's own unit.
        warmup_epochs: Epochs that don't count against the patience.
    """

    metric: str
    direction: Direction
    patience_epochs: int
    min_delta: float = 0.0
    warmup_epochs: int = 0

    def __call__(self, history: Sequence[Measurement]) -> Decision:
        """Return whether the trial goes on, or that it has stalled, and since when.

        An epoch without the metric counts for the patience, but ends no trial: what comes next may be a new best.
        """
        if not history or self.metric not in history[-1].metrics:
            return GO_ON
        best: float | None = None
        best_epoch = 0
        for measurement in history:
            value = measurement.metrics.get(self.metric, math.nan)
            if math.isfinite(value) and (best is None or (value - best) * self.direction.sign > self.min_delta):
                best, best_epoch = value, measurement.epoch
        since = history[-1].epoch - max(best_epoch, self.warmup_epochs)
        if since < self.patience_epochs:
            return GO_ON
        in_vain = f"in {counted(since, 'epoch')}"
        if best is None:
            return Decision(StopReason.STALLED, f"no finite value {in_vain}")
        more = f" by more than {self.min_delta:g}" if self.min_delta else ""
        return Decision(
            StopReason.STALLED, f"no better than {format_value(best)} of epoch {best_epoch}{more} {in_vain}"
        )
