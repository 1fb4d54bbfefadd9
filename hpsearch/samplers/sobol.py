"""Scrambled Sobol points: Owen, Scrambling Sobol' and Niederreiter-Xing Points, J. Complexity 14 (1998)."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Any, Self

from hpsearch.samplers.base import Key, SpaceSampler, draw_space, draw_uniform
from hpsearch.space.parsing import parse_space
from hpsearch.space.space import Space
from hpsearch.system.plain import plain
from hpsearch.trial.seeding import derive_seed
from hpsearch.trial.trial import Params

_BLOCK = 1024  # points made at once: a thousand cost little more than one
_MOST_POINTS = 2**30  # scipy's limit, with its 30 bits


class SobolSampler(SpaceSampler):
    """Draws the points of a scrambled Sobol sequence, with one axis for each parameter."""

    @classmethod
    def from_dict(cls, space: Mapping[str, Any], *, seed: int = 0) -> Self:
        """Return a sampler for a space in the notation of a space file, `{"lr": {"loguniform": [1e-4, 1e-1]}}`.

        Raises:
            FieldError: A distribution is wrong.
        """
        return cls(parse_space(plain(space, ("space",))), seed)

    def candidate(self, number: int, attempt: int) -> Params:
        """Return point `number` of the sequence; a uniform draw where that is ruled out."""
        if attempt:
            return draw_uniform(self.space, self.seed, "sobol", number, attempt)
        return draw_space(self.space, sobol_point(self.space, self.seed, number))


class UnrepeatedSobol(SobolSampler):
    """Draws Sobol points that are not taken, without drawing those before."""

    def draw(self, number: int) -> Params:
        """Return the config for a number, from 0; earlier draws don't count.

        Raises:
            SpaceUsedUpError: No new config satisfies the constraints.
        """
        return self._accepted(number)

    def draw_beside(self, number: int, keys: Collection[Key]) -> Params:
        """Return the config for a number that has none of the keys: a pure function of seed and arguments.

        Raises:
            SpaceUsedUpError: No such config satisfies the constraints.
        """
        self._keys, self._position = set(keys), 0
        return self._accepted(number)


def sobol_point(space: Space, seed: int, number: int) -> dict[str, float]:
    """Return the quantile of each parameter at a point of the sequence, from 0."""
    block, position = divmod(number % _MOST_POINTS, _BLOCK)
    points = _points(len(space.parameters), derive_seed(seed, "sobol"), block)
    return dict(zip(space.parameters, points[position], strict=True))


@functools.lru_cache(maxsize=64)
def _points(dimensions: int, seed: int, block: int) -> tuple[tuple[float, ...], ...]:
    import numpy as np
    from scipy.stats import qmc

    engine = qmc.Sobol(dimensions, scramble=True, seed=np.random.default_rng(seed))
    if block:  # scipy refuses to skip nothing
        engine.fast_forward(block * _BLOCK)
    return tuple(tuple(map(float, point)) for point in engine.random(_BLOCK))
