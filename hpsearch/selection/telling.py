"""Whether a few seeds tell a config from a worse one, and how many would.

The measure is what the search found: how far its best trial is ahead of its median trial. Half of that is told by an
interval that is no wider. A config that has lost half of what the search gained is then two half-widths off, and its
mean lies outside in about 97 of 100 cases.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections.abc import Callable, Sequence
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
    """The fewest seeds whose interval would be narrow enough; None for more than 1000.

    Attributes:
        new: New seeds, beside the finalist's own as they are; that deviation is known.
        each: Of the finalist and new ones alike; an estimate, from the deviation of all seeds so far, pooled.
    """

    new: int | None
    each: int | None


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
    """Return how many seeds would make an interval that is at most so wide.

    Args:
        promised: The finalist's seeds. One seed has no interval, however many are new.
        found: The new seeds.
        width: The widest interval that tells.

    Returns:
        The numbers; None if there are no two seeds of a kind, which would have a deviation.
    """
    known, n = promised.std, promised.n
    pooled = _pooled([stats for stats in (promised, found) if stats.std is not None])
    if pooled is None:
        return None
    return SeedsToTell(
        new=None if known is None else _fewest(lambda k: interval_width(known, n, k) <= width, 1),
        each=_fewest(lambda k: interval_width(pooled, k, k) <= width, _FEWEST),
    )


def _pooled(groups: Sequence[SeedStatistics]) -> float | None:
    """Return the deviation within groups of two seeds or more; None without one."""
    degrees = sum(group.n - 1 for group in groups)
    squares = sum((group.n - 1) * (group.std or 0.0) ** 2 for group in groups)
    return math.sqrt(squares / degrees) if degrees else None


def _fewest(tells: Callable[[int], bool], at_least: int) -> int | None:
    """Return the smallest number of seeds that tells; None if 1000 don't. More seeds never tell less."""
    numbers = range(at_least, _MOST + 1)
    at = bisect_left(numbers, 1, key=tells)
    return numbers[at] if at < len(numbers) else None
