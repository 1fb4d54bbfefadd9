"""What a trial that was stopped early would have reached: samplers that learn are told this, not the truncated value.

A trial that was stopped at epoch 3 of 30 is better than its value of then tells. Told that value, a model would learn
that configs which were stopped early are worse than they are; told nothing, that they failed. Freeze-thaw methods
model the whole curve instead: Swersky et al., Freeze-Thaw Bayesian Optimization (2014).
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hpsearch.trial.trial import Direction


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The measurements of a trial that is not training.

    Attributes:
        values: By epoch, from 1; those that are not finite don't count, but at least one is.
        whole: Whether the trial went to its end: it finished, or stalled. Else it was stopped early.
    """

    values: Mapping[int, float]
    whole: bool


@dataclass(frozen=True, slots=True)
class _Scores:
    """A curve's best so far after each epoch, larger is better; minus infinity before there is one."""

    best: Sequence[float]
    whole: bool

    @classmethod
    def of(cls, curve: Curve, direction: Direction) -> _Scores:
        values = (curve.values.get(epoch, math.nan) for epoch in range(1, max(curve.values) + 1))
        scores = (direction.sign * value if math.isfinite(value) else -math.inf for value in values)
        return cls(list(itertools.accumulate(scores, max)), curve.whole)

    @property
    def epochs(self) -> int:
        return len(self.best)


def projected_finals(curves: Sequence[Curve], direction: Direction) -> list[float]:
    """Return the final best value of each trial, projected where it was stopped early.

    A trial that was stopped after epoch e gets its best value so far plus the median of what the trials that went
    further gained from epoch e on; those of them that were stopped too count with their own projections. So trials that
    were stopped at the same epoch keep their order. A projection is never better than the best whole trial, unless the
    measured value is. Whole trials keep their value, and so do those that went furthest while no trial is whole.

    Args:
        curves: Of trials with the same full length.
        direction: Of the metric.
    """
    scores = [_Scores.of(curve, direction) for curve in curves]
    finals = [one.best[-1] for one in scores]
    top = max((one.best[-1] for one in scores if one.whole), default=math.inf)
    for epoch, gain in _gains(scores, finals):
        for at, one in enumerate(scores):
            if not one.whole and one.epochs == epoch:
                finals[at] = max(one.best[-1], min(one.best[-1] + gain, top))
    return [direction.sign * final for final in finals]


def _gains(scores: Sequence[_Scores], finals: Sequence[float]) -> Iterator[tuple[int, float]]:
    """Yield the epochs at which trials were stopped, the last first, each with the median gain from there to the end.

    Args:
        scores: Of all trials.
        finals: Theirs, in which those of an epoch have to be in place before the next one is asked for.
    """
    for epoch in sorted({one.epochs for one in scores if not one.whole}, reverse=True):
        further = [
            (final, one.best[epoch - 1]) for final, one in zip(finals, scores, strict=True) if one.epochs > epoch
        ]
        gains = [final - before for final, before in further if math.isfinite(before)]
        if gains:
            yield epoch, statistics.median(gains)
