"""What the trials so far show."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hpsearch.samplers.auto.encoding import rows_of
from hpsearch.samplers.auto.kernel import Places, joined
from hpsearch.samplers.auto.measured import Measured
from hpsearch.samplers.auto.posterior import Evidence, Posterior
from hpsearch.samplers.auto.seen import Seen
from hpsearch.samplers.auto.setting import Setting
from hpsearch.samplers.base import Key
from hpsearch.trial.trial import Params

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_IN_MODEL, _IN_FIT = 300, 64  # measurements that the model sees, and those that its parameters are fitted to
_LEAST = 4  # measurements for a model
_FOREIGN = 0.25  # noise variance of earlier studies' values: the data or the code may differ
_PARENTS = 8


class History:
    """All trials that have begun.

    Args:
        setting: Of the study.
        trials: In any order.

    Attributes:
        trials: In the order of their numbers.
        measured: Their measurements; positions are those in `trials`.
        keys: Of configs that are taken.
        goals: The epoch that each trial has reached, or is to reach at the end of its running leg; shape (n_trials,).
    """

    def __init__(self, setting: Setting, trials: Sequence[Seen]) -> None:
        self._setting = setting
        self.trials = sorted(trials, key=lambda one: one.number)
        self.measured = Measured.of(self.trials, setting.direction.sign)
        known = [setting.known(one) for one in self.trials]
        self.keys: frozenset[Key] = setting.taken.union(key for key, _ in known)
        self._coordinates = rows_of([place for _, place in known], len(setting.encoder.groups))
        until = np.array([one.until or 0 for one in self.trials], int)
        self.goals: Integers = np.maximum(until, self.measured.depths)
        self._running = until > 0
        self._idle = np.array([one.until is None and not one.ended for one in self.trials], bool)

    @property
    def running(self) -> Integers:
        """Positions of the trials that a worker trains."""
        return np.flatnonzero(self._running)

    @cached_property
    def waiting(self) -> Integers:
        """Positions of trials that have begun, have no epoch so far, and that nobody trains."""
        return np.flatnonzero(self._idle & (self.measured.depths == 0))

    @cached_property
    def paused(self) -> Integers:
        """Positions of trials that can go on."""
        measured = self.measured
        sound = np.ones(len(self.trials), bool)
        last = measured.epochs == measured.depths[measured.rows]
        sound[measured.rows[last & ~np.isfinite(measured.values)]] = False
        return np.flatnonzero(self._idle & sound & (measured.depths > 0) & (measured.depths < self._setting.epochs))

    @cached_property
    def learned(self) -> bool:
        """Whether a trial has learned something."""
        return self.measured.learned()

    @cached_property
    def parents(self) -> list[Params]:
        """The best configs, best first, for variations."""
        order = np.argsort(-self.measured.tops, kind="stable")
        own = [self.trials[row].params for row in order[:_PARENTS] if np.isfinite(self.measured.tops[row])]
        return [*own, *self._setting.past.params[: _PARENTS - len(own)]]

    def ends_of(self, rows: Integers) -> Places:
        """Return the last epochs of some trials."""
        return Places(self._coordinates[rows], np.ones(len(rows)), rows)

    def _evidence(self, limit: int) -> tuple[Evidence, float] | None:
        """Return the measurements as the model takes them, and the best target; None if they are too few."""
        setting, measured, past = self._setting, self.measured, self._setting.past
        scale, foreign = measured.scale, len(past.targets)
        rows = measured.shown(setting.shown, limit) if scale is not None else np.empty(0, int)
        if len(rows) + foreign < _LEAST:
            return None
        own = scale.targets(measured.values[rows]) if scale is not None else np.empty(0)
        targets = np.concatenate([own, past.targets])
        middle, spread = float(targets.mean()), max(float(targets.std()), 1e-6)
        targets = (targets - middle) / spread
        trials = measured.rows[rows]
        places = joined(
            Places(self._coordinates[trials], setting.warped(measured.epochs[rows]), trials),
            Places(past.coordinates, np.ones(foreign), -1 - np.arange(foreign)),
        )
        extra = np.repeat([0.0, _FOREIGN], [len(own), foreign])
        best = float(targets[: len(own)].max()) if len(own) else float(targets.max())
        return Evidence(places=places, targets=targets, extra=extra, middle=middle, spread=spread), best

    @cached_property
    def model(self) -> tuple[Posterior, float] | None:
        """The model and the best target that was seen; None if there are too few measurements."""
        few, all_seen = self._evidence(_IN_FIT), self._evidence(_IN_MODEL)
        if few is None or all_seen is None:
            return None
        evidence, best = all_seen
        return Posterior(self._setting.kernel, self._setting.fitted(few[0]), evidence), best
