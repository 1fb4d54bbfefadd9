"""Screening: all trials are trained a little, and the best of them to the end.

One round of successive halving (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization", AISTATS 2016). It waits for all trials, so its verdicts depend on no order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hpsearch.selection.rivals import Verdict, cost, in_words, left_behind, outclassed
from hpsearch.trial.trial import GO_ON, Decision, Direction


class ScreenRule:
    """Let the best trials go on when all have been compared at one epoch."""

    def __init__(
        self, *, rungs: tuple[int, ...], direction: Direction, keep: int, start: int = 0, total: int | None = None
    ) -> None:
        """Make the rule of one round.

        Args:
            rungs: The epoch of the comparison, and the full length; or the full length alone.
            direction: Of the metric.
            keep: So many trials go on.
            start: The number of the first trial.
            total: How many trials there will be; None if nobody knows, so that none is compared.
        """
        self._epochs = rungs
        self._direction = direction
        self._keep = keep
        self._start = start
        self._total = total
        self._costs: dict[int, float] = {}  # of all that are there, or have ended before
        self._waiting: set[int] = set()
        self._is_decided = False

    def rungs(self, number: int) -> tuple[int, ...]:
        """Return the epochs at which the legs of a trial end."""
        del number  # they are the same for all
        return self._epochs

    def reached(self, number: int, epoch: int, best: float | None, *, went_on: bool = False) -> Sequence[Verdict]:
        """Take the end of a leg; a trial that went on has its verdict."""
        if epoch not in self._epochs[:-1] or number in self._costs:
            return []
        self._costs[number] = cost(best, self._direction)
        if not went_on:
            self._waiting.add(number)
        return self._compare()

    def ended(self, number: int, epoch: int, best: float | None) -> Sequence[Verdict]:
        """Take the end of a trial: if it was not compared, it has a place with its best value, and can't go on."""
        del epoch  # what it has not reached says enough
        self._waiting.discard(number)
        if number in self._costs:
            return []
        self._costs[number] = cost(best, self._direction)
        return self._compare()

    def at_once(self, number: int) -> Verdict:
        """Return the verdict on a trial that can't wait: whether as large a share of those that are here is kept."""
        self._waiting.discard(number)
        ranked = sorted((value, rival) for rival, value in self._costs.items())
        kept = (
            self._keep if self._total is None else math.ceil(self._keep * len(ranked) / max(self._total, len(ranked)))
        )
        return self._verdict(ranked, ranked.index((self._costs[number], number)), kept)

    def left(self, number: int) -> Decision:
        """Return the decision for a paused trial when the search ends without it."""
        if number not in self._costs:
            return left_behind()
        (value,) = in_words([self._costs[number]], self._direction)
        total = "an unknown number of" if self._total is None else self._total
        awaited = f"{len(self._costs)} of {total} trials had got there" if number in self._waiting else ""
        return left_behind(self._epochs[0], value, awaited)

    def _compare(self) -> list[Verdict]:
        """Return all verdicts once all trials are there."""
        if self._is_decided or self._total is None or len(self._costs) < self._total:
            return []
        self._is_decided = True
        ranked = sorted((value, number) for number, value in self._costs.items())
        waiting = [position for position, (_, number) in enumerate(ranked) if number in self._waiting]
        self._waiting.clear()
        return [self._verdict(ranked, position, self._keep) for position in waiting]

    def _verdict(self, ranked: Sequence[tuple[float, int]], position: int, keep: int) -> Verdict:
        """Return the verdict on the trial at a position, where so many are kept."""
        value, number = ranked[position]
        if position < keep and math.isfinite(value):
            return Verdict(number=number, decision=GO_ON, until=self._epochs[-1])
        kept = min(keep, len(ranked))
        own, cut = in_words([value, ranked[kept - 1][0]], self._direction)
        words = f"epoch {self._epochs[0]}: {own}, cut {cut}, {kept} of {len(ranked)} went on"
        return Verdict(number=number, decision=outclassed(words))
