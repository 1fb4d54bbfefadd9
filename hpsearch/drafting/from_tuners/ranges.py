"""Numeric distributions of other tools, as those of a space file. All its bounds are inclusive."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from hpsearch.drafting.from_tuners.fields import exponential, number, rounded
from hpsearch.errors import FieldError
from hpsearch.space.distributions import MOST_STEPS
from hpsearch.system.plain import LARGEST_INTEGER
from hpsearch.text import FieldPath, shown

_CLOSE = Fraction(1, 10**9)  # relative: a bound is a rounded number, so it may be this far from a multiple of the step
_SPREAD = 2  # standard deviations on each side; they hold 95% of a normal distribution


@dataclass(frozen=True, slots=True)
class Found:
    """What a parameter of another tool becomes.

    Attributes:
        raw: What the space file has: a mapping with a distribution, or a scalar for a constant.
        note: What differs from the other tool. It is printed, and it is a comment in the file.
        comment: What helps to recognise the parameter; a comment in the file only.
        is_lost: Whether a space file can't have it at all; `note` says why.
    """

    raw: Any = None
    note: str = ""
    comment: str = ""
    is_lost: bool = False

    def noting(self, *notes: str) -> Found:
        """Return the same, with notes before its own."""
        return replace(self, note="; ".join(note for note in (*notes, self.note) if note))


def interval(low: float, high: float, path: FieldPath, *, log: bool = False) -> Found:
    """Return a continuous range with both ends.

    Raises:
        FieldError: The bounds are in the wrong order, too far apart, or not above 0 in a logarithmic range.
    """
    _check(low, high, path, log=log)
    if low == high:
        return Found(low, note="its bounds are the same: a constant")
    return Found({"loguniform" if log else "uniform": [low, high]})


def integers(low: int, high: int, path: FieldPath, *, log: bool = False) -> Found:
    """Return a range of integers with both ends.

    Raises:
        FieldError: As `interval`.
    """
    _check(low, high, path, log=log)
    if low == high:
        return Found(low, note=f"{low} is its only value: a constant")
    return Found({"lograndint" if log else "randint": [low, high]})


def stepped(low: float, high: float, step: float, path: FieldPath, *, log: bool = False, whole: bool = False) -> Found:
    """Return a range of multiples of a step. Its bounds are moved inward to multiples.

    Args:
        whole: Whether values and step are integers.

    Raises:
        FieldError: As `interval`, or the step is not above 0.
    """
    _check(low, high, path, log=log)
    if step <= 0:
        raise FieldError(path, f"the step is {shown(step)}", "a step above 0")
    unit = Fraction(repr(step))
    exact = Fraction(repr(low)) / unit, Fraction(repr(high)) / unit
    first, last = _multiple(exact[0], math.ceil), _multiple(exact[1], math.floor)
    first = max(first, 1) if log else first  # a logarithmic range has no 0, which a bound may be next to
    if first > last:
        note = f"no multiple of {shown(step)} is between its bounds, so there is no step"
        return _without_step(low, high, path, log=log, whole=whole).noting(note)
    ends = [_value(count * unit, whole=whole) for count in (first, last)]
    if max(-first, last) > MOST_STEPS or any(Fraction(repr(end)) % unit for end in ends):
        plain = _without_step(low, high, path, log=log, whole=whole)
        return plain.noting(f"multiples of {shown(step)} are too many or too long, so there is no step")
    moved = [
        f"{side} {shown(there)} is no multiple of {shown(step)}: {shown(end)}"
        for side, there, end, count, place in zip(("low", "high"), (low, high), ends, (first, last), exact, strict=True)
        if abs(place - count) > _CLOSE * abs(count)
    ]
    if first == last:
        return Found(ends[0], note=f"{shown(ends[0])} is its only value: a constant")
    whole = whole and all(isinstance(end, int) for end in ends)
    kind = f"{'log' if log else ''}{'randint' if whole else 'uniform'}"
    if isinstance(step, int):  # as people write them
        ends = [int(end) if abs(end) < LARGEST_INTEGER else end for end in ends]
    raw = {kind: ends} if whole and step == 1 else {f"q{kind}": [*ends, step]}
    return Found(raw).noting(*moved)


def normal(mean: float, deviation: float, path: FieldPath, step: float | None = None, *, log: bool = False) -> Found:
    """Return a range in place of a normal distribution, which a space file can't have.

    Args:
        step: Values are its multiples; None for any number. A step of type int makes integers.
        log: Whether the value's logarithm has the distribution.

    Raises:
        FieldError: The deviation is below 0, or the range is not finite.
    """
    if deviation < 0:
        raise FieldError(path, f"the standard deviation is {shown(deviation)}", "a number of at least 0")
    low, high = mean - _SPREAD * deviation, mean + _SPREAD * deviation
    low, high = (rounded(exponential(end, path) if log else number(end, path)) for end in (low, high))
    name = f"{'log' if log else ''}normal({mean:g}, {deviation:g})"
    note = f"{name} is replaced by a range of 2 standard deviations on each side"
    return _standing_in(low, high, step, path, log=log).noting(note)


def beta(a: float, b: float, path: FieldPath, step: float | None = None) -> Found:
    """Return a range in place of a beta distribution, which a space file can't have.

    Args:
        step: As for `normal`.

    Raises:
        FieldError: A shape parameter is not above 0.
    """
    if a <= 0 or b <= 0:
        raise FieldError(path, f"the shapes are {shown(a)} and {shown(b)}", "numbers above 0")
    mean, deviation = a / (a + b), math.sqrt(a * b / (a + b + 1)) / (a + b)
    low, high = (rounded(min(max(mean + sign * _SPREAD * deviation, 0), 1)) for sign in (-1, 1))
    note = f"beta({a:g}, {b:g}) is replaced by a range of 2 standard deviations on each side"
    return _standing_in(low, high, step, path).noting(note)


def _standing_in(low: float, high: float, step: float | None, path: FieldPath, *, log: bool = False) -> Found:
    if step is None:
        return interval(low, high, path, log=log)
    return stepped(low, high, step, path, log=log, whole=isinstance(step, int))


def _check(low: float, high: float, path: FieldPath, *, log: bool) -> None:
    if low > high:
        raise FieldError(path, f"low {shown(low)} is above high {shown(high)}", "low <= high")
    if log and low <= 0:
        raise FieldError(path, f"low is {shown(low)}", "a low above 0, because the range is logarithmic")
    if not math.isfinite(float(high) - float(low)):
        raise FieldError(path, f"found {shown(low)} and {shown(high)}", "bounds whose difference is a finite number")


def _multiple(place: Fraction, inward: Callable[[Fraction], int]) -> int:
    nearest = round(place)
    return nearest if abs(place - nearest) <= _CLOSE * abs(nearest) else inward(place)


def _without_step(low: float, high: float, path: FieldPath, *, log: bool, whole: bool) -> Found:
    """Return a range of integers if there are any between its bounds and they are wanted, or of any numbers."""
    if whole and max(-low, high) < LARGEST_INTEGER and math.ceil(low) <= math.floor(high):
        return integers(math.ceil(low), math.floor(high), path, log=log)
    return interval(low, high, path, log=log)


def _value(exact: Fraction, *, whole: bool) -> float:
    return int(exact) if whole and abs(exact) < LARGEST_INTEGER else float(exact)
