"""What a trial that was stopped early would have reached: samplers that learn are told this, not the truncated value.

A trial that was stopped at epoch 3 of 30 is better than its value of then tells. Told that value, a model would learn
that configs which were stopped early are worse than they are; told nothing, that they failed. Freeze-thaw methods
model the whole curve instead: Swersky et al., Freeze-Thaw Bayesian Optimization (2014).
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
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

    A trial that was stopped after epoch e gets its best value so far plus a gain, which those that went further tell:
    their median gain from e on, or less. For a trial's gain is in proportion to what it has reached by e above the
    lower quartile of all that got there, with the median factor of those that went further. A trial below the quartile
    has hardly learned anything, and gains nothing. Trials that went further and were stopped too count with their own
    projections. So trials that were stopped at the same epoch keep their order. A projection is never better than the
    best whole trial, unless the measured value is. Whole trials keep their value, and so do those that went furthest
    while no trial is whole.

    benchmarks/README.md says how near this comes, and what came less near.

    Args:
        curves: Of trials with the same full length.
        direction: Of the metric.
    """
    scores = [_Scores.of(curve, direction) for curve in curves]
    finals = [one.best[-1] for one in scores]
    top = max((one.best[-1] for one in scores if one.whole), default=math.inf)
    for epoch in sorted({one.epochs for one in scores if not one.whole}, reverse=True):  # later ones tell of earlier
        stopped = [at for at, one in enumerate(scores) if not one.whole and one.epochs == epoch]
        further = [
            (one.best[epoch - 1], final) for one, final in zip(scores, finals, strict=True) if one.epochs > epoch
        ]
        gain = _gain([scores[at].best[-1] for at in stopped], [pair for pair in further if math.isfinite(pair[0])])
        for at in stopped:
            own = scores[at].best[-1]
            finals[at] = max(own, min(own + gain(own), top))
    return [direction.sign * final for final in finals]


def _gain(stopped: Sequence[float], further: Sequence[tuple[float, float]]) -> Callable[[float], float]:
    """Return what trials that were stopped at an epoch would have gained, by their scores there; it never falls.

    Args:
        stopped: Their scores.
        further: Of the trials that went further, the score at that epoch and the final one.
    """
    if not further:
        return lambda _: 0.0
    low, *_ = statistics.quantiles([*stopped, *(score for score, _ in further)], n=4, method="inclusive")
    most = statistics.median(final - score for score, final in further)
    factors = [(final - score) / (score - low) for score, final in further if score > low]
    factor = statistics.median(factors) if factors else 0.0
    return lambda score: min(most, factor * max(score - low, 0.0))
