"""Distributions, and the space they make up. Names are Ray Tune's, but every bound is inclusive."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from hpsearch.errors import FieldError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Range:
    """A numeric distribution over [low, high], both ends included.

    Attributes:
        kind: Its name in a space file.
        quantum: Values are rounded to multiples of it; None for no rounding. The bounds are multiples of it.
    """

    kind: str
    low: float
    high: float
    quantum: float | None = None

    @property
    def log(self) -> bool:
        """Whether it is uniform in the logarithm."""
        return "log" in self.kind

    @property
    def integer(self) -> bool:
        """Whether its values are integers."""
        return "int" in self.kind

    @property
    def decades(self) -> float:
        """Powers of ten between the bounds of a log range; 0 for a linear one."""
        return math.log10(self.high) - math.log10(self.low) if self.log else 0.0

    @property
    def count(self) -> float:
        """How many different values it has; infinite for a continuous one."""
        if self.quantum is not None:
            return round((self.high - self.low) / self.quantum) + 1
        return self.high - self.low + 1 if self.integer else math.inf

    @property
    def _margin(self) -> float:
        # Half a step beyond both bounds gives the first and the last value the same share as the others.
        return (self.quantum or (1 if self.integer else 0)) / 2

    def draw(self, unit: float) -> float:
        """Return the value at a quantile, as it is stored: inside the bounds, not yet rounded to the quantum.

        Args:
            unit: In [0, 1].
        """
        low, high = self.low - self._margin, self.high + self._margin
        if self.log:
            value = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
        else:
            value = low + unit * (high - low)
        if self.integer:
            value = math.floor(
                value + 0.5
            )  # round() would take halves to the even neighbour, and a cell of a grid ends there
        return type(self.low)(min(max(value, self.low), self.high))

    def quantile(self, value: float) -> float:
        """Return where a value lies between the bounds in the distribution's own scale, from 0 to 1."""
        if self.low == self.high:
            return 0.5
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def resolve(self, stored: float) -> float:
        """Return the value that a config has for a stored one: rounded to the nearest multiple of the quantum."""
        if self.quantum is None:
            return stored
        # Decimal keeps 3 * 0.1 at 0.3.
        multiple = Decimal(repr(self.quantum)) * round(stored / self.quantum)
        value = int(multiple) if self.integer else float(multiple)
        return min(max(value, self.low), self.high)

    def to_optuna(self) -> BaseDistribution:
        """Return the Optuna distribution that contains the stored values."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.integer:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice among values, each with a distinct scalar as its name.

    Attributes:
        names: What is stored: distinct scalars.
        values: What a config has, in the same order.
    """

    names: tuple[Scalar, ...]
    values: tuple[Any, ...]

    @property
    def count(self) -> int:
        """How many choices there are."""
        return len(self.names)

    def draw(self, unit: float) -> Scalar:
        """Return the name at a quantile in [0, 1]."""
        return self.names[min(int(unit * self.count), self.count - 1)]

    def resolve(self, stored: Scalar) -> Any:
        """Return the value of a stored name; a copy, for an objective may change what it is given."""
        return copy.deepcopy(self.values[self.names.index(stored)])

    def to_optuna(self) -> BaseDistribution:
        """Return the Optuna distribution over the names."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.names)


Distribution = Range | Choice


@dataclass(frozen=True, slots=True)
class Space:
    """Parameters with their distributions, and constants.

    Attributes:
        order: All names in the order of the file.
    """

    parameters: Mapping[str, Distribution]
    constants: Mapping[str, Any] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters and constants, in the order of the file."""
        return self.order or (*self.parameters, *self.constants)

    def config(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the config for stored parameters: rounded, choices by value, constants included.

        Args:
            params: One stored value for each parameter.

        Raises:
            KeyError: A parameter is missing.
        """
        return {
            name: self.constants[name] if name in self.constants else self.parameters[name].resolve(params[name])
            for name in self.names
        }

    def optuna_distributions(self) -> dict[str, BaseDistribution]:
        """Return the Optuna distributions of the stored values, by name."""
        return {name: distribution.to_optuna() for name, distribution in self.parameters.items()}


_QUANTISED = ("quniform", "qloguniform", "qrandint", "qlograndint")
RANGE_KINDS = ("uniform", "loguniform", "randint", "lograndint", *_QUANTISED)
KINDS = (*RANGE_KINDS, "choice")
_MAX_STEPS = 2**53  # floats tell multiples of the step apart up to here
_SHOWN_CHARACTERS = 60

Path = tuple[str | int, ...]


def parse_space(raw: Mapping[str, Any], path: Path = ("space",)) -> Space:
    """Return the space that a mapping of the file describes.

    Args:
        raw: Name to `{kind: arguments}`, or to a scalar for a constant.
        path: Where the mapping stands in the file, for messages.

    Raises:
        FieldError: A distribution is wrong; the message says what is allowed.
    """
    parameters: dict[str, Distribution] = {}
    constants: dict[str, Any] = {}
    for name, value in raw.items():
        here = (*path, name)
        if not name:
            raise FieldError(here, "the name of a parameter is empty", "text")
        if isinstance(value, Mapping):
            parameters[name] = _parse_distribution(value, here)
        elif isinstance(value, list):
            raise FieldError(
                here, f"is a list, {shown(value)}", "{choice: [...]}, a range such as {uniform: [0, 1]}, or a constant"
            )
        else:
            constants[name] = value
    if not parameters:
        raise FieldError(
            path, "has no parameter to search", "at least one distribution, such as lr: {loguniform: [1e-4, 1e-1]}"
        )
    return Space(parameters, constants, tuple(raw))


def _parse_distribution(raw: Mapping[str, Any], path: Path) -> Distribution:
    if len(raw) != 1:
        raise FieldError(
            path, f"has {len(raw)} keys, {shown(dict(raw))}", f"one of {', '.join(KINDS)}, such as {{uniform: [0, 1]}}"
        )
    kind, arguments = next(iter(raw.items()))
    if kind == "choice":
        return _parse_choice(arguments, (*path, kind))
    if kind not in RANGE_KINDS:
        raise FieldError(path, f"unknown distribution {kind!r}", ", ".join(KINDS), nearest(str(kind), KINDS))
    return _parse_range(kind, arguments, (*path, kind))


def _parse_range(kind: str, arguments: Any, path: Path) -> Range:
    quantised, integer = kind in _QUANTISED, "int" in kind
    form = "[low, high, step]" if quantised else "[low, high]"
    kinds = "integers" if integer else "numbers"
    length = 3 if quantised else 2
    if not isinstance(arguments, list) or len(arguments) != length:
        raise FieldError(path, f"found {shown(arguments)}", f"{form}, {length} {kinds}")
    for position, value in enumerate(arguments):
        if not _is_number(value, integer=integer):
            raise FieldError((*path, position), f"found {shown(value)}", f"{form}, finite {kinds}")
    low, high, *steps = (int(a) if integer else float(a) for a in arguments)
    if low >= high:
        raise FieldError(
            path, f"low {shown(arguments[0])} is not below high {shown(arguments[1])}", f"{form} with low < high"
        )
    if "log" in kind and low <= 0:
        raise FieldError((*path, 0), f"low is {shown(arguments[0])}", "a low above 0, for the range is logarithmic")
    if not math.isfinite(high - low):
        raise FieldError(path, f"found {shown(arguments)}", "bounds whose difference is a finite number")
    if steps:
        _check_step(arguments, form, path)
    return Range(kind, low, high, *steps)


def _is_number(value: object, *, integer: bool) -> bool:
    # An integer beyond a float's range has no isfinite().
    kinds = int if integer else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool) and abs(value) < math.inf


def _check_step(arguments: list[Any], form: str, path: Path) -> None:
    # As fractions of the text: in floats 0.3 is no multiple of 0.1.
    low, high, step = (Fraction(repr(a)) for a in arguments)
    if step <= 0:
        raise FieldError((*path, 2), f"the step is {shown(arguments[2])}", "a step above 0")
    for position, bound in enumerate((low, high)):
        if bound % step != 0:
            raise FieldError(
                (*path, position),
                f"{shown(arguments[position])} is not a multiple of the step {shown(arguments[2])}",
                f"{form} with both bounds multiples of the step",
            )
    if max(-low, high) / step > _MAX_STEPS:
        raise FieldError((*path, 2), f"the step is {shown(arguments[2])}", "a larger step for such bounds")


def _parse_choice(arguments: Any, path: Path) -> Choice:
    if isinstance(arguments, Mapping) and arguments:
        names, values = tuple(arguments), tuple(arguments.values())
    elif isinstance(arguments, list) and arguments:
        names, values = tuple(arguments), tuple(arguments)
    else:
        raise FieldError(path, f"found {shown(arguments)}", "a list of different scalars, or {name: value}, not empty")
    for position, name in enumerate(names):
        if not isinstance(name, Scalar):
            raise FieldError(
                (*path, position), f"found {shown(name)}", "scalars; give anything else a name: {name: value}"
            )
        if isinstance(name, float) and not math.isfinite(name):
            raise FieldError((*path, position), f"found {shown(name)}", "finite numbers")
        if name in names[:position]:
            other = names[names.index(name)]
            reason = "twice" if type(other) is type(name) else f"beside {shown(other)}, which is the same to a store"
            raise FieldError(
                (*path, position),
                f"found {shown(name)} {reason}",
                "different scalars; name such values: {name: value}",
            )
    return Choice(names, values)


def nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Return the known word nearest to a mistyped one, or an empty string."""
    import difflib

    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.6)), "")


def shown(value: object) -> str:
    """Return a value as YAML would show it, cut to part of a line."""
    words = {True: "true", False: "false", None: "null"}
    text = words[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
