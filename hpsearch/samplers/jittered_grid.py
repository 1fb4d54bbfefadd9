"""A grid whose cells come in a balanced order, with a uniform point inside each.

The numeric axes are cut into levels, equal in their own (log) scale; a choice has its values as levels. A pass visits
every cell once; then the next pass begins, with another order and other points.

The order needs no storage and has random access. Take the axes one by one. An axis has L levels, the axes before it
have N cells together, which by induction come with period N. Let g = gcd(N, L) and h = L / g, and call each h
neighbouring levels a stratum. At position i of a pass, in lap q = i // lcm(N, L) (there are g laps), for cell
r = i mod N of the axes before, in block b = r // g:

    stratum = (A[i mod g] + P[b mod g] + Q[q]) mod g    A, P, Q: permutations of range(g), others for each b // g
    member  = B[(i // g) mod h]                         B: a permutation of range(h) for each lap and stratum
    level   = stratum * h + member

Every cell comes once: for a given r, A[i mod g] and P[b mod g] are fixed, so the g laps give the g strata; within a lap
i = r + cN for h successive c, and i // g = r // g + c (N / g) takes all values mod h, since N / g and h have no common
divisor. Every prefix is balanced: the g positions of a block have each stratum once, and within a stratum the members
take turns; a lap is a whole number of turns, so at any time an axis's levels have come n or n + 1 times.

A, P and Q mix pairs of axes. A plain diagonal, level = (i + shift) mod L, is balanced too, but ties axes whose numbers
of levels have a common divisor (with 4 and 8 levels one is a function of the other for a whole lap).
Here g blocks of g positions pair each stratum with each i mod g. On `spaces/cnn.yaml` (7 x 4 x 8 x 7 levels) the first
48 configs take 28 of 28, 32 of 32 and 48 of 49 cells of three pairs of axes, and as many as random draws of the others.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

from hpsearch.config.config import check_levels
from hpsearch.errors import FieldError
from hpsearch.samplers.base import MAX_LISTED, Key, SpaceSampler, draw_space
from hpsearch.samplers.levels import choose_levels
from hpsearch.space.parsing import parse_space
from hpsearch.space.space import Space
from hpsearch.system.plain import plain
from hpsearch.trial.seeding import KeyPart, below, permutation, unit
from hpsearch.trial.trial import Params

_TRIES_IN_CELL = 8  # constraints or earlier configs may leave nothing of a cell


class JitteredGridSampler(SpaceSampler):
    """Draws each config from another cell of a grid, so that any number of configs covers each axis evenly.

    Args:
        space: The space to draw from.
        seed: In [0, 2**32).
        levels: Of each parameter, from `choose_levels`. Other levels give other configs.
        jitter: 1.0 draws from the whole cell, 0.0 takes its centre.
        taken: Keys of configs to leave out.

    Raises:
        FieldError: A parameter has no levels, or a choice has other levels than values.
        ValueError: The jitter is not in [0, 1].
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        levels: Mapping[str, int],
        jitter: float = 1.0,
        taken: Collection[Key] = (),
    ) -> None:
        super().__init__(space, seed, taken)
        if not 0 <= jitter <= 1:
            msg = f"the jitter is {jitter!r}; allowed: from 0 to 1"
            raise ValueError(msg)
        check_levels(space, levels)
        for name in space.parameters:
            if name not in levels:
                raise FieldError(("search", "levels", name), "has no levels", "an integer for each parameter")
        self.levels, self.jitter = {name: levels[name] for name in space.parameters}, jitter
        self._repeats = self._repeats or not jitter  # without jitter only the centres of cells are drawn

    @classmethod
    def from_dict(
        cls,
        space: Mapping[str, Any],
        *,
        seed: int = 0,
        trials: int = 48,
        levels: Mapping[str, int] | None = None,
        jitter: float = 1.0,
    ) -> Self:
        """Return a sampler for a space in the notation of a space file, `{"lr": {"loguniform": [1e-4, 1e-1]}}`.

        Args:
            space: Name to distribution.
            seed: In [0, 2**32).
            trials: The planned number; `choose_levels` fixes the missing levels by it.
            levels: By parameter; some may be missing.
            jitter: 1.0 draws from the whole cell, 0.0 takes its centre.

        Raises:
            FieldError: A distribution or a number of levels is wrong.
        """
        parsed = parse_space(plain(space, ("space",)))
        return cls(parsed, seed, choose_levels(parsed, trials, levels or {}), jitter)

    def candidate(self, number: int, attempt: int) -> Params:
        """Return a point in config `number`'s cell; after some attempts, in another cell."""
        if attempt >= _TRIES_IN_CELL:
            cell = {n: below(count, self.seed, "cell", number, attempt, n) for n, count in self.levels.items()}
        else:
            cell = dict(zip(self.levels, grid_cell(number, tuple(self.levels.values()), self.seed), strict=True))
        quantiles = {name: self._quantile(number, name, level, attempt) for name, level in cell.items()}
        return draw_space(self.space, quantiles)

    def _options(self) -> list[Sequence[Any]] | None:
        if self.jitter or math.prod(self.levels.values()) > MAX_LISTED:
            return super()._options()
        axes = self.space.parameters.items()
        return [
            [axis.draw((level + 0.5) / count) for level in range(count)]
            for (name, axis), count in zip(axes, self.levels.values(), strict=True)
        ]

    def _quantile(self, number: int, name: str, level: int, attempt: int) -> float:
        again = (attempt,) if attempt else ()
        offset = self.jitter * (unit(self.seed, "jitter", number, name, *again) - 0.5)
        return (level + 0.5 + offset) / self.levels[name]


# Never changed. Successive configs share most of them; without the cache 20 axes of 32 levels take 17 ms a config.
_permutation = functools.lru_cache(maxsize=4096)(permutation)


def grid_cell(number: int, levels: Sequence[int], seed: int) -> tuple[int, ...]:
    """Return the cell of config `number`: a level for each axis, from 0.

    Args:
        number: From 0; after the last cell comes the next pass.
        levels: The number of levels of each axis, at least 1.
        seed: Of the study.
    """
    grid_pass, position = divmod(number, math.prod(levels))
    cell, before = [], 1
    for axis, count in enumerate(levels):
        cell.append(_level(position, before, count, (seed, "grid", grid_pass, axis)))
        before *= count
    return tuple(cell)


def _level(position: int, before: int, count: int, key: tuple[KeyPart, ...]) -> int:
    """Return an axis's level at a position of a pass; the top of the module explains the names."""
    strata = math.gcd(before, count)  # g
    members = count // strata  # h
    lap = position // (before * members) % strata  # q; later axes repeat it
    block_round, block = divmod(position % before // strata, strata)
    within = _permutation(strata, *key, "A", block_round)[position % strata]
    shift = _permutation(strata, *key, "P", block_round)[block] + _permutation(strata, *key, "Q", block_round)[lap]
    stratum = (within + shift) % strata
    return stratum * members + _permutation(members, *key, "B", lap, stratum)[position // strata % members]
