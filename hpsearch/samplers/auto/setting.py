"""What stays the same through a study, and what the chooser keeps so as not to compute it again."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from hpsearch.errors import SpaceUsedUpError
from hpsearch.samplers.adaptive import as_trained
from hpsearch.samplers.auto.encoding import Encoder
from hpsearch.samplers.auto.kernel import CurveKernel
from hpsearch.samplers.auto.ladder import Balance, leg_ends, shown_epochs
from hpsearch.samplers.auto.measured import Scale
from hpsearch.samplers.auto.posterior import Evidence
from hpsearch.samplers.auto.seen import PastConfig, Seen
from hpsearch.samplers.base import Key
from hpsearch.samplers.sobol import UnrepeatedSobol
from hpsearch.space.space import Space
from hpsearch.trial.trial import Direction, Params

Floats = npt.NDArray[np.float64]

_MOST_DESIGNED = 60  # configs before the model is asked, also where nothing has learned
_MOST_PAST = 100  # configs of earlier studies that the model sees
_MIDDLE = 0.5


class Past:
    """Earlier configs as the model sees them, best first.

    Attributes:
        params: Rounded as trained; only those in the space.
        coordinates: Shape (n_past, n_columns).
        targets: On their own scale; shape (n_past,).
    """

    def __init__(self, encoder: Encoder, past: Sequence[PastConfig], direction: Direction) -> None:
        known = [
            (direction.sign * one.value, params)
            for one in past
            if np.isfinite(one.value) and (params := as_trained(encoder.space, one.params)) is not None
        ]
        known.sort(key=lambda one: -one[0])
        if len(known) > _MOST_PAST:  # the better half of them, and an even choice of the others
            half = _MOST_PAST // 2
            rest = np.linspace(half, len(known) - 1, _MOST_PAST - half).astype(int)
            known = known[:half] + [known[row] for row in rest]
        values = np.array([value for value, _ in known], float)
        values = values / (np.abs(values).max(initial=0.0) or 1.0)
        scale = Scale.of(values)
        self.params = [params for _, params in known]
        self.coordinates = encoder.stacked(self.params)
        self.targets: Floats = np.empty(0) if scale is None else scale.targets(values)


class Setting:
    """A study as the chooser knows it, with caches that change no result.

    Args:
        space: Of the configs.
        seed: In [0, 2**32).
        epochs: Of a full training.
        direction: Of the metric.
        taken: Keys (`Space.key`) of configs to leave out.
        first: Given configs, for the first trials.
        past: Of earlier studies.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        epochs: int,
        direction: Direction,
        taken: Collection[Key],
        first: Sequence[Params],
        past: Sequence[PastConfig],
    ) -> None:
        self.space, self.seed, self.epochs, self.direction = space, seed, epochs, direction
        self.encoder = Encoder(space)
        self.kernel = CurveKernel(self.encoder.groups)
        self.balance, self.ladder, self.shown = Balance(epochs), leg_ends(epochs), shown_epochs(epochs)
        self.taken, self.first = frozenset(taken), tuple(first)
        self.past = Past(self.encoder, past, direction)
        wanted = 2 * (self.encoder.dimensions + 1)
        self.designed = len(self.first) + max(1, min(wanted, _MOST_DESIGNED) - len(self.past.params))
        self.most_designed = len(self.first) + _MOST_DESIGNED
        self._sobol = UnrepeatedSobol(space, seed)
        self._known: dict[int, tuple[Params, Key, Floats]] = {}
        self._fitted: tuple[Evidence, Floats] | None = None

    def leg_end(self, depth: int) -> int:
        """Return where the leg ends that begins after an epoch; the full length at most."""
        return next((end for end in self.ladder if end > depth), self.epochs)

    def warped(self, epochs: npt.NDArray[np.int64]) -> Floats:
        """Return the times of epochs: a curve changes as fast at all of them; 1 at the last."""
        return np.asarray(np.log1p(epochs) / math.log1p(self.epochs), float)

    def known(self, one: Seen) -> tuple[Key, Floats]:
        """Return key and coordinates of a trial."""
        found = self._known.get(one.number)
        if found is None or found[0] != one.params:
            found = (one.params, self.space.key(one.params), self.encoder.coordinates(one.params))
            self._known[one.number] = found
        return found[1:]

    def design(self, number: int, keys: Collection[Key]) -> Params | None:
        """Return the config of a trial without the model: given, the centre, or a Sobol point; None if none is left.

        Args:
            number: Of the trial, from 0.
            keys: Of configs that other trials have.
        """
        if number < len(self.first):
            return self.first[number]
        if number == len(self.first):
            centre = self.encoder.params(np.full(len(self.space.parameters), _MIDDLE))
            if self.space.allows(centre) and self.space.key(centre) not in keys:
                return centre
        try:
            return self._sobol.draw_beside(number - len(self.first), keys)
        except SpaceUsedUpError:
            return None

    def fitted(self, evidence: Evidence) -> Floats:
        """Return the kernel's parameters for measurements."""
        if self._fitted is None or not same(self._fitted[0], evidence):
            self._fitted = evidence, self.kernel.fit(evidence.places, evidence.targets, evidence.extra)
        return self._fitted[1]


def same(one: Evidence, other: Evidence) -> bool:
    """Return whether the measurements are the same."""
    return all(
        np.array_equal(left, right)
        for left, right in (
            (one.targets, other.targets),
            (one.places.times, other.places.times),
            (one.places.trials, other.places.trials),
            (one.places.coordinates, other.places.coordinates),
            (one.extra, other.extra),
        )
    )
