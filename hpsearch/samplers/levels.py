"""How many levels each axis of a grid has."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hpsearch.config.config import MAX_LEVELS, check_levels
from hpsearch.space.distributions import Choice, Distribution
from hpsearch.space.space import Space

_LEVELS_PER_DECADE = 2  # a cell then spans a factor of about 3, the usual step of learning rates tried by hand


def choose_levels(space: Space, trials: int, given: Mapping[str, int], step: float | None = None) -> dict[str, int]:
    """Return how many levels each axis has: what is given, or what suits the number of trials.

    A choice has its values. A range has the square root of the trials, so that a pair of axes has about as many cells
    as there are trials; on a log scale at least one for each step. Always from 2 to the number of trials (or 3, if that
    is more), and never more than it has values.

    Args:
        space: What is searched.
        trials: How many are planned when the study is made.
        given: Levels by parameter; may leave some out.
        step: The factor that a level of a log axis spans at most; None for the square root of 10.

    Raises:
        FieldError: One is of an unknown parameter, is not from 1 to 1000, or differs from the number of choices.
    """
    check_levels(space, given)
    per_decade = _LEVELS_PER_DECADE if step is None else 1 / math.log10(step)
    return {name: _levels(axis, trials, given.get(name), per_decade) for name, axis in space.parameters.items()}


def _levels(axis: Distribution, trials: int, given: int | None, per_decade: float) -> int:
    if isinstance(axis, Choice):
        return axis.count
    wanted = given
    if wanted is None:
        # log10(1e-1 / 1e-4) may come out above 3.
        for_decades = math.ceil(round(per_decade * axis.decades, 6))
        wanted = min(max(2, math.ceil(math.sqrt(trials)), for_decades), max(3, trials), MAX_LEVELS)
    return int(min(wanted, axis.count))
