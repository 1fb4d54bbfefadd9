"""The epochs at which legs end, and the bands of depth between which training is balanced."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

_FIRST = 17  # the first leg is this fraction of a full training
_LEG = 1.5  # the ends of legs grow by this factor
_BAND = 3.0  # the bands of depth grow by this factor
_LAST_BAND = 0.75  # of a full training: no band begins beyond it
_SHOWN = 1.35  # the epochs of a curve that the model sees grow by this factor


def leg_ends(epochs: int) -> tuple[int, ...]:
    """Return the epochs at which legs end, ascending; the last is the full length.

    Args:
        epochs: Of a full training, at least 1.
    """
    ends = [max(1, round(epochs / _FIRST))]
    while ends[-1] < epochs:
        ends.append(min(epochs, max(ends[-1] + 1, round(ends[-1] * _LEG))))
    return tuple(ends)


def band_edges(epochs: int) -> tuple[int, ...]:
    """Return the epochs between the bands of depth, from 0 to the full length."""
    edges = [0, leg_ends(epochs)[0]]
    while edges[-1] * _BAND < _LAST_BAND * epochs:
        edges.append(round(edges[-1] * _BAND))
    return (*edges, epochs) if edges[-1] < epochs else tuple(edges)


def shown_epochs(epochs: int) -> frozenset[int]:
    """Return the epochs of a curve that the model sees beside its last one: about 10 of 50."""
    found, epoch = {epochs}, 1
    while epoch < epochs:
        found.add(epoch)
        epoch = max(epoch + 1, round(epoch * _SHOWN))
    return frozenset(found)


class Balance:
    """Says which band of depth has had the least training.

    Neither many short trials nor a few long ones may take over: the model is sure of itself too early.

    Args:
        epochs: Of a full training.
    """

    def __init__(self, epochs: int) -> None:
        self._edges = np.array(band_edges(epochs))

    def spent(self, depths: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the epochs trained in each band.

        Args:
            depths: The epochs that each trial has had, or is to have at the end of its running leg; shape (n_trials,).
        """
        return np.array(
            [np.clip(np.minimum(depths, high) - low, 0, None).sum() for low, high in pairwise(self._edges)], float
        )

    def band(self, depths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the band in which training goes on from each depth, from 0; shape (n_trials,)."""
        return np.searchsorted(self._edges, depths, "right") - 1
