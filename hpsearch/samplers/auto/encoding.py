"""Configs as points: the model needs numbers on every axis, whatever the parameters are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hpsearch.samplers.base import draw_space
from hpsearch.space.distributions import Choice, Range
from hpsearch.space.space import Space
from hpsearch.trial.trial import Params

Floats = npt.NDArray[np.float64]

_APART = math.sqrt(0.5)  # on two axes each: then two names of a choice are 1 apart
_MIDDLE = 0.5  # stands for a range's place where the parameter is inactive


class Encoder:
    """Turns quantiles into configs, and both into coordinates.

    Quantiles have one column a parameter, each in [0, 1]. Coordinates have one column for a range, its place between
    the bounds in its own scale, and one column for each name of a choice: two names are 1 apart. An inactive parameter
    gets the middle. Parameters with a single value have no coordinates.

    Args:
        space: Of the configs.

    Attributes:
        groups: For each column of coordinates its parameter's position among those that have any; shape (n_columns,).
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._names = tuple(space.parameters)
        self._modelled = [name for name in self._names if space.parameters[name].count > 1]
        widths = [self._width(name) for name in self._modelled]
        self.groups: npt.NDArray[np.int64] = np.repeat(np.arange(len(widths)), widths)

    def _width(self, name: str) -> int:
        axis = self.space.parameters[name]
        return 1 if isinstance(axis, Range) else int(axis.count)

    @property
    def dimensions(self) -> int:
        """How many parameters have more than one value."""
        return len(self._modelled)

    def params(self, quantiles: Floats) -> Params:
        """Return the stored values of active parameters at a quantile of each parameter; shape (n_parameters,)."""
        drawn = draw_space(self.space, dict(zip(self._names, map(float, quantiles), strict=True)))
        return self.space.only_active(drawn)

    def quantiles(self, params: Params) -> Floats:
        """Return the quantiles of stored params, 0.5 for what they lack; shape (n_parameters,)."""
        return np.array([self._quantile(name, params) for name in self._names])

    def _quantile(self, name: str, params: Params) -> float:
        axis = self.space.parameters[name]
        if name not in params:
            return _MIDDLE
        if isinstance(axis, Choice):
            return (axis.names.index(params[name]) + 0.5) / axis.count
        return _quantile(axis, params[name])

    def coordinates(self, params: Params) -> Floats:
        """Return the coordinates of stored params; shape (n_columns,)."""
        parts = [self._place(self.space.parameters[name], params, name) for name in self._modelled]
        return np.concatenate(parts) if parts else np.empty(0)

    def _place(self, axis: Range | Choice, params: Mapping[str, Any], name: str) -> Floats:
        if isinstance(axis, Range):
            known = name in params
            return np.array([min(max(axis.quantile(axis.resolve(params[name])), 0.0), 1.0) if known else _MIDDLE])
        if name not in params:
            return np.full(int(axis.count), _APART / axis.count)
        return np.where(np.arange(axis.count) == axis.names.index(params[name]), _APART, 0.0)

    def stacked(self, params: Iterable[Params]) -> Floats:
        """Return the coordinates of several configs; shape (n_configs, n_columns)."""
        return rows_of([self.coordinates(one) for one in params], len(self.groups))

    def coordinates_at(self, quantiles: Floats) -> Floats:
        """Return the coordinates of configs at quantiles, as if each parameter were active.

        Args:
            quantiles: Shape (n_configs, n_parameters).

        Returns:
            Shape (n_configs, n_columns).
        """
        columns = [
            _places(self.space.parameters[name], quantiles[:, self._names.index(name)]) for name in self._modelled
        ]
        return np.concatenate(columns, axis=1) if columns else np.empty((len(quantiles), 0))


def rows_of(rows: Sequence[Floats], columns: int) -> Floats:
    """Return rows as a matrix, also where there are none, or none of them has columns."""
    return np.array(rows, float).reshape(len(rows), columns)


def _places(axis: Range | Choice, quantiles: Floats) -> Floats:
    """Return the columns of one parameter, as `Encoder._place` for what `draw` gives; shape (n_configs, n_columns)."""
    if isinstance(axis, Choice):
        picked = np.minimum((quantiles * axis.count).astype(int), axis.count - 1)
        return np.where(picked[:, None] == np.arange(axis.count), _APART, 0.0)
    if not np.isfinite(axis.count):
        return quantiles[:, None]
    return _discrete(axis, quantiles)[:, None]


def _quantile(axis: Range, value: float) -> float:
    """Return the quantile at which a range draws a value: the inverse of `Range.draw`."""
    step = (axis.quantum or axis.integer) / 2
    ends = axis.low - step, axis.high + step
    low, high, place = map(math.log, (*ends, value)) if axis.log else (*ends, value)
    return min(max((place - low) / (high - low), 0.0), 1.0) if high > low else _MIDDLE


def _discrete(axis: Range, quantiles: Floats) -> Floats:
    """Return the places of the rounded values at quantiles, between the bounds: `Range.draw` for arrays."""
    step = axis.quantum or 1
    low, high = axis.low - step / 2, axis.high + step / 2
    if axis.log:
        values = np.exp(np.log(low) + quantiles * (np.log(high) - np.log(low)))
    else:
        values = low + quantiles * (high - low)
    if axis.integer:
        values = np.floor(values + 0.5)
    values = np.clip(values, axis.low, axis.high)
    if axis.quantum is not None:
        values = axis.quantum * np.rint(values / axis.quantum)
    start, end = (np.log(axis.low), np.log(axis.high)) if axis.log else (axis.low, axis.high)
    places = ((np.log(values) if axis.log else values) - start) / (end - start)
    return np.asarray(np.clip(places, 0, 1), float)
