"""Whether the best trials of a search crowd a bound, and a better place for the bound.

A bound is too tight if the best trials lie beside it more often than chance explains, given all sampled places. Chance
is the hypergeometric distribution: of N ended trials, K lie in the outer part of the range, and the best k are drawn
from the N without looking at the axis. The outer part is 1.2 / sqrt(N) of the range in its own scale, and k is
1.45 sqrt(N): more trials tell an optimum near a bound better from one at the bound. `benchmarks/edges.py` shows how
often that is right. An adaptive sampler leaves too few trials elsewhere to compare with. So a bound is also too tight
if most trials and all of the best lie in the outer part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from hpsearch.samplers.past import Past, best_of_past
from hpsearch.space.distributions import MOST_STEPS, Range
from hpsearch.space.space import Space
from hpsearch.trial.trial import Direction

FEWEST_WITH_VALUE = 8
"""Trials with a value; of fewer nothing is said."""

_DEEPEST = 0.25  # of a range; with few trials the outer part would reach the middle
_OUTER_TIMES_ROOT, _BEST_PER_ROOT = 1.2, 1.45  # find the most bounds in simulations, with under 5 % of false alarms
_LEVEL = 0.05  # of false alarms for a whole study, shared by both sides of all axes
_HALF = 0.5

_LARGEST, _SMALLEST = 1e300, 1e-300  # differences and ratios of bounds stay finite
_ROUNDING = 1e-9  # relative: a number so near to a round one counts as round
_LEAST_DECADES = 1.0
_STEPS_OF_GROWTH = 4  # at least, of the steps that a linear bound is rounded to
_WORDS = {"low": "lower", "high": "upper"}
_PLAIN_LOW, _PLAIN_HIGH = 1e-3, 1e6  # numbers in between are written without an exponent

Side = Literal["low", "high"]
_SIDES: tuple[Side, ...] = ("low", "high")


@dataclass(frozen=True, kw_only=True, slots=True)
class Edge:
    """A bound that the best trials crowd.

    Attributes:
        name: Of the parameter.
        side: Which of its bounds.
        bound: The present one, as stored: before a scaling by `per`.
        near: The number of best trials in the outer part of the range on that side.
        best: The number of best trials looked at.
        inner: The innermost value of the near trials, rounded to the quantum; further trials start here.
        proposed: The new bound; equal to `bound` if it may not grow.
        held_by: Why the bound may not grow, as a clause for users such as `0 is its natural end`; empty if it may.
    """

    name: str
    side: Side
    bound: float
    near: int
    best: int
    inner: float
    proposed: float
    held_by: str = ""


def crowded_edges(space: Space, past: Sequence[Past], direction: Direction) -> list[Edge]:
    """Return the bounds that the best trials crowd, in the order of the space: at most one for each numeric axis.

    Args:
        space: With bounds around everything explored so far.
        past: Trials in the order of their numbers, which breaks ties; running ones don't count.
        direction: Of the metric.
    """
    ended = [one for one in past if not one.running]
    ranges = {name: axis for name, axis in space.parameters.items() if isinstance(axis, Range)}
    best = best_of_past(ended, direction, _best_count(ended))
    level = _LEVEL / (2 * max(1, len(ranges)))
    found = []
    for name, axis in ranges.items():
        active = [one for one in ended if name in one.params]
        # If a parameter is inactive in all of the best trials, its bounds don't matter.
        if any(name in one.params for one in best):
            rivals = best if len(active) == len(ended) else best_of_past(active, direction, _best_count(active))
            found += _crowded(space, name, axis, active, rivals, level)
    return found


def _best_count(ended: Sequence[Past]) -> int:
    return int(_BEST_PER_ROOT * math.sqrt(sum(one.value is not None for one in ended)))


def _crowded(
    space: Space, name: str, axis: Range, ended: Sequence[Past], best: Sequence[Past], level: float
) -> list[Edge]:
    """Return the crowded bound of one axis, if there is one.

    Args:
        ended: The trials with the parameter.
        best: The best of these.
        level: The largest probability with which chance may explain a crowd.
    """
    if sum(one.value is not None for one in ended) < FEWEST_WITH_VALUE:
        return []
    quantiles = _quantiles(axis, [one.params[name] for one in ended])
    values = [one.params[name] for one in best]
    of_best = list(zip(values, _quantiles(axis, values), strict=True))
    for side in _SIDES:
        depths = [_depth(side, quantile) for quantile in quantiles]
        # A grid without jitter has no trials beyond the centres of its outermost cells.
        outer = max(min(_DEEPEST, _OUTER_TIMES_ROOT / math.sqrt(len(ended))), min(depths))
        beside = [one for one, depth in zip(ended, depths, strict=True) if depth <= outer]
        near = [value for value, quantile in of_best if _depth(side, quantile) <= outer]
        leads = _depth(side, of_best[0][1]) < _HALF
        if leads and not _fail_there(beside, ended) and _is_crowd(len(ended), len(beside), len(best), len(near), level):
            return [_edge(space, name, axis, side, near, len(best))]
    return []


def _quantiles(axis: Range, values: Sequence[float]) -> list[float]:
    """Return the places of trained values between the bounds, from 0 to 1 in the range's own scale."""
    return axis.quantiles(values if axis.quantum is None else [axis.resolve(value) for value in values])


def _depth(side: Side, quantile: float) -> float:
    """Return the distance of a value from a bound, as a share of the range in its own scale."""
    return quantile if side == "low" else 1 - quantile


def _fail_there(beside: Sequence[Past], ended: Sequence[Past]) -> bool:
    """Return whether most trials beside a bound have no value, and a larger share than elsewhere: a cliff is near."""
    # A larger share than elsewhere, for a pruner leaves most trials without a value everywhere.
    without, of_all = (sum(one.value is None for one in some) for some in (beside, ended))
    return without > _HALF * len(beside) and without * len(ended) > of_all * len(beside)


def _is_crowd(ended: int, beside: int, best: int, near: int, level: float) -> bool:
    followed = beside > _HALF * ended and near == best
    return followed or _chance(ended, beside, best, near) < level


def _edge(space: Space, name: str, axis: Range, side: Side, near: Sequence[float], best: int) -> Edge:
    proposed, held_by = _grown(axis, side, space.limits.get(name, (-math.inf, math.inf)))
    return Edge(
        name=name,
        side=side,
        bound=axis.low if side == "low" else axis.high,
        near=len(near),
        best=best,
        inner=_within(axis, max(near) if side == "low" else min(near)),
        proposed=proposed,
        held_by=held_by,
    )


def _within(axis: Range, value: float) -> float:
    return type(axis.low)(min(max(axis.resolve(value), axis.low), axis.high))


def _chance(ended: int, beside: int, best: int, near: int) -> float:
    """Return the chance that at least `near` of the `best` trials are among `beside` if the axis doesn't matter."""
    # Logarithms, for binomials of thousands of trials are beyond a float.
    ways = _log_comb(ended, best)
    counts = range(max(near, best - (ended - beside)), min(best, beside) + 1)
    return sum(math.exp(_log_comb(beside, i) + _log_comb(ended - beside, best - i) - ways) for i in counts)


def _log_comb(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _grown(axis: Range, side: Side, limits: tuple[float, float]) -> tuple[float, str]:
    """Return a new bound and an empty text, or the present bound and the reason why it may not grow."""
    up = side == "high"
    bound = axis.high if up else axis.low
    outward = 1 if up else -1
    wanted = axis.snapped(_log_growth(axis, up=up) if axis.log else _linear_growth(axis, up=up), up=up)
    held_by = "{} is its natural end"
    ends = (
        (_natural_end(axis, side), held_by),
        (limits[1] if up else limits[0], "its limits end there"),
    )
    for end, why in ends:
        if outward * wanted > outward * end:
            wanted, held_by = axis.snapped(end, up=not up), why  # a multiple not beyond the end
    if outward * wanted <= outward * bound:
        return bound, held_by.format(shown_number(bound))
    return type(bound)(wanted), ""


def _natural_end(axis: Range, side: Side) -> float:
    """Return the end that a bound can't cross without changing the kind of quantity, or losing exactness."""
    step = axis.quantum or (1 if axis.integer else 0)
    largest = min(_LARGEST, MOST_STEPS * step) if step else _LARGEST
    if side == "high":
        # A share, such as a momentum. A log scale may have shares too, so a learning rate first stops at 1.
        share = axis.high < 1 if axis.log else axis.low >= 0 and axis.high <= 1
        return 1.0 if share else largest
    if axis.log:
        return step or _SMALLEST
    if axis.low < 0:
        return -largest
    return 1 if axis.integer and axis.low >= 1 else 0


def _log_growth(axis: Range, *, up: bool) -> float:
    """Return a bound half of the range, and at least a decade, beyond the present one: 1, 2 or 5 times 10^n."""
    growth = max(_LEAST_DECADES, axis.decades / 2)
    exponent = math.log10(axis.high) + growth if up else math.log10(axis.low) - growth
    exponent = min(max(exponent, math.log10(_SMALLEST)), math.log10(_LARGEST))
    power = math.floor(exponent + _ROUNDING)
    rest = exponent - power
    digits = (1, 2, 5, 10)
    if up:
        digit = min(digit for digit in digits if math.log10(digit) >= rest - _ROUNDING)
    else:
        digit = max(digit for digit in digits if math.log10(digit) <= rest + _ROUNDING)
    return float(f"{digit}e{power}")


def _linear_growth(axis: Range, *, up: bool) -> float:
    """Return a bound half of the range beyond the present one, rounded outward to few digits."""
    growth = (axis.high - axis.low) / 2
    wanted = axis.high + growth if up else axis.low - growth
    finest = max(growth / _STEPS_OF_GROWTH, _SMALLEST)
    power = math.floor(math.log10(finest))
    digit = max(digit for digit in (1, 2, 5) if digit == 1 or float(f"{digit}e{power}") <= finest * (1 + _ROUNDING))
    step = Fraction(f"{digit}e{power}")
    count = Fraction(min(max(wanted, -_LARGEST), _LARGEST)) / step
    return float(step * (math.ceil(count - Fraction(_ROUNDING)) if up else math.floor(count + Fraction(_ROUNDING))))


def in_words(edges: Sequence[Edge], space: Space) -> list[str]:
    """Return a line for each edge: where the best trials lie, and what to try instead.

    Args:
        space: The space of the edges.
    """
    return [f"{edge.name}: {_crowd(edge, space)}, {_advice(edge)}" for edge in edges]


def _crowd(edge: Edge, space: Space) -> str:
    trials = "best trials that have it" if edge.name in space.conditions else "best trials"
    inner, bound = shown_number(edge.inner), shown_number(edge.bound)
    where = "at" if inner == bound else f"between {inner} and"
    return f"{edge.near} of the {edge.best} {trials} lie {where} the {_WORDS[edge.side]} bound {bound}"


def _advice(edge: Edge) -> str:
    if edge.held_by:
        return f"which stays ({edge.held_by})"
    return f"which may be too tight (try {'up' if edge.side == 'high' else 'down'} to {shown_number(edge.proposed)})"


def shown_number(value: float) -> str:
    """Return a number as people write it in a space file, such as 1e-4, 0.1 or 64."""
    if isinstance(value, int):
        return str(value)
    if value == 0 or _PLAIN_LOW <= abs(value) < _PLAIN_HIGH:
        return f"{value:.4g}" if abs(value) < 1 else f"{value:.6g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
