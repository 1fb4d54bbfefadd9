"""Tasks whose curves were recorded or are given by a surrogate: a config goes in, a value for each epoch comes out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hpsearch.space.distributions import Range
from hpsearch.space.parsing import parse_space
from hpsearch.space.space import Space
from hpsearch.trial.seeding import derive_seed

Floats = NDArray[np.float64]
Config = Mapping[str, Any]


class MissingDataError(Exception):
    """A folder, a file or a task is not there, or has another form; the message says which."""


class Curves(Protocol):
    """Where the curves of a task come from."""

    def player(self) -> Player:
        """Return a new player, for one study."""
        ...

    def sample(self) -> Floats:
        """Return the curves of random configs that regret is measured by, of shape (configs, epochs)."""
        ...


class Player(Protocol):
    """Plays the curves of one study."""

    def __call__(self, config: Config) -> Floats:
        """Return a new trial's value after each epoch, of shape (epochs,); NaN from where it diverged."""
        ...


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is searched.

    Attributes:
        family: `lcbench`, `taskset` or `alexnet`; tables have the mean over a family.
        raw: The space, as a space file has it.
        epochs: Of a full training.
        maximize: Whether larger values are better.
        curves: Where they come from.
        files: What decides on the curves, so that what follows from them can be kept.
    """

    name: str
    family: str
    raw: Mapping[str, Any]
    epochs: int
    maximize: bool
    curves: Curves
    files: tuple[str, ...] = ()

    @property
    def space(self) -> Space:
        """The space, parsed."""
        return parse_space(self.raw)

    @property
    def sign(self) -> int:
        """1 if larger values are better, else -1."""
        return 1 if self.maximize else -1


def epoch_time(config: Config, spread: float) -> float:
    """Return how long an epoch of a config takes: a lognormal number that depends on the config alone.

    Args:
        config: Its values.
        spread: The standard deviation of the logarithm; at 0 all epochs take 1.
    """
    key = derive_seed(repr([(name, config[name]) for name in sorted(config)]))
    return math.exp(spread * float(np.random.default_rng(key).normal())) if spread else 1.0


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What regret is measured by.

    Attributes:
        best: The best value of many random configs: a regret of 0.
        median: The best value of the median one of them: a regret of 100.
        sign: 1 if larger values are better, else -1.
    """

    best: float
    median: float
    sign: int

    @classmethod
    def of(cls, curves: Floats, sign: int) -> Reference:
        """Return the reference by the curves of random configs, of shape (configs, epochs).

        A config counts with the best value of its curve; one without any finite value is worse than all others.
        """
        values = np.where(np.isfinite(curves), sign * curves, -math.inf).max(axis=1)
        return cls(best=sign * float(values.max()), median=sign * float(np.median(values)), sign=sign)

    def regret(self, value: float | None) -> float:
        """Return the regret of a value in percent, from 0 to 100; None, no value at all, has 100."""
        if value is None:
            return 100.0
        share = self.sign * (self.best - value) / max(self.sign * (self.best - self.median), 1e-12)
        return 100 * min(max(0.0, share), 1.0)


class Table:
    """Recorded configs and their curves. A study draws from them.

    A config that a study proposes gets the curve of the nearest recorded config that the study has not got yet: the
    distance is Euclidean in the unit cube of the space, where the axis of a logarithmic range is logarithmic. So no
    config is trained twice, and a model of the configs sees the noise that it would see.

    Args:
        space: Of ranges only.
        configs: The recorded ones.
        curves: Theirs, of shape (configs, epochs).
    """

    def __init__(self, space: Space, configs: Sequence[Config], curves: Floats) -> None:
        self._axes = {name: axis for name, axis in space.parameters.items() if isinstance(axis, Range)}
        self._places = np.stack([self._place(config) for config in configs])
        self._curves = curves

    def _place(self, config: Config) -> Floats:
        return np.array([axis.quantile(config[name]) for name, axis in self._axes.items()])

    def player(self) -> Player:
        """Return a new player, which remembers what it has played."""
        free = np.ones(len(self._curves), dtype=bool)

        def play(config: Config) -> Floats:
            if not free.any():
                free[:] = True
            distances = np.square(self._places - self._place(config)).sum(axis=1)
            row = int(np.where(free, distances, np.inf).argmin())
            free[row] = False
            return self._curves[row]

        return play

    def sample(self) -> Floats:
        """Return all curves."""
        return self._curves
