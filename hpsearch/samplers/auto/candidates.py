"""New configs for the model to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpsearch.samplers.auto.encoding import Encoder, rows_of
from hpsearch.space.distributions import Choice
from hpsearch.trial.trial import Params

Floats = npt.NDArray[np.float64]

_COUNT = 300
_RANK = 0.35  # chance that the best trial is the one to vary; then the second, and so on
_STEPS = (0.02, 0.3)  # sizes of steps, as shares of a range, uniform in the logarithm
_MOVED = 0.15  # least share of parameters that a variation moves
_HALVINGS = 3  # tries on the way back from a forbidden variation


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """Configs that satisfy the constraints; they may repeat earlier ones.

    Attributes:
        quantiles: Of each parameter; shape (n, n_parameters).
        coordinates: For the model; shape (n, n_columns).
    """

    quantiles: Floats
    coordinates: Floats

    def __len__(self) -> int:
        return len(self.quantiles)


def candidates(encoder: Encoder, parents: Sequence[Params], rng: np.random.Generator) -> Candidates:
    """Return new configs: half uniform, half variations of the best trials.

    A variation that a constraint forbids is moved back towards its parent, for the best configs often lie at a
    constraint: Michalewicz and Nazhiyath, Genocop III (1995).

    Args:
        encoder: Of the space.
        parents: The configs of the best trials, best first.
        rng: Decides all.
    """
    parameters = len(encoder.space.parameters)
    varied = _COUNT // 2 if parents and parameters else 0
    drawn = rng.random((_COUNT - varied, parameters))
    if varied:
        known = np.array([encoder.quantiles(one) for one in parents])
        origins = known[np.minimum(rng.geometric(_RANK, varied) - 1, len(known) - 1)]
        drawn = np.concatenate([drawn, _varied(encoder, origins, rng)])
        origins = np.concatenate([drawn[:-varied], origins])
    else:
        origins = drawn
    if not encoder.space.constraints and not encoder.space.conditions:
        return Candidates(quantiles=drawn, coordinates=encoder.coordinates_at(drawn))
    allowed = (_allowed(encoder, one, origin) for one, origin in zip(drawn, origins, strict=True))
    rows = rows_of([one for one in allowed if one is not None], parameters)
    return Candidates(quantiles=rows, coordinates=encoder.stacked(map(encoder.params, rows)))


def _varied(encoder: Encoder, origins: Floats, rng: np.random.Generator) -> Floats:
    """Return a variation of each origin: some parameters take a normal step, and choices another draw."""
    count, parameters = origins.shape
    sizes = np.exp(rng.uniform(np.log(_STEPS[0]), np.log(_STEPS[1]), (count, 1)))
    moved = origins + sizes * rng.standard_normal((count, parameters))
    moved = np.abs(moved)
    moved = np.clip(np.where(moved > 1, 2 - moved, moved), 0, 1)  # reflected at the bounds
    redrawn = rng.random((count, parameters))
    choices = [isinstance(axis, Choice) for axis in encoder.space.parameters.values()]
    moved = np.where(choices, redrawn, moved)
    mask = rng.random((count, parameters)) < rng.uniform(_MOVED, 1, (count, 1))
    mask[np.arange(count), rng.integers(0, parameters, count)] = True
    return np.where(mask, moved, origins)


def _allowed(encoder: Encoder, quantiles: Floats, origin: Floats) -> Floats | None:
    """Return the quantiles, or the first on the way to the origin that satisfy all constraints; None if none do."""
    for step in range(_HALVINGS + 1):
        mixed: Floats = origin + (quantiles - origin) / 2**step
        if encoder.space.allows(encoder.params(mixed)):
            return mixed
        if quantiles is origin or np.array_equal(quantiles, origin):
            return None
    return None
