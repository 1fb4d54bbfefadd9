"""Hyperband: several brackets of asha, each with another first rung, as a hedge against one that is too early.

Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 18, 2018. With rungs
r_0 < ... < r_m, where r_m is the full length, the bracket with s rungs before it, from r_(m - s) on, has
ceil((m + 1) / (s + 1) * eta^s) trials of each iteration, as there. The brackets run beside each other, and their trials
are dealt by number, so that any number of successive trials has about these shares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from hpsearch.selection.asha import AshaRule, Mode
from hpsearch.selection.rivals import Order, Verdict
from hpsearch.trial.trial import Decision, Direction


class HyperbandRule:
    """Compare each trial with those of its bracket."""

    def __init__(
        self,
        *,
        rungs: tuple[int, ...],
        direction: Direction,
        start: int = 0,
        eta: int = 3,
        mode: Mode = "promote",
        order: Order = "number",
    ) -> None:
        """Make the rule of one round.

        Args:
            rungs: Epochs of the bracket with the most rungs, ascending; the last is the full length.
            direction: Of the metric.
            start: The number of the first trial.
            eta: One of so many trials goes on.
            mode: Whether trials wait to be promoted, or are stopped for good.
            order: Whether trials are compared in the order of their numbers, or as they arrive.
        """
        self._start = start
        self._dealt = deal(bracket_sizes(len(rungs), eta))
        self._brackets = [
            AshaRule(
                rungs=rungs[bracket:],
                direction=direction,
                members=self._members(bracket),
                eta=eta,
                mode=mode,
                order=order,
            )
            for bracket in range(len(rungs))
        ]

    def _members(self, bracket: int) -> Callable[[int], int]:
        """Return a function from a trial's position in its bracket to its number."""
        places = [place for place, one in enumerate(self._dealt) if one == bracket]

        def number(position: int) -> int:
            iteration, rest = divmod(position, len(places))
            return self._start + iteration * len(self._dealt) + places[rest]

        return number

    def _bracket(self, number: int) -> AshaRule:
        return self._brackets[self._dealt[(number - self._start) % len(self._dealt)]]

    def rungs(self, number: int) -> tuple[int, ...]:
        """Return the epochs at which the legs of a trial end: those of its bracket."""
        return self._bracket(number).rungs(number)

    def reached(self, number: int, epoch: int, best: float | None, *, went_on: bool = False) -> Sequence[Verdict]:
        """Take the end of a leg."""
        return self._bracket(number).reached(number, epoch, best, went_on=went_on)

    def ended(self, number: int, epoch: int, best: float | None) -> Sequence[Verdict]:
        """Take the end of a trial."""
        return self._bracket(number).ended(number, epoch, best)

    def at_once(self, number: int) -> Verdict:
        """Return the verdict on a trial that can't wait, as its bracket's rule does."""
        return self._bracket(number).at_once(number)

    def left(self, number: int) -> Decision:
        """Return the decision for a paused trial when the search ends without it."""
        return self._bracket(number).left(number)


def bracket_sizes(rungs: int, eta: int) -> list[int]:
    """Return the numbers of trials of one iteration, for the bracket with the most rungs first."""
    return [math.ceil(rungs * eta**above / (above + 1)) for above in range(rungs - 1, -1, -1)]


def deal(sizes: Sequence[int]) -> list[int]:
    """Return the bracket of each trial of one iteration: always the one that is furthest behind its share."""
    total, had, dealt = sum(sizes), [0] * len(sizes), []
    for place in range(1, total + 1):
        behind = [place * size - total * count for size, count in zip(sizes, had, strict=True)]
        bracket = behind.index(max(behind))
        had[bracket] += 1
        dealt.append(bracket)
    return dealt
