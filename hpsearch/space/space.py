"""The search space: parameters with their distributions, and the ties between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hpsearch.space.constraints import Constraint
from hpsearch.space.distributions import Distribution, Range, Scalar
from hpsearch.trial.trial import Config, Params

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Bounds = Mapping[str, tuple[float, float]]
"""Low and high, both included, by the name of a numeric parameter."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the trained value follows from the searched one, which is for a reference size.

    The linear rule: Goyal et al., Accurate, Large Minibatch SGD (2017). The square-root rule, which keeps the variance
    of a step: Krizhevsky, One weird trick (2014); for Adam, Malladi et al., On the SDEs and Scaling Rules (2022).

    Attributes:
        per: The parameter or constant with the size, such as batch_size.
        reference: The size for which the searched value is meant.
        rule: `linear` or `sqrt`.
    """

    per: str
    reference: float
    rule: str = "linear"

    def factor(self, size: float) -> float:
        """Return the factor on the searched value at a size above 0."""
        ratio = size / self.reference
        return math.sqrt(ratio) if self.rule == "sqrt" else ratio


@dataclass(frozen=True, slots=True)
class Space:
    """Parameters with their distributions, and constants.

    A parameter is *active* in a config if its conditions are met; inactive ones are absent from it. A store holds
    params: values as drawn, of active parameters only. A trial gets the config.

    Attributes:
        order: All names in the order of the file.
        conditions: By parameter, the stored values that others need; all must be met. They have no cycle.
        scalings: By parameter, how its value depends on another's.
        limits: By parameter, the bounds that no expansion crosses.
        constraints: Tests that every config satisfies.
    """

    parameters: Mapping[str, Distribution]
    constants: Mapping[str, Any] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    conditions: Mapping[str, Mapping[str, tuple[Scalar, ...]]] = field(default_factory=dict)
    scalings: Mapping[str, Scaling] = field(default_factory=dict)
    limits: Bounds = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters and constants, in the order of the file."""
        return self.order or (*self.parameters, *self.constants)

    @property
    def size(self) -> float:
        """The largest possible number of configs; infinite if a parameter is continuous."""
        counts = [distribution.count for distribution in self.parameters.values()]
        return math.inf if math.inf in counts else math.prod(counts)  # may be beyond a float's range

    @property
    def may_repeat(self) -> bool:
        """Whether independent draws can give a config twice: no continuous parameter is always active."""
        return all(math.isfinite(d.count) or name in self.conditions for name, d in self.parameters.items())

    def active(self, params: Params) -> list[str]:
        """Return the active parameters, in the order of the file.

        Args:
            params: A stored value for each of them; other values don't count.
        """
        if not self.conditions:
            return list(self.parameters)
        return [name for name in self.parameters if self._is_active(name, params)]

    def _is_active(self, name: str, params: Params) -> bool:
        for parent, wanted in self.conditions.get(name, {}).items():
            if parent in self.constants:
                value = self.constants[parent]
            elif parent in params and self._is_active(parent, params):
                value = params[parent]
            else:
                return False
            if value not in wanted:
                return False
        return True

    def only_active(self, params: Params) -> Params:
        """Return the params of active parameters.

        Raises:
            KeyError: One is missing.
        """
        return Params({name: params[name] for name in self.active(params)})

    def is_complete(self, params: Params) -> bool:
        """Return whether each active parameter has a value."""
        return all(name in params for name in self.active(params))

    def config_of(self, params: Params) -> Config:
        """Return the config for stored params: rounded, choices by value, scaled, constants included.

        Args:
            params: One stored value for each active parameter.

        Raises:
            KeyError: One is missing.
        """
        values = {name: self.parameters[name].resolve(params[name]) for name in self.active(params)}
        for name, scaling in self.scalings.items():
            if name in values:
                values[name] *= scaling.factor(self._size_of(scaling, values))
        return Config(
            {
                name: self.constants[name] if name in self.constants else values[name]
                for name in self.names
                if name in self.constants or name in values
            }
        )

    def _size_of(self, scaling: Scaling, values: Mapping[str, Any]) -> float:
        return float(self.constants[scaling.per] if scaling.per in self.constants else values[scaling.per])

    def scale_of(self, name: str, config: Mapping[str, Any]) -> float:
        """Return the factor on a parameter's searched value in a config; 1 if it is not scaled."""
        scaling = self.scalings.get(name)
        return 1.0 if scaling is None else scaling.factor(self._size_of(scaling, config))

    def key(self, params: Params) -> tuple[tuple[str, Scalar], ...]:
        """Return a key that is equal for two params if and only if they make the same config."""
        return tuple(
            (name, axis.resolve(params[name]) if isinstance(axis := self.parameters[name], Range) else params[name])
            for name in self.active(params)
        )

    def allows(self, params: Params) -> bool:
        """Return whether a config satisfies all constraints."""
        if not self.constraints:
            return True
        values = self.scalars(params)
        return all(constraint.holds(values) for constraint in self.constraints)

    def scalars(self, params: Params) -> dict[str, Any]:
        """Return the config that constraints read, with choices by name."""
        config = self.config_of(params)
        names = {name: params[name] for name in config if not isinstance(self.parameters.get(name), Range | None)}
        return {**config, **names}

    def with_bounds(self, bounds: Bounds) -> Space:
        """Return the same space with other bounds for some of its ranges."""
        if not bounds:
            return self
        changed: dict[str, Distribution] = {}
        for name, axis in self.parameters.items():
            if name in bounds and isinstance(axis, Range):
                low, high = bounds[name]
                changed[name] = replace(axis, low=type(axis.low)(low), high=type(axis.high)(high))
            else:
                changed[name] = axis
        return replace(self, parameters=changed)

    def optuna_distributions(self, params: Params | None = None) -> dict[str, BaseDistribution]:
        """Return the Optuna distributions of the stored values by name: of all parameters, or of those in a config."""
        names = self.parameters if params is None else self.active(params)
        return {name: self.parameters[name].to_optuna() for name in names}
