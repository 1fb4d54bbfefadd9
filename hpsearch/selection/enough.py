"""Whether going on with a search is worth it: what more trainings are expected to bring, beside the noise of a seed.

For samplers whose draws don't learn, the trials so far and the next ones are draws from one distribution. Of n such
draws the gaps between neighbours in rank, each times its rank, are independent and exponential, with the same mean if
the distribution's tail is exponential (Renyi 1953; Weissman, JASA 73, 1978). Metrics have a limit, and gaps shrink
towards it: here their mean is a power of the rank, from -0.3 (a tail heavier than exponential) over 0 (exponential) to
1 (uniform), and the estimate is the mean over these powers, weighted by how well each agrees with the gaps. The best of
n draws is expected to grow, by each unit of log n, as much as the topmost gap is expected to be at that n; summed up
from n to n + m, that is what m more draws bring.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hpsearch.trial.trial import Direction, State, TrialRecord

AHEAD = 10
"""Full trainings that are looked ahead."""

FEWEST_TRIALS = 20
"""With fewer nothing is said."""

_FEWEST_VALUES = 5
_FEWEST_GAPS = 4
_POWERS = [step / 10 for step in range(-3, 11)]
_FEWEST_SEEDS = 3  # degrees of freedom, for a deviation by seeds
_CURVES = 5  # of the best trials, for the noise
_FEWEST_EPOCHS = 5
_END_SHARE = 1 / 3
_RESIDUAL = 1.5  # the variance of a value less the mean of its neighbours, over that of the noise


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """What going on with a search is worth; amounts are in the metric's own unit.

    Attributes:
        gain: By how much the best value is expected to improve over the next `AHEAD` full trainings; at least 0.
        noise: The standard deviation of a training with another seed.
        trials: How many trials this is judged by.
        by: Where the noise comes from: finalists' `seeds`, the ends of `curves`, or the `model` of `sampler: auto`.
    """

    gain: float
    noise: float
    trials: int
    by: Literal["seeds", "curves", "model"]

    @property
    def enough(self) -> bool:
        """Whether going on is expected to bring less than the noise."""
        return self.gain < self.noise

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON types, with `enough`."""
        return {**asdict(self), "enough": self.enough}

    def __str__(self) -> str:
        gain, noise = map(_rounded, (self.gain, self.noise))
        than = "less" if self.enough else "no less"
        return f"the next {AHEAD} full trainings are expected to bring {gain}, {than} than a seed's noise, {noise}"


def _rounded(amount: float) -> str:
    """Return an amount with two digits, such as 0.0021."""
    return "0" if amount == 0 else f"{amount:.2g}"


def worth(
    trials: Sequence[TrialRecord],
    finalists: Iterable[TrialRecord],
    epochs: int,
    direction: Direction,
    *,
    learns: bool = False,
) -> Worth | None:
    """Return what going on is worth, by the trials so far.

    Args:
        trials: Of one round of the search, by number. Those that were ended or paused early count as draws, and with
            the best that they reached if they may still win.
        finalists: Trials of the finalists, if there were any.
        epochs: Of a full training.
        direction: Of the metric.
        learns: Whether later draws are better than earlier ones; then only the later half of the trials is looked at.

    Returns:
        None for fewer than 20 trials, or fewer epochs than `AHEAD` full trainings have, or if the noise isn't known.
    """
    spent = sum(_trained(one) for one in trials)
    if len(trials) < FEWEST_TRIALS or spent < AHEAD * epochs:
        return None
    noise = noise_of(trials, finalists, direction)
    drawn = trials[len(trials) // 2 :] if learns else trials
    values = [value for one in drawn if (value := _value(one, direction)) is not None]
    if noise is None or len(values) < _FEWEST_VALUES:
        return None
    more = AHEAD * epochs * len(trials) / spent
    by_seeds, deviation = noise
    gain = expected_gain(values, len(drawn), more)
    return Worth(gain=gain, noise=deviation, trials=len(trials), by="seeds" if by_seeds else "curves")


def expected_gain(values: Sequence[float], trials: int, more: float) -> float:
    """Return by how much the best of more trials is expected to be better than the best so far; at least 0.

    Args:
        values: At least 5, so that more is better: the best of the trials, in any order.
        trials: How many trials there were.
        more: How many are to come.

    Raises:
        ValueError: There are fewer than 5 values.
    """
    if len(values) < _FEWEST_VALUES:
        raise ValueError(f"{len(values)} values; allowed: {_FEWEST_VALUES} or more")
    ranked = sorted(values, reverse=True)
    count = min(len(ranked) - 1, max(_FEWEST_GAPS, round(2 * math.sqrt(len(ranked)))))
    gaps = [rank * (ranked[rank - 1] - ranked[rank]) for rank in range(1, count + 1)]
    if not any(gaps):
        return 0.0
    sums = [sum(gap * math.pow(rank, -power) for rank, gap in enumerate(gaps, 1)) for power in _POWERS]
    logs = math.lgamma(count + 1)  # of the product of all ranks
    weights = [-power * logs - count * math.log(total) for power, total in zip(_POWERS, sums, strict=True)]
    largest = max(weights)
    shares = [math.exp(weight - largest) for weight in weights]
    gains = [total / (count - 1) * _growth(power, trials, more) for power, total in zip(_POWERS, sums, strict=True)]
    return sum(share * gain for share, gain in zip(shares, gains, strict=True)) / sum(shares)


def _growth(power: float, trials: int, more: float) -> float:
    """Return how far the best value grows, in units of the topmost gap's mean at this number of trials."""
    grown = math.log1p(more / trials)
    return grown if power == 0 else -math.expm1(-power * grown) / power


def noise_of(
    trials: Sequence[TrialRecord], finalists: Iterable[TrialRecord], direction: Direction
) -> tuple[bool, float] | None:
    """Return whether the noise is that of seeds, and the noise; None if nothing tells it.

    Without finalists it is how far single epochs lie from the mean of their neighbours, near the ends of the best
    trials' curves. That is less than what another seed changes wherever a whole curve lies higher or lower with it.
    """
    by_source: dict[int, list[float]] = {}
    for one in finalists:
        if one.eligible and one.value is not None and one.source is not None:
            by_source.setdefault(one.source, []).append(one.value)
    seeds = seed_noise(by_source.values())
    if seeds is not None:
        return True, seeds
    complete = [one for one in trials if one.eligible and one.value is not None]
    complete.sort(key=lambda one: -direction.sign * (one.value or 0.0))
    curves = curve_noise([[*filter(math.isfinite, one.values.values())] for one in complete[:_CURVES]])
    return None if curves is None else (False, curves)


def seed_noise(configs: Iterable[Sequence[float]]) -> float | None:
    """Return the standard deviation over seeds, pooled over configs; None for fewer than 3 degrees of freedom.

    Args:
        configs: For each config, its values with several seeds.
    """
    several = [values for values in configs if len(values) > 1]
    freedom = sum(len(values) - 1 for values in several)
    if freedom < _FEWEST_SEEDS:
        return None
    return math.sqrt(sum((len(values) - 1) * statistics.variance(values) for values in several) / freedom)


def curve_noise(curves: Iterable[Sequence[float]]) -> float | None:
    """Return the standard deviation of an epoch around its neighbours, near the ends of curves; None if all are short.

    Of each curve the last third is looked at, at least 5 epochs, and of the curves' variances the median is taken.

    Args:
        curves: Values by epoch.
    """
    variances = []
    for curve in curves:
        end = curve[-max(_FEWEST_EPOCHS, math.ceil(len(curve) * _END_SHARE)) :]
        if len(end) >= _FEWEST_EPOCHS and all(map(math.isfinite, end)):
            off = [end[at] - (end[at - 1] + end[at + 1]) / 2 for at in range(1, len(end) - 1)]
            variances.append(statistics.fmean(one * one for one in off) / _RESIDUAL)
    return math.sqrt(statistics.median(variances)) if variances else None


def _trained(record: TrialRecord) -> int:
    return record.epochs if record.state is not State.RUNNING else max(record.values, default=0)


def _value(record: TrialRecord, direction: Direction) -> float | None:
    """Return a trial's best value so that more is better; None if the trial can't win, or has none."""
    if record.state is State.RUNNING:
        found = direction.best(list(record.values.values()))
        return None if found is None else direction.sign * found[1]
    return direction.sign * record.value if record.eligible and record.value is not None else None
