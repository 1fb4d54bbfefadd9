"""What can be trained next, scored by the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpsearch.samplers.auto.candidates import Candidates
from hpsearch.samplers.auto.history import History
from hpsearch.samplers.auto.kernel import Places, joined
from hpsearch.samplers.auto.ladder import Balance
from hpsearch.samplers.auto.posterior import Posterior

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_MOST_PAUSED = 100  # of each band of depth: so many of the best are scored
_NEW = 1 << 40  # from here on count the trials that do not exist yet


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One way to use a worker: a paused trial's position in the history, or a new config's among the candidates."""

    paused: int | None = None
    new: int | None = None


class Options:
    """Paused trials and new configs, with the expected improvement of each at the last epoch.

    Running trials count as if their ends were known to be as predicted, so that workers spread out.

    Args:
        history: All trials.
        model: Of their curves.
        best: The best target so far.
        started: Coordinates of trials that begin now; shape (n_started, n_columns).
        new: Candidates.
        balance: Of the bands of depth.
    """

    def __init__(
        self,
        history: History,
        model: tuple[Posterior, float],
        started: Floats,
        new: Candidates,
        balance: Balance,
    ) -> None:
        posterior, self._best = model
        self._paused = _promising(history, balance)
        running = history.running
        coordinates = np.concatenate([started, new.coordinates])
        numbers = _NEW + np.arange(len(coordinates))
        places = joined(
            history.ends_of(running),
            history.ends_of(self._paused),
            Places(coordinates, np.ones(len(coordinates)), numbers),
        )
        busy = np.concatenate([np.arange(len(running)), len(running) + len(self._paused) + np.arange(len(started))])
        self._before = len(running)
        self._first_new = len(places) - len(new)
        self._ends = posterior.ends(places)
        self._open = np.ones(len(places), bool)
        for row in busy:
            self._close(int(row), assume=True)
        depths = np.zeros(len(places), int)
        depths[self._before : self._before + len(self._paused)] = history.measured.depths[self._paused]
        self._bands = balance.band(depths)

    def _close(self, row: int, *, assume: bool) -> None:
        self._open[row] = False
        if assume:
            self._ends.assume(row)

    def best(self, spent: Floats | None, *, may_start: bool) -> Option | None:
        """Return the option with the largest expected improvement; None if none is left.

        Args:
            spent: The epochs trained in each band, to choose among the options of the least served one; None for all.
            may_start: Whether new configs count.
        """
        scores = np.where(self._open, self._ends.scores(self._best), -np.inf)
        if not may_start:
            scores[self._first_new :] = -np.inf
        possible = np.isfinite(scores)
        if not possible.any():
            return None
        if spent is not None:
            bands = np.unique(self._bands[possible])
            scores[self._bands != bands[np.argmin(spent[bands])]] = -np.inf
        row = int(np.argmax(scores))
        if row >= self._first_new:
            return Option(new=row - self._first_new)
        return Option(paused=int(self._paused[row - self._before]))

    def take(self, option: Option) -> None:
        """Count an option as running."""
        self._close(self._row(option), assume=True)

    def refuse(self, option: Option) -> None:
        """Leave an option out."""
        self._close(self._row(option), assume=False)

    def _row(self, option: Option) -> int:
        if option.new is not None:
            return self._first_new + option.new
        return self._before + int(np.flatnonzero(self._paused == option.paused)[0])


def _promising(history: History, balance: Balance) -> Integers:
    """Return the positions of paused trials, the best of each band where they are many."""
    paused, measured = history.paused, history.measured
    bands = balance.band(measured.depths[paused])
    kept = [
        rows[np.argsort(-measured.tops[rows], kind="stable")[:_MOST_PAUSED]]
        for band in np.unique(bands)
        for rows in (paused[bands == band],)
    ]
    return np.sort(np.concatenate(kept)) if kept else paused
