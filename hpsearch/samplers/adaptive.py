"""Samplers that learn from the trials so far: Optuna's TPE and Gaussian process, built anew for each config.

A sampler that is kept would repeat itself after a resume: a new `TPESampler(seed=0)` proposes the same configs again.
Here config i depends only on the seed, on i and on the other trials.
"""

from __future__ import annotations

import contextlib
import graphlib
import importlib
import math
import statistics
import threading
import warnings
from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.samplers.base import Key
from hpsearch.samplers.past import Past, Proposal, best_of_past
from hpsearch.samplers.sobol import SobolSampler, UnrepeatedSobol
from hpsearch.space.distributions import Range
from hpsearch.space.space import Space
from hpsearch.trial.seeding import derive_seed
from hpsearch.trial.trial import Direction, Params

START_UP = 10
"""Ended trials before the model is asked: the default of both samplers in Optuna."""

_FAILED_PER_SCORED = 9  # TPE calls a tenth of the trials good, and no failed one may be among them
_ENDS, _STEPS = 8, 32  # ways from a forbidden config to good ones, and the steps of each way
_FENCE = 1.5  # Tukey, Exploratory Data Analysis (1977): outliers lie this many quartile ranges beyond a quartile

_making = threading.RLock()  # warnings and log levels are global to the process, and `optimize(n_jobs=2)` has threads


class AdaptiveSampler(SobolSampler):
    """Asks a model of the trials so far for the next config.

    The first configs are Sobol points, until ten trials have ended and one of them has a value. Later a Sobol point
    stands in where the model proposes no config that is allowed and new.

    Args:
        space: The space to draw from. The model does not see trials outside of its bounds.
        seed: In [0, 2**32).
        taken: Keys (`Space.key`) of configs to leave out.
    """

    adaptive = True
    kind: ClassVar[str]
    asks: ClassVar[int] = 16  # proposals for one config before a Sobol point stands in

    def __init__(self, space: Space, seed: int, taken: Collection[Key] = ()) -> None:
        super().__init__(space, seed, taken)
        self._taken = frozenset(taken)

    @abstractmethod
    def _model(self, seed: int) -> BaseSampler:
        """Return Optuna's sampler."""

    @abstractmethod
    def _data(self, past: Sequence[Past], direction: Direction) -> list[Past]:
        """Return the trials as the model sees them; at least one of `past` has a value."""

    @abstractmethod
    def _ask(self, study: Study) -> Params:
        """Return the model's proposal; it may have inactive parameters."""

    def propose(self, number: int, past: Sequence[Past], direction: Direction) -> Params:
        """Return the config for a number: a pure function of space, seed and arguments.

        Args:
            number: Of the config, from 0.
            past: Trials so far in the order of their numbers, also running ones. Trials outside of this space don't
                count; trials that ended without a value count as bad.
            direction: Of the metric.

        Raises:
            SpaceUsedUpError: No config outside of `past` and `taken` satisfies the constraints.
        """
        return self.proposal(number, past, direction).params

    def proposal(self, number: int, past: Sequence[Past], direction: Direction) -> Proposal:
        """Return the same with what has to be stored beside the config.

        Raises:
            SpaceUsedUpError: As `propose`.
        """
        known = [
            replace(one, params=params) for one in past if (params := as_trained(self.space, one.params)) is not None
        ]
        keys = self._taken | {self.space.key(one.params) for one in known}
        if self._is_ready(known):
            proposal = self._modelled(number, known, keys, direction)
            if proposal is not None:
                return proposal
        return Proposal(params=UnrepeatedSobol(self.space, self.seed, keys).draw(number))

    def _is_ready(self, known: Sequence[Past]) -> bool:
        """Return whether there is enough to learn from."""
        ended = [one for one in known if not one.running]
        return len(ended) >= START_UP and any(one.value is not None for one in ended)

    def _modelled(
        self, number: int, known: Sequence[Past], keys: Collection[Key], direction: Direction
    ) -> Proposal | None:
        """Return an allowed and new proposal of the model, or None."""
        refused: list[Past] = []
        for _ in range(self.asks):
            proposal = self._proposed(number, known, refused, direction)
            allowed = self._allowed(proposal.params, known, direction)
            if allowed is not None and self.space.key(allowed) not in keys:
                return replace(proposal, params=allowed)
            # A forbidden config counts as failed and a repeated one as running, so that the model moves away.
            running = allowed is not None
            refused.append(Past(params=proposal.params, value=None, running=running, asked=proposal.asked))
        return None

    def _proposed(self, number: int, known: Sequence[Past], refused: Sequence[Past], direction: Direction) -> Proposal:
        """Return what the model proposes; it may be forbidden, or a repetition.

        Args:
            number: Of the config.
            known: The trials so far.
            refused: Earlier proposals for the same number.
            direction: Of the metric.
        """
        with quiet():
            model = self._model(derive_seed(self.seed, self.kind, number, len(refused)))
            study = optuna.create_study(sampler=model, direction=direction.value)
        study.add_trials(frozen_trial(self.space, one) for one in self._data([*known, *refused], direction))
        return Proposal(params=self.space.only_active(self._ask(study)))

    def _allowed(self, params: Params, known: Sequence[Past], direction: Direction) -> Params | None:
        """Return the proposal, or the first allowed config on the way to a good one, or None.

        The best configs often lie at a constraint, and the model would propose configs beyond it again and again:
        Michalewicz and Nazhiyath, Genocop III (1995).
        """
        if self.space.allows(params):
            return params
        for end in best_of_past(known, direction, _ENDS):
            for step in range(1, _STEPS):
                mixed = mix(self.space, params, end.params, step / _STEPS)
                if self.space.allows(mixed):
                    return mixed
        return None

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the config of a trial, given the study's other trials.

        Raises:
            ValueError: The study has several objectives.
        """
        del search_space
        if len(study.directions) > 1:
            msg = f"{type(self).__name__} takes one objective; the study has {len(study.directions)}"
            raise ValueError(msg)
        others = (one for one in study.get_trials(deepcopy=False) if one.number != trial.number)
        past = [known for one in others if (known := _past_of(one))]
        return dict(self.propose(trial.number, past, Direction(study.direction.name.lower())))


class TpeSampler(AdaptiveSampler):
    """Tree-structured Parzen estimator: samples where good trials are dense and the others are not.

    Bergstra et al., Algorithms for Hyper-Parameter Optimization (2011); all axes in one density: Falkner et al., BOHB
    (2018).
    """

    kind = "tpe"

    def _model(self, seed: int) -> BaseSampler:
        return optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=0,  # the Sobol points were these
            multivariate=True,  # lr and weight_decay are good together, not each on its own
            group=bool(self.space.conditions),  # else conditional parameters are modelled alone
            constant_liar=True,  # a running trial counts as bad, so that workers spread out
        )

    def _data(self, past: Sequence[Past], direction: Direction) -> list[Past]:
        del direction
        scored = sum(one.value is not None for one in past)
        failed = [at for at, one in enumerate(past) if one.value is None and not one.running]
        left_out = set(failed[: max(len(failed) - _FAILED_PER_SCORED * scored, 0)])
        return [one for at, one in enumerate(past) if at not in left_out]

    def _ask(self, study: Study) -> Params:
        return ask_one_by_one(self.space, study.ask())


class GpSampler(AdaptiveSampler):
    """Gaussian process: samples where the expected improvement is largest, with running trials taken into account.

    It needs only tens of trials, and takes a second for each config. Jones et al., Efficient Global Optimization
    (1998); Ament et al., Unexpected Improvements to Expected Improvement (2023).
    """

    kind = "gp"
    asks = 4  # of a second each

    def _model(self, seed: int) -> BaseSampler:
        # Without greenlet this module warns when it is loaded; the search is only slower.
        with contextlib.suppress(ImportError):  # another version of Optuna may have no such module
            importlib.import_module("optuna._gp.batched_lbfgsb")
        # No liar is needed: the acquisition function integrates over the possible values of running trials.
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=0)

    def _data(self, past: Sequence[Past], direction: Direction) -> list[Past]:
        scores = [direction.sign * one.value for one in past if one.value is not None]
        floor = max(min(scores), fence(scores))
        data = []
        for one in past:
            value = one.value
            if not one.running:
                # Beside a loss of 1e6 all others would look the same. A failed trial has to look bad.
                value = direction.sign * max(floor, floor if value is None else direction.sign * value)
            # The kernel needs every axis: an inactive parameter gets the middle of its range.
            data.append(replace(one, params=Params({**_middle(self.space), **one.params}), value=value))
        return data

    def _ask(self, study: Study) -> Params:
        return Params(study.ask(fixed_distributions=self.space.optuna_distributions()).params)


def as_trained(space: Space, params: Params) -> Params | None:
    """Return the stored values of active parameters, rounded as for the trial.

    Args:
        space: With the present bounds.
        params: Of an earlier trial, which may have had other bounds.

    Returns:
        None if a value is missing or outside of the bounds.
    """
    if not space.is_complete(params):
        return None
    found = {}
    for name in space.active(params):
        axis, value = space.parameters[name], params[name]
        if isinstance(axis, Range):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return None
            value = axis.resolve(value)
            inside = axis.low <= value <= axis.high
        else:
            inside = value in axis.names
        if not inside:
            return None
        found[name] = value
    return Params(found)


def mix(space: Space, start: Params, end: Params, share: float) -> Params:
    """Return params a share of the way from `start` to `end`, in the scale of each range.

    Args:
        start: One stored value for each active parameter. Choices stay, and so do parameters in conditions.
        end: Parameters that it lacks stay too.
        share: From 0 to 1.
    """
    deciding = {parent for wanted in space.conditions.values() for parent in wanted}
    found = dict(start)
    for name, value in start.items():
        axis = space.parameters[name]
        if name in end and name not in deciding and isinstance(axis, Range):
            found[name] = axis.draw((1 - share) * axis.quantile(value) + share * axis.quantile(end[name]))
    return Params(found)


def fence(scores: Sequence[float]) -> float:
    """Return the score below which others are outliers; minus infinity if the middle half is one value.

    Args:
        scores: At least one; finite; larger is better.
    """
    low, _, high = statistics.quantiles([*scores, *scores], method="inclusive")  # takes at least two
    return low - _FENCE * (high - low) if high > low else -math.inf


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence Optuna's log lines on studies and its warnings on experimental features."""
    with _making, warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(max(level, optuna.logging.ERROR))
        try:
            yield
        finally:
            optuna.logging.set_verbosity(level)


def frozen_trial(space: Space, one: Past) -> FrozenTrial:
    """Return a trial as Optuna's models take it; what it noted for them is in its system attributes."""
    ended = TrialState.PRUNED if one.value is None else TrialState.COMPLETE
    return optuna.trial.create_trial(
        state=TrialState.RUNNING if one.running else ended,
        value=one.value,
        params=dict(one.params),
        distributions={name: space.parameters[name].to_optuna() for name in one.params},
        system_attrs=one.asked.get("trial"),
    )


def _past_of(trial: FrozenTrial) -> Past | None:
    """Return a trial of Optuna's as the model sees it; None for a waiting one, and for a failed one, a bug's fault."""
    match trial.state:
        case TrialState.COMPLETE:
            value = trial.value
            finite = value is not None and math.isfinite(value)
            return Past(params=Params(trial.params), value=value if finite else None)
        case TrialState.PRUNED:
            return Past(params=Params(trial.params), value=None)
        case TrialState.RUNNING:
            return Past(params=Params(trial.params), value=None, running=True)
        case _:
            return None


def ask_one_by_one(space: Space, trial: Trial) -> Params:
    """Return the config that a trial of Optuna's suggests, parameter by parameter: only active ones are asked for."""
    params: dict[str, Any] = {}
    for name in _parents_first(space):
        if name in space.active(Params(params)):
            params[name] = _suggest(trial, name, space.parameters[name].to_optuna())
    return Params(params)


def _parents_first(space: Space) -> list[str]:
    parents = {
        name: [one for one in space.conditions.get(name, {}) if one in space.parameters] for name in space.parameters
    }
    return list(graphlib.TopologicalSorter(parents).static_order())


def _middle(space: Space) -> Params:
    return Params({name: axis.draw(0.5) for name, axis in space.parameters.items()})


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> Any:
    match distribution:
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(name, choices)
        case IntDistribution(low=low, high=high, log=log):
            return trial.suggest_int(name, low, high, log=log)
        case FloatDistribution(low=low, high=high, log=log):
            return trial.suggest_float(name, low, high, log=log)
    msg = f"no parameter has {distribution!r}"
    raise TypeError(msg)
