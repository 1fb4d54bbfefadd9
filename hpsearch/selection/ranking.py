"""The best trials, and the results of a config over several seeds: pure functions of trial records."""

from __future__ import annotations

import heapq
import math
import statistics
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from hpsearch.selection.student import t_quantile
from hpsearch.trial.trial import Direction, Params, State, TrialRecord

_FEWEST_FOR_STD = 2


class Leaders:
    """The k best trials so far, by their best epoch's value; ties go to the lower number.

    A stalled trial can be among them; an outclassed, diverged or failed one can't (DESIGN, invariant 5). The cost of
    adding a trial does not grow with the number of earlier ones.

    Args:
        direction: Of the metric.
        k: The number of trials to keep.

    Raises:
        ValueError: k is negative.
    """

    def __init__(self, direction: Direction, k: int) -> None:
        if k < 0:
            raise ValueError(f"k is {k}; allowed: 0 or more")
        self._sign, self._k = direction.sign, k
        self._ranks: list[tuple[float, int]] = []
        self._records: list[TrialRecord] = []

    @property
    def records(self) -> list[TrialRecord]:
        """The best trials, best first."""
        return list(self._records)

    def add(self, record: TrialRecord) -> TrialRecord | None:
        """Add a trial.

        Returns:
            The trial that is not, or no longer, among the best: this one or another; None if all have room.
        """
        value = record.value
        if value is None or not record.eligible or not math.isfinite(value):
            return record
        rank = -self._sign * value, record.number
        if len(self._ranks) == self._k and (not self._ranks or rank >= self._ranks[-1]):
            return record
        position = bisect_right(self._ranks, rank)
        self._ranks.insert(position, rank)
        self._records.insert(position, record)
        if len(self._ranks) <= self._k:
            return None
        self._ranks.pop()
        return self._records.pop()


def top(records: Iterable[TrialRecord], direction: Direction, k: int) -> list[TrialRecord]:
    """Return the k best trials by the rule of `Leaders`, best first.

    Args:
        records: In any order.
        direction: Of the metric.
        k: The most trials to return.

    Raises:
        ValueError: k is negative.
    """
    if k < 0:
        raise ValueError(f"k is {k}; allowed: 0 or more")
    sign = direction.sign
    ranked = (
        (-sign * record.value, record.number, record)
        for record in records
        if record.eligible and record.value is not None and math.isfinite(record.value)
    )
    return [record for _, _, record in heapq.nsmallest(k, ranked, key=itemgetter(0, 1))]


def leading(records: Iterable[TrialRecord], direction: Direction, k: int) -> list[TrialRecord]:
    """Return the k best of the trials that can win or may still do so, by their best values so far, best first.

    Args:
        records: In any order; those that can't win are left out.
        direction: Of the metric.
        k: The most trials to return.
    """
    ranked = []
    for record in records:
        values = [record.value] if record.eligible else list(record.values.values())
        best = direction.best([value for value in values if value is not None])
        if best is not None and (record.eligible or record.state is State.RUNNING):
            ranked.append((-direction.sign * best[1], record.number, record))
    return [record for _, _, record in heapq.nsmallest(k, ranked, key=itemgetter(0, 1))]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedStatistics:
    """The results of one config with several seeds.

    Attributes:
        n: Seeds that ended well; the other numbers are over these alone.
        n_failed: Seeds that failed or diverged.
        mean: None if n is 0.
        std: Of the sample (ddof = 1); None if n is below 2.
        ci95: Ends of the mean's 95 % confidence interval, by Student's t with n - 1 degrees of freedom; None if n is
            below 2.
        values: In the given order.
    """

    n: int
    n_failed: int
    mean: float | None
    std: float | None
    ci95: tuple[float, float] | None
    values: tuple[float, ...]


def seed_statistics(values: Sequence[float], n_failed: int = 0) -> SeedStatistics:
    """Return mean, spread and confidence interval over seeds.

    Args:
        values: The best epoch's value of each seed that ended well.
        n_failed: The number of seeds that failed or diverged.

    Raises:
        ValueError: A value is not finite, or n_failed is negative.
    """
    floats = tuple(map(float, values))
    if n_failed < 0 or not all(map(math.isfinite, floats)):
        raise ValueError(f"values {floats} with n_failed {n_failed}; allowed: finite values, n_failed of 0 or more")
    # `statistics` computes in exact fractions: equal values have a std of exactly 0, and the order does not matter.
    mean = statistics.mean(floats) if floats else None
    std = statistics.stdev(floats) if len(floats) >= _FEWEST_FOR_STD else None
    return SeedStatistics(
        n=len(floats), n_failed=n_failed, mean=mean, std=std, ci95=_ci95(mean, std, len(floats)), values=floats
    )


def _ci95(mean: float | None, std: float | None, n: int) -> tuple[float, float] | None:
    if mean is None or std is None:
        return None
    half = t_quantile(n - 1) * std / math.sqrt(n)
    return mean - half, mean + half


def prediction_interval(values: Sequence[float], k: int) -> tuple[float, float] | None:
    """Return the interval that holds the mean of `k` further values in 95 of 100 cases; None for fewer than 2 values.

    It is the two-sided prediction interval for values from one normal distribution (Hahn and Meeker, Statistical
    Intervals, section 4.8): mean ± t(0.975, n - 1) · std · sqrt(1/n + 1/k).
    """
    known = seed_statistics(values)
    if known.mean is None or known.std is None:
        return None
    half = t_quantile(known.n - 1) * known.std * math.sqrt(1 / known.n + 1 / k)
    return known.mean - half, known.mean + half


@dataclass(frozen=True, kw_only=True, slots=True)
class Finalist:
    """One of the best configs, and the results of its retraining.

    Attributes:
        source: Number of the search trial that found the config.
        params: That trial's parameters, as drawn, without constants.
        search_value: That trial's best value: the largest of many noisy ones, so it flatters (the winner's curse).
        statistics: Over the retrained seeds.
        seeds: The seeds that ended well, in the order of `statistics.values`.
        optimism: By how much search_value is better than the retrained mean, in the metric's own unit; None without a
            mean.
    """

    source: int
    params: Params
    search_value: float
    statistics: SeedStatistics
    seeds: tuple[int, ...]
    optimism: float | None


def finalist(search: TrialRecord, replicates: Iterable[TrialRecord], direction: Direction) -> Finalist:
    """Return a search trial's config as a finalist, with the results of its retraining.

    Args:
        search: A search trial with a value.
        replicates: The trials that retrained it. Running ones are left out; ended ones that can't win count as failed.
        direction: Of the metric.

    Raises:
        ValueError: The search trial has no value, or a replicate retrains another config.
    """
    ended = sorted((r for r in replicates if r.state is not State.RUNNING), key=lambda r: (r.replicate or 0, r.number))
    strangers = [r.number for r in ended if r.source != search.number]
    if search.value is None or strangers:
        raise ValueError(
            f"trial {search.number} with value {search.value}, finalist trials {strangers} of other sources; "
            "allowed: a trial with a value and the trials that retrained it"
        )
    well = [(r.seed, r.value) for r in ended if r.eligible and r.value is not None]
    over_seeds = seed_statistics([value for _, value in well], n_failed=len(ended) - len(well))
    mean = over_seeds.mean
    return Finalist(
        source=search.number,
        params=search.params,
        search_value=search.value,
        statistics=over_seeds,
        seeds=tuple(seed for seed, _ in well),
        optimism=None if mean is None else direction.sign * (search.value - mean),
    )


def rank_finalists(finalists: Iterable[Finalist], direction: Direction) -> list[Finalist]:
    """Return the finalists, best first.

    Configs with a failed or diverged seed rank after the others, for the mean of their surviving seeds flatters them.
    Then the better mean is first, then the lower source number. Configs without a value come last.
    """

    def key(candidate: Finalist) -> tuple[bool, bool, float, int]:
        mean = candidate.statistics.mean
        worse = 0.0 if mean is None else -direction.sign * mean
        return mean is None, candidate.statistics.n_failed > 0, worse, candidate.source

    return sorted(finalists, key=key)


def winner(finalists: Iterable[Finalist], direction: Direction) -> Finalist | None:
    """Return the best finalist, or None if none has a value."""
    ranked = rank_finalists(finalists, direction)
    return ranked[0] if ranked and ranked[0].statistics.mean is not None else None


def identical_replicates(curves: Sequence[Mapping[int, float]]) -> bool:
    """Return whether replicates with different seeds are bitwise equal: the objective does not use its seed.

    Args:
        curves: For each replicate of one config, the metric's value by epoch.
    """
    exact = [{epoch: float(value).hex() for epoch, value in curve.items()} for curve in curves]
    # Trials without measurements are equal too, but tell nothing about the seed.
    return len(exact) > 1 and bool(exact[0]) and all(curve == exact[0] for curve in exact)
