"""The measurements of all trials as arrays, and as the targets that the model learns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpsearch.samplers.auto.seen import Seen

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_FINE = 0.2  # of the scale: differences from the best value below it count in full
_CLIP = 3.0  # of the scale: all values worse than this look the same
_LEARNED = 0.015  # of a value's size: a metric that moved less has not learned


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """All measurements, larger is better, divided by the largest size among them.

    Attributes:
        numbers: Of the trials; shape (n_trials,).
        depths: The last epoch of each trial, 0 if it has none; shape (n_trials,).
        tops: The best finite value of each trial, minus infinity if it has none; shape (n_trials,).
        rows: The trial's position of each measurement, ascending; shape (n_values,).
        epochs: Ascending in each trial; shape (n_values,).
        values: Minus infinity where the metric is not finite; shape (n_values,).
        unit: The size by which values were divided, times the direction's sign.
    """

    numbers: Integers
    depths: Integers
    tops: Floats
    rows: Integers
    epochs: Integers
    values: Floats
    unit: float

    @classmethod
    def of(cls, trials: Sequence[Seen], sign: int) -> Measured:
        """Return the measurements of trials.

        Args:
            trials: In the order of their numbers.
            sign: 1 if larger is better, else -1.
        """
        counts = np.array([len(one.values) for one in trials], int)
        rows = np.repeat(np.arange(len(trials)), counts)
        epochs = np.array([epoch for one in trials for epoch in one.values], int)
        values = np.array([value for one in trials for value in one.values.values()], float)
        order = np.lexsort((epochs, rows))  # a mapping has the order in which it was filled
        epochs, values = epochs[order], values[order]
        finite = np.isfinite(values)
        unit = float(np.abs(values[finite]).max(initial=0.0)) or 1.0
        values = np.where(finite, sign * (values / unit), -np.inf)
        depths, tops = np.zeros(len(trials), int), np.full(len(trials), -np.inf)
        np.maximum.at(depths, rows, epochs)
        np.maximum.at(tops, rows, values)
        numbers = np.array([one.number for one in trials], int)
        return cls(numbers=numbers, depths=depths, tops=tops, rows=rows, epochs=epochs, values=values, unit=sign * unit)

    @property
    def scale(self) -> Scale | None:
        """The scale of the targets; None if no trial has a finite value."""
        return Scale.of(self.tops)

    def shown(self, epochs: Collection[int], limit: int) -> Integers:
        """Return the positions of the measurements that the model sees, at most `limit`.

        These are each trial's last one and those at some epochs. Where there are too many, the last ones of the best
        trials come first.

        Args:
            epochs: At which measurements are seen.
            limit: The most positions.
        """
        last = self.epochs == self.depths[self.rows]
        kept = np.flatnonzero(last | np.isin(self.epochs, list(epochs)))
        if len(kept) <= limit:
            return kept
        ranks = np.empty(len(self.tops))
        ranks[np.argsort(-self.tops, kind="stable")] = np.arange(len(self.tops))
        rank = ranks[self.rows[kept]]
        late = np.where(last[kept], rank, 0.25 * len(ranks) + 1.75 * rank)
        return np.sort(kept[np.argsort(late, kind="stable")[:limit]])

    def learned(self) -> bool:
        """Return whether a trial has learned something.

        Its best value is better by 1.5 % than its first one and than the median first one. Before that neither depth
        nor the model means anything: a config has to be found that learns. A trial of one epoch has only the second.
        """
        trials, starts, counts = np.unique(self.rows, return_index=True, return_counts=True)
        finite = np.isfinite(self.values[starts])
        if not finite.any():
            return False
        first, top = self.values[starts][finite], self.tops[trials][finite]
        median = float(np.median(first))
        own = (counts[finite] == 1) | (top - first > _LEARNED * np.abs(first))
        return bool((own & (top - median > _LEARNED * abs(median))).any())


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """From values to targets: fine near the best value, flat far below.

    Attributes:
        best: The best value.
        width: From the best value to the median trial's.
    """

    best: float
    width: float

    @classmethod
    def of(cls, tops: Floats) -> Scale | None:
        """Return the scale for the best values of trials, larger is better; None if none is finite."""
        finite = tops[np.isfinite(tops)]
        if not len(finite):
            return None
        best = float(finite.max())
        width = best - float(np.median(finite)) or best - float(finite.min()) or 1.0
        return cls(best=best, width=width)

    def targets(self, values: Floats) -> Floats:
        """Return the targets of values; not finite ones count as far below."""
        with np.errstate(over="ignore"):
            behind = np.where(np.isfinite(values), (self.best - values) / self.width, _CLIP)
        return -np.log(_FINE + np.clip(behind, 0, _CLIP))

    def ahead(self, targets: Floats) -> Floats:
        """Return by how much a target is better than the best value, at least 0: the inverse of `targets`."""
        return self.width * np.maximum(_FINE - np.exp(-targets), 0.0)

    @property
    def slope(self) -> float:
        """How much the value changes with the target at the best value."""
        return self.width * _FINE
