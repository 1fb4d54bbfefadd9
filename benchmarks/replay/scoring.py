"""Means of regret with intervals, and how many epochs one method needs for what another one reaches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from traces import Result

_RESAMPLES = 200
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean, and half the width of its 95 % interval by Student's t; NaN with fewer than two values."""

    value: float
    half: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        """Return the mean of at least one value."""
        from scipy.stats import t

        count = len(values)
        if count == 1:
            return cls(float(values[0]), math.nan)
        quantile = float(t.ppf((1 + _LEVEL) / 2, count - 1))
        return cls(float(np.mean(values)), quantile * float(np.std(values, ddof=1)) / math.sqrt(count))


@dataclass(frozen=True, slots=True)
class Ratio:
    """Epochs that a method needs for what another one reaches, as a share of the other's.

    Attributes:
        value: Infinite if the method's studies end before.
        low: The 2.5 % quantile over resampled studies.
        high: The 97.5 % quantile.
        studies: Pairs of studies with the same task and seed.
    """

    value: float
    low: float
    high: float
    studies: int


def ratio(ours: Sequence[Result], peer: Sequence[Result], trainings: float) -> Ratio | None:
    """Return how many epochs a method needs for the mean regret that a peer has after a number of full trainings.

    Only tasks and seeds that both have count.

    Args:
        ours: The method's studies.
        peer: The peer's studies.
        trainings: The peer's epochs, in full trainings.

    Returns:
        None if they have no task and seed in common.
    """
    mine = {(one.task, one.seed): one for one in ours}
    theirs = {(one.task, one.seed): one for one in peer}
    common = [key for key in mine if key in theirs]
    if not common:
        return None
    grid, regrets = _over_time([mine[key] for key in common])
    targets = np.array([theirs[key].regret_at(trainings) for key in common])
    rng = np.random.default_rng(0)
    shares = []
    for draw in [np.arange(len(common)), *rng.integers(0, len(common), (_RESAMPLES, len(common)))]:
        reached = regrets[draw].mean(axis=0) <= targets[draw].mean() + 1e-9
        shares.append(float(grid[reached.argmax()]) / trainings if reached.any() else math.inf)
    low, high = (sorted(shares[1:])[round(part * (_RESAMPLES - 1))] for part in ((1 - _LEVEL) / 2, (1 + _LEVEL) / 2))
    return Ratio(shares[0], low, high, len(common))


def _over_time(results: Sequence[Result]) -> tuple[np.ndarray, np.ndarray]:
    """Return all times in full trainings at which any regret falls, and the regrets then: (studies, times)."""
    grid = np.unique(np.concatenate([[spent / one.epochs for spent, _ in one.steps] or [0.0] for one in results]))
    return grid, np.array([[one.regret_at(time) for time in grid] for one in results])


def curve(results: Sequence[Result], trainings: float, points: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Return times in full trainings, and the mean regret at each."""
    grid = np.linspace(trainings / points, trainings, points)
    return grid, np.array([[one.regret_at(time) for time in grid] for one in results]).mean(axis=0)
