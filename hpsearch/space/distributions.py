"""Distributions of one parameter. Names are Ray Tune's, but every bound is inclusive."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Scalar = str | int | float | bool | None
MOST_STEPS = 2**53
"""The most steps from 0 to a bound: up to here, floats tell the multiples of a step apart."""


@dataclass(frozen=True, slots=True)
class Range:
    """A numeric distribution over [low, high], both ends included.

    Attributes:
        kind: Its name in a space file.
        quantum: Values are rounded to its multiples; None for no rounding. The bounds are multiples too.
    """

    kind: str
    low: float
    high: float
    quantum: float | None = None

    @property
    def log(self) -> bool:
        """Whether the range is uniform in the logarithm."""
        return "log" in self.kind

    @property
    def integer(self) -> bool:
        """Whether the values are integers."""
        return "int" in self.kind

    @property
    def decades(self) -> float:
        """Powers of ten between the bounds of a log range; 0 for a linear one."""
        return math.log10(self.high) - math.log10(self.low) if self.log else 0.0

    @property
    def count(self) -> float:
        """How many different values there are; infinite for a continuous range."""
        if self.quantum is not None:
            return round((self.high - self.low) / self.quantum) + 1
        return self.high - self.low + 1 if self.integer else math.inf

    @property
    def _margin(self) -> float:
        # Half a step beyond both bounds gives the first and the last value the same share as the others.
        return (self.quantum or (1 if self.integer else 0)) / 2

    def draw(self, unit: float) -> float:
        """Return the stored value at a quantile: inside the bounds, not yet rounded to the quantum.

        Args:
            unit: In [0, 1].
        """
        low, high = self.low - self._margin, self.high + self._margin
        if self.log:
            value = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
        else:
            value = low + unit * (high - low)
        if self.integer:
            # A cell of a grid may end at a half, which round() would take to the even neighbour.
            value = math.floor(value + 0.5)
        return type(self.low)(min(max(value, self.low), self.high))

    def quantile(self, value: float) -> float:
        """Return the place of a value between the bounds, from 0 to 1 in the range's own scale."""
        return self.quantiles([value])[0]

    def quantiles(self, values: Sequence[float]) -> list[float]:
        """Return the `quantile` of each value."""
        if self.low == self.high:
            return [0.5] * len(values)
        if self.log:
            low, width = math.log(self.low), math.log(self.high) - math.log(self.low)
            return [(math.log(value) - low) / width for value in values]
        low, width = self.low, self.high - self.low
        return [(value - low) / width for value in values]

    def resolve(self, stored: float) -> float:
        """Return the value in a config for a stored one: the nearest multiple of the quantum."""
        if self.quantum is None:
            return stored
        # Decimal keeps 3 * 0.1 at 0.3.
        multiple = Decimal(repr(self.quantum)) * round(stored / self.quantum)
        return int(multiple) if self.integer else float(multiple)

    def snapped(self, value: float, *, up: bool) -> float:
        """Return the nearest value up or down that the range would have with wider bounds."""
        if self.quantum is None and not self.integer:
            return value
        step = Decimal(repr(self.quantum or 1))
        count = Decimal(repr(value)) / step
        multiple = step * count.to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
        return int(multiple) if self.integer else float(multiple)

    def listed(self) -> list[float]:
        """Return all values.

        Raises:
            OverflowError: The range is continuous.
        """
        steps = range(int(self.count))
        if self.quantum is not None:
            return [self.resolve(self.low + step * self.quantum) for step in steps]
        return [type(self.low)(self.low + step) for step in steps]

    def to_optuna(self) -> BaseDistribution:
        """Return the Optuna distribution of the stored values."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.integer:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice among named values.

    Attributes:
        names: The stored names: distinct scalars.
        values: The values in configs, in the same order.
    """

    names: tuple[Scalar, ...]
    values: tuple[Any, ...]

    @property
    def count(self) -> int:
        """How many choices there are."""
        return len(self.names)

    def listed(self) -> list[Scalar]:
        """Return the names of all choices."""
        return list(self.names)

    def draw(self, unit: float) -> Scalar:
        """Return the name at a quantile in [0, 1]."""
        return self.names[min(int(unit * self.count), self.count - 1)]

    def resolve(self, stored: Scalar) -> Any:
        """Return a copy of the value with a stored name; an objective may change its config."""
        return copy.deepcopy(self.values[self.names.index(stored)])

    def to_optuna(self) -> BaseDistribution:
        """Return the Optuna distribution over the names."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.names)


Distribution = Range | Choice
