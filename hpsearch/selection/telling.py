"""Whether a few seeds tell a config from a worse one, and how many would.

The measure is what the search found: how far its best trial is ahead of its median trial. Half of that is told by an
interval that is no wider. A config that has lost half of what the search gained is then two half-widths off, and its
mean lies outside in about 97 of 100 cases.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from hpsearch.selection.ranking import SeedStatistics
from hpsearch.selection.student import t_quantile
from hpsearch.trial.trial import Direction

SHARE = 0.5
"""Of the search's spread: the widest interval that tells."""

_MOST = 1000
_FEWEST = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedsToTell:
    """The fewest seeds whose interval would be narrow enough.

    Attributes:
        finalist: Seeds of the finalist; as many as it has if more new ones are enough.
        new: New seeds.
    """

    finalist: int
    new: int


def search_spread(values: Sequence[float], direction: Direction) -> float | None:
    """Return how far the best search trial is ahead of the median one; None for fewer than 2 trials.

    Args:
        values: The best epoch's value of each search trial that has one; those that are not finite are left out.
        direction: Of the metric.
    """
    finite = [value for value in values if math.isfinite(value)]
    best = direction.best(finite)
    if best is None or len(finite) < _FEWEST:
        return None
    return abs(best[1] - statistics.median(finite))


def interval_width(std: float, n: int, k: int) -> float:
    """Return the width of the interval for the mean of `k` further values: see `prediction_interval`.

    Args:
        std: Of the known values.
        n: Known values, at least 2.
        k: Further values, at least 1.
    """
    return 2 * t_quantile(n - 1) * std * math.sqrt(1 / n + 1 / k)


def seeds_to_tell(promised: SeedStatistics, found: SeedStatistics, width: float) -> SeedsToTell | None:
    """Return how many seeds would make an interval that is at most so wide; None if 1000 of each would not.

    More new seeds are enough if the finalist's own seeds allow it; their deviation is known. Otherwise the finalist
    needs more seeds too, as many as there are new ones. What their deviation will be is estimated from all seeds so
    far, pooled.

    Args:
        promised: The finalist's seeds, at least 2.
        found: The new seeds.
        width: The widest interval that tells.

    Raises:
        ValueError: The finalist has fewer than 2 seeds.
    """
    if promised.std is None:
        raise ValueError(f"{promised.n} seeds; allowed: at least {_FEWEST}")
    for new in range(1, _MOST + 1):
        if interval_width(promised.std, promised.n, new) <= width:
            return SeedsToTell(finalist=promised.n, new=new)
    std = _pooled(promised.std, promised.n, found)
    for both in range(promised.n + 1, _MOST + 1):
        if interval_width(std, both, both) <= width:
            return SeedsToTell(finalist=both, new=both)
    return None


def _pooled(std: float, n: int, found: SeedStatistics) -> float:
    if found.std is None:
        return std
    degrees = n + found.n - 2
    return math.sqrt(((n - 1) * std**2 + (found.n - 1) * found.std**2) / degrees)
