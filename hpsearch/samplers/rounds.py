"""The rounds of a search: their spaces and lengths, and the round that comes next.

A study begins with one round. Another follows where the space file plans it (from coarse to fine), or where the best
trials crowd a bound that may grow. Its bounds depend on ended trials, so they are stored before its first trial.
Everything after that is a pure function of the store.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from hpsearch.config.config import DEFAULT_TRIALS, Search, SearchRound, StudyConfig
from hpsearch.samplers.edges import Edge
from hpsearch.samplers.levels import choose_levels
from hpsearch.samplers.past import Past, best_of_past
from hpsearch.space.distributions import Range
from hpsearch.space.space import Bounds, Space
from hpsearch.trial.seeding import derive_seed
from hpsearch.trial.trial import Direction, Stage

_EXPANSION_SHARE = 4  # an expansion has a quarter of the search's trials
_FEWEST_IN_EXPANSION = 8
_COARSE, _FINE = 10.0, 3.0  # factors between the levels of a log axis: first of ten, then of three or less


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """Successive trials of a search, drawn from the same space.

    Attributes:
        start: The number of its first trial.
        trials: The number of trials.
        epochs: Of each trial.
        kind: Why the round exists.
        planned: The position, from 0, of the space file's round that it is or follows.
        bounds: Bounds that differ from the space file's.
        levels: Of a grid; the next round goes one cell beyond the best trials.
    """

    start: int
    trials: int
    epochs: int
    kind: Literal["search", "zoom", "expand", "edit"] = "search"
    planned: int = 0
    bounds: Bounds = field(default_factory=dict)
    levels: Mapping[str, int] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """One more than its last trial's number."""
        return self.start + self.trials

    def as_dict(self) -> dict[str, Any]:
        """Return the round as JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Round:
        """Return the round that `as_dict` wrote."""
        bounds = {name: (low, high) for name, (low, high) in stored["bounds"].items()}
        return cls(**{**stored, "bounds": bounds})

    def space(self, space: Space) -> Space:
        """Return the study's space with this round's bounds."""
        return space.with_bounds(self.bounds)

    def seed(self, seed: int, position: int) -> int:
        """Return the seed of this round's sampler; the first round has the study's.

        Args:
            seed: The study's.
            position: Of this round in the study, from 0.
        """
        return derive_seed(seed, "round", position) if position else seed


def planned_rounds(search: Search) -> list[SearchRound]:
    """Return the rounds that a space file plans; the last one is filled up to `search.total` trials in all."""
    planned = search.rounds or [SearchRound(trials=search.total)]
    found, left = [], search.total
    for position, one in enumerate(planned):
        trials = left if position == len(planned) - 1 else min(one.trials, left)
        if trials:
            found.append(one.model_copy(update={"trials": trials}))
        left -= trials
    return found


def first_round(config: StudyConfig) -> Round:
    """Return a study's first round."""
    planned = planned_rounds(config.search)[0]
    step = _COARSE if config.search.rounds else None
    return Round(
        start=0,
        trials=planned.trials,
        epochs=config.epochs_of(planned),
        levels=choose_levels(config.space, _trials_of_grid(config, planned.trials), config.search.levels, step),
    )


def _trials_of_grid(config: StudyConfig, trials: int) -> int:
    """Return the number of trials that a grid is made for; where only the budget ends the search, passes follow."""
    if not config.search.is_open:
        return trials
    return (config.budget and config.budget.trials) or DEFAULT_TRIALS


def explored(space: Space, rounds: Sequence[Round]) -> Space:
    """Return the space with bounds around everything that any round has sampled."""
    bounds = {}
    for name, axis in space.parameters.items():
        pairs = [one.bounds[name] for one in rounds if name in one.bounds]
        if pairs and isinstance(axis, Range):
            pairs.append((axis.low, axis.high))
            bounds[name] = (min(low for low, _ in pairs), max(high for _, high in pairs))
    return space.with_bounds(bounds)


def fitted(rounds: Sequence[Round], config: StudyConfig, begun: int, total: int) -> list[Round]:
    """Return a study's rounds for a new total: the last gets more or fewer trials; a round not yet begun may go.

    Args:
        begun: The number of trials so far.
        total: The number that the user wants.
    """
    kept = [one for one in rounds if one.start < max(total, begun, 1)]
    last = kept[-1]
    is_last = last.planned >= len(planned_rounds(config.search)) - 1
    if total < last.end or is_last:
        kept[-1] = replace(last, trials=max(total, begun) - last.start)
    return kept


def zoom(
    config: StudyConfig, rounds: Sequence[Round], past: Sequence[Past], direction: Direction, total: int | None
) -> Round | None:
    """Return the next round that the space file plans: around the best trials so far, with finer steps.

    Args:
        rounds: The rounds so far; all their trials have ended.
        total: Trials of the whole search, if a user has changed it; None for the space file's number.
    """
    planned, last = planned_rounds(config.search), rounds[-1]
    position = last.planned + 1
    if position >= len(planned):
        return None
    following = planned[position]
    trials = following.trials
    if total is not None:
        left = total - last.end
        trials = left if position == len(planned) - 1 else min(trials, left)
    if trials <= 0:
        return None
    best = best_of_past(past, direction, following.around)
    space = explored(config.space, rounds)
    bounds = {
        name: _around(axis, [one.params[name] for one in best if name in one.params], _step(axis, name, last))
        for name, axis in space.parameters.items()
        if isinstance(axis, Range)
    }
    return Round(
        start=last.end,
        trials=trials,
        epochs=config.epochs_of(following),
        kind="zoom",
        planned=position,
        bounds=bounds,
        levels=choose_levels(config.space.with_bounds(bounds), trials, {}, _FINE),
    )


def _step(axis: Range, name: str, last: Round) -> float:
    """Return the width of a cell of the last round in the axis's own scale."""
    low, high = last.bounds.get(name, (axis.low, axis.high))
    width = math.log(high) - math.log(low) if axis.log else high - low
    return width / last.levels.get(name, 2)


def _around(axis: Range, values: Sequence[float], step: float) -> tuple[float, float]:
    """Return bounds one step beyond some values, but not beyond the axis's own."""
    if not values:
        return axis.low, axis.high
    low, high = min(values), max(values)
    if axis.log:
        # A step may be a factor that no float holds.
        below, above = math.log(low) - step, math.log(high) + step
        low = math.exp(below) if below > math.log(axis.low) else axis.low
        high = math.exp(above) if above < math.log(axis.high) else axis.high
    else:
        low, high = low - step, high + step
    quantum = axis.quantum or (1 if axis.integer else None)
    if quantum is not None:
        low, high = (axis.snapped(bound, up=up) for bound, up in ((low, False), (high, True)))
    return max(axis.low, low), min(axis.high, high)


def trials_of_expansion(search: Search) -> int:
    """Return the number of trials in each expansion of a search; 0 without expansions."""
    if search.expand is None:
        return 0
    return search.expand.trials or max(_FEWEST_IN_EXPANSION, search.total // _EXPANSION_SHARE)


def expansion(config: StudyConfig, rounds: Sequence[Round], edges: Sequence[Edge]) -> Round | None:
    """Return a round beyond the bounds that are too tight; None if no bound is, or none may grow.

    A grown axis reaches from the innermost of the best trials at its edge to the new bound; other axes stay whole.

    Args:
        rounds: The rounds so far; all their trials have ended.
        edges: The bounds that the best trials crowd.
    """
    expand, last = config.search.expand, rounds[-1]
    done = sum(one.kind == "expand" for one in rounds)
    growing = [edge for edge in edges if edge.proposed != edge.bound]
    if expand is None or done >= expand.rounds or not growing:
        return None
    trials = trials_of_expansion(config.search)
    space = explored(config.space, rounds)
    ranges = {name: (axis.low, axis.high) for name, axis in space.parameters.items() if isinstance(axis, Range)}
    grown = {e.name: (e.inner, e.proposed) if e.side == "high" else (e.proposed, e.inner) for e in growing}
    bounds = ranges | grown
    return Round(
        start=last.end,
        trials=trials,
        epochs=last.epochs,
        kind="expand",
        planned=last.planned,
        bounds=bounds,
        levels=choose_levels(config.space.with_bounds(bounds), trials, {}),
    )


def round_of(rounds: Sequence[Round], number: int) -> tuple[int, Round]:
    """Return the position of a trial's round, and the round; numbers beyond the last round count to it."""
    position = next((at for at, one in enumerate(rounds) if number < one.end), len(rounds) - 1)
    return position, rounds[position]


def full_epochs(config: StudyConfig, rounds: Sequence[Round], stage: Stage, number: int) -> int:
    """Return the epochs of a trial that nothing ends early: its round's, or for a finalist the objective's.

    Args:
        rounds: The study's.
    """
    return round_of(rounds, number)[1].epochs if stage is Stage.SEARCH else config.objective.epochs


def planned_epochs(config: StudyConfig, rounds: Sequence[Round], total: int) -> list[int]:
    """Return the full epochs of each trial of a search, by number, as far as is known.

    Args:
        rounds: The rounds that have begun.
        total: Trials of the search.
    """
    return [epochs for epochs, count in planned_lengths(config, rounds, total) for _ in range(count)]


def planned_lengths(config: StudyConfig, rounds: Sequence[Round], total: int) -> list[tuple[int, int]]:
    """Return the same as pairs: epochs, and the number of successive trials with so many epochs.

    Args:
        rounds: As in `planned_epochs`.
        total: As in `planned_epochs`.
    """
    known = [(one.epochs, one.trials) for one in rounds]
    following = planned_rounds(config.search)[rounds[-1].planned + 1 :]
    known += [(config.epochs_of(planned), planned.trials) for planned in following]
    found, left = [], total
    for epochs, count in [*known, (known[-1][0], total)]:
        if taken := min(count, left):
            found.append((epochs, taken))
        left -= taken
    return found
