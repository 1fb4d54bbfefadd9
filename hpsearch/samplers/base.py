"""The base of all samplers: config i is a function of (space, seed, i), and no config comes twice."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from hpsearch.errors import SpaceUsedUpError
from hpsearch.samplers.past import Past, Proposal
from hpsearch.space.distributions import Choice, Range
from hpsearch.space.space import Space
from hpsearch.text import counted
from hpsearch.trial.seeding import unit
from hpsearch.trial.trial import Direction, Params

_MAX_TRIES = 100_000  # draws for one config; constraints may leave one draw in a thousand
MAX_LISTED = 20_000  # configs; listing so many takes a second
_TRIES_BEFORE_LISTING = 64

Key = tuple[tuple[str, Any], ...]


class SpaceSampler(BaseSampler):
    """An Optuna sampler that draws the configs of a space by their numbers.

    Optuna calls it through `create_study(sampler=...)`, hpsearch's driver through `draw`. Both get the same config for
    the same number, in any order and in any process. Values are stored ones: a quantised value is not yet rounded
    (`Space.config_of` does that), a choice is its name. A forbidden or repeated config is drawn again under the same
    number.

    Args:
        space: The space to draw from.
        seed: In [0, 2**32).
        taken: Keys (`Space.key`) of configs to leave out.
    """

    adaptive = False
    """Whether `propose` depends on earlier trials."""

    def __init__(self, space: Space, seed: int, taken: Collection[Key] = ()) -> None:
        self.space, self.seed = space, seed
        self._drawn: list[Params] = []
        self._keys = set(taken)
        self._repeats = space.may_repeat
        self._listed: list[tuple[Key, Params]] | None = None
        self._position = 0  # in `_listed`: all configs before it were drawn

    @abstractmethod
    def candidate(self, number: int, attempt: int) -> Params:
        """Return a stored value for every parameter, active or not: a pure function of its arguments.

        Args:
            number: Of the config, from 0.
            attempt: From 0; the next one follows where a constraint or an earlier config rules this one out.
        """

    def draw(self, number: int) -> Params:
        """Return the stored value of each active parameter for config `number`, from 0.

        Raises:
            SpaceUsedUpError: No new config satisfies the constraints.
        """
        if not self._repeats:
            return self._accepted(number)
        # A config is new only against all earlier ones, so these are drawn once and kept.
        while len(self._drawn) <= number:
            params = self._accepted(len(self._drawn))
            self._drawn.append(params)
            self._keys.add(self.space.key(params))
        return Params(dict(self._drawn[number]))

    def recall(self, configs: Iterable[Params]) -> None:
        """Take stored configs, so that they need not be drawn again.

        Args:
            configs: Earlier results of `draw` for the numbers 0, 1 and so on.
        """
        if self._repeats:
            for params in itertools.islice(configs, len(self._drawn), None):
                self._drawn.append(Params(dict(params)))
                self._keys.add(self.space.key(params))

    def propose(self, number: int, past: Sequence[Past], direction: Direction) -> Params:
        """Return the config for a number, given the trials so far; here they don't matter.

        Args:
            past: Trials so far, also running ones.
            direction: Of the metric.

        Raises:
            SpaceUsedUpError: As `draw`.
        """
        del past, direction
        return self.draw(number)

    def proposal(self, number: int, past: Sequence[Past], direction: Direction) -> Proposal:
        """Return the same with what has to be stored beside the config.

        Args:
            past: As in `propose`.
            direction: As there.

        Raises:
            SpaceUsedUpError: As `draw`.
        """
        return Proposal(params=self.propose(number, past, direction))

    def _accepted(self, number: int) -> Params:
        axes = self._options()
        listable = math.prod(map(len, axes)) <= MAX_LISTED if axes is not None else False
        for attempt in range(_TRIES_BEFORE_LISTING if listable else _MAX_TRIES):
            params = self.space.only_active(self.candidate(number, attempt))
            if self._is_new(params) and self.space.allows(params):
                return params
        rest = self._next_listed(axes) if axes is not None and listable else None
        if rest is None:
            raise SpaceUsedUpError(self._used_up())
        return rest

    def _options(self) -> list[Sequence[Any]] | None:
        """Return the possible stored values of each parameter; None if there are too many."""
        axes = self.space.parameters.values()
        return [axis.listed() for axis in axes] if self.space.size <= MAX_LISTED else None

    def _used_up(self) -> str:
        if self._listed is None:
            return f"the space is used up: none of {_MAX_TRIES:,} draws is a config that is allowed and new"
        return f"the space is used up: {counted(len(self._listed), 'config')} in all, and none is left"

    def _is_new(self, params: Params) -> bool:
        return not self._repeats or self.space.key(params) not in self._keys

    def _next_listed(self, axes: Sequence[Sequence[Any]]) -> Params | None:
        """Return a new config of a small space, in an order that the seed decides; None if none is left."""
        if self._listed is None:
            found = {}
            for values in itertools.product(*axes):
                params = self.space.only_active(Params(dict(zip(self.space.parameters, values, strict=True))))
                if self.space.allows(params):
                    found[self.space.key(params)] = params
            self._listed = sorted(found.items(), key=lambda item: unit(self.seed, "rest", repr(item[1])))
        while self._position < len(self._listed) and self._listed[self._position][0] in self._keys:
            self._position += 1  # a drawn config stays drawn
        return Params(dict(self._listed[self._position][1])) if self._position < len(self._listed) else None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return all parameters of the space: configs are drawn whole."""
        del study, trial  # Optuna's signature; earlier trials must not matter
        return self.space.optuna_distributions()

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the config of the trial's number."""
        del study, search_space
        return dict(self.draw(trial.number))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value for a parameter outside the space, as a function of seed, number and name."""
        del study
        quantile = unit(self.seed, "independent", trial.number, param_name)
        return draw_from(param_distribution, quantile)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """End `study.optimize` when the space has no config left, as Optuna's own grid does."""
        del state, values
        if self._repeats and not self.adaptive:
            try:
                self.draw(trial.number + 1)
            except SpaceUsedUpError:
                with suppress(RuntimeError):  # outside of `optimize` there is nothing to end
                    study.stop()

    def reseed_rng(self) -> None:
        """Do nothing: no generator is kept, so copies in several processes can't repeat each other."""


def draw_from(distribution: BaseDistribution, quantile: float) -> Any:
    """Return the value of an Optuna distribution at a quantile.

    Args:
        distribution: Float, integer (each with or without a step) or categorical.
        quantile: In [0, 1).

    Raises:
        TypeError: The distribution is of another kind.
    """
    if isinstance(distribution, CategoricalDistribution):
        return Choice(distribution.choices, distribution.choices).draw(quantile)
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        msg = f"can't draw from {distribution!r}; known are float, integer and categorical distributions"
        raise TypeError(msg)
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is not None and not distribution.log:  # on a log scale Optuna's only step is the 1 of integers
        steps = round((high - low) / step)
        return min(low + step * min(int(quantile * (steps + 1)), steps), high)
    kind = ("log" if distribution.log else "") + ("int" if isinstance(distribution, IntDistribution) else "uniform")
    return Range(kind, low, high).draw(quantile)


def draw_space(space: Space, quantiles: Mapping[str, float]) -> Params:
    """Return the stored value of each parameter at its quantile in [0, 1)."""
    return Params({name: distribution.draw(quantiles[name]) for name, distribution in space.parameters.items()})


def draw_uniform(space: Space, seed: int, kind: str, number: int, attempt: int) -> Params:
    """Return independent uniform draws of all parameters; each attempt has its own."""
    again = (attempt,) if attempt else ()
    return draw_space(space, {name: unit(seed, kind, number, name, *again) for name in space.parameters})
