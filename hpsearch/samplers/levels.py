"""The number of levels of each axis of a grid."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hpsearch.config.config import MAX_LEVELS, check_levels
from hpsearch.space.distributions import Choice, Distribution
from hpsearch.space.space import Space

_LEVELS_PER_DECADE = 2  # a cell then spans a factor of about 3, the usual step of learning rates tried by hand


def choose_levels(space: Space, trials: int, given: Mapping[str, int], step: float | None = None) -> dict[str, int]:
    """Return the number of levels of each axis: the given one, or one that suits the number of trials.

    The levels of a choice are its values. A range has the square root of the trials, so that a pair of axes has about
    as many cells as there are trials; on a log scale it has at least one level for each step. A range has from 2 to the
    number of trials (or 3, if that is more), and never more than its values.

    Args:
        space: The searched space.
        trials: The planned number when the study is made.
        given: Levels by parameter; some may be missing.
        step: A level of a log axis spans at most this factor; None for the square root of 10.

    Raises:
        FieldError: A level is of an unknown parameter, is not from 1 to 1000, or differs from the number of choices.
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
