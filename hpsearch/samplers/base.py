"""What all samplers of a space share: config i is a pure function of (space, seed, i)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from hpsearch.seeding import unit
from hpsearch.space import Choice, Range, Space


class SpaceSampler(BaseSampler):
    """An Optuna sampler that draws the configs of a space by their numbers.

    Optuna calls it through `create_study(sampler=...)`, hpsearch's driver through `draw`; both get the same config for
    the same number, in any order and in any process. Values are as they are stored: a quantised one is not yet rounded
    (`Space.config` does that), a choice is its name.

    Args:
        space: What is searched.
        seed: In [0, 2**32).
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, seed

    @abstractmethod
    def draw(self, number: int) -> dict[str, Any]:
        """Return the stored value of each parameter for config `number`, from 0."""

    def infer_relative_search_space(
        self,
        study: Study,
        trial: FrozenTrial,
    ) -> dict[str, BaseDistribution]:
        """Return all parameters of the space, for a config is drawn as a whole."""
        del study, trial  # Optuna's signature; nothing that has happened may matter
        return self.space.optuna_distributions()

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Return the config of the trial's number."""
        del study, search_space
        return self.draw(trial.number)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a value for a parameter that the space does not have, as a function of seed, number and name."""
        del study
        quantile = unit(self.seed, "independent", trial.number, param_name)
        return draw_from(param_distribution, quantile)

    def reseed_rng(self) -> None:
        """Do nothing: there is no generator whose copies in several processes could repeat each other."""


def draw_from(distribution: BaseDistribution, quantile: float) -> Any:
    """Return the value of an Optuna distribution at a quantile.

    Args:
        distribution: Float, integer (each with or without a step) or categorical.
        quantile: In [0, 1).

    Raises:
        TypeError: It is of a kind that Optuna may add later.
    """
    if isinstance(distribution, CategoricalDistribution):
        return Choice(distribution.choices, distribution.choices).draw(quantile)
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        msg = f"can't draw from {distribution!r}; known are float, integer and categorical distributions"
        raise TypeError(msg)
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is not None and not distribution.log:  # Optuna has no steps on a log scale but the 1 of integers
        steps = round((high - low) / step)
        return min(low + step * min(int(quantile * (steps + 1)), steps), high)
    kind = ("log" if distribution.log else "") + ("int" if isinstance(distribution, IntDistribution) else "uniform")
    return Range(kind, low, high).draw(quantile)


def draw_space(space: Space, quantiles: Mapping[str, float]) -> dict[str, Any]:
    """Return the stored value of each parameter at its quantile in [0, 1)."""
    return {name: distribution.draw(quantiles[name]) for name, distribution in space.parameters.items()}
