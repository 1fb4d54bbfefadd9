"""The median rule: a trial ends that is worse than the median of its rivals at the same epoch.

Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2.2; as there, by the best
values so far. Here a trial is compared with all trials that have a lower number unless `order` says otherwise, so
verdicts don't depend on which worker was fast: until all of them have got to the epoch, or have ended, it waits. A
trial that has ended before, also as outclassed, counts at all later epochs with its best value.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from itertools import pairwise

from hpsearch.selection.rivals import Order, Verdict, cost, in_words, left_behind, outclassed
from hpsearch.trial.trial import GO_ON, Decision, Direction


class _Rung:
    """The trials that have got to one epoch, or have ended before."""

    def __init__(self, epoch: int, until: int) -> None:
        self.epoch = epoch
        self.until = until  # the next rung
        self.costs: dict[int, float] = {}  # of all of them, also before their turn
        self.waiting: set[int] = set()
        self.ranked: list[float] = []  # of those whose turn was


class MedianRule:
    """End trials that are worse than the median of their rivals."""

    def __init__(
        self,
        *,
        rungs: tuple[int, ...],
        direction: Direction,
        start: int = 0,
        min_trials: int = 5,
        order: Order = "number",
    ) -> None:
        """Make the rule of one round.

        Args:
            rungs: The epochs of the comparisons, ascending; the last is the full length.
            direction: Of the metric.
            start: The number of the first trial.
            min_trials: With fewer rivals at an epoch, a trial goes on.
            order: Whether trials are compared in the order of their numbers, or as they arrive.
        """
        self._epochs = rungs
        self._direction = direction
        self._start = start
        self._min_trials = min_trials
        self._in_order = order == "number"
        self._rungs = [_Rung(epoch, until) for epoch, until in pairwise(rungs)]
        self._at = {rung.epoch: position for position, rung in enumerate(self._rungs)}
        self._due_from = len(self._rungs)  # a rung where verdicts may be due already
        self._ended: set[int] = set()
        self._last: dict[int, _Rung] = {}

    def rungs(self, number: int) -> tuple[int, ...]:
        """Return the epochs at which the legs of a trial end."""
        del number  # they are the same for all
        return self._epochs

    def reached(self, number: int, epoch: int, best: float | None, *, went_on: bool = False) -> Sequence[Verdict]:
        """Take the end of a leg. Where numbers order, `went_on` says nothing new."""
        position = self._at.get(epoch)
        if position is None or number in self._ended or number in self._rungs[position].costs:
            return []
        rung = self._last[number] = self._rungs[position]
        rung.costs[number] = cost(best, self._direction)
        if self._in_order or not went_on:
            rung.waiting.add(number)
        return self._compare(number, position)

    def ended(self, number: int, epoch: int, best: float | None) -> Sequence[Verdict]:
        """Take the end of a trial: at all rungs to come it counts with its best value."""
        del epoch  # what it has not reached says enough
        if number in self._ended:
            return []
        if number in self._last:
            self._last[number].waiting.discard(number)
        return self._compare(number, self._end(number, cost(best, self._direction)))

    def _end(self, number: int, value: float) -> int:
        """Let an ended trial count at all rungs to come, and return the first of them."""
        self._ended.add(number)
        to_come = [position for position, rung in enumerate(self._rungs) if number not in rung.costs]
        for position in to_come:
            self._rungs[position].costs[number] = value
        return to_come[0] if to_come else len(self._rungs)

    def at_once(self, number: int) -> Verdict:
        """Return the verdict on a trial that can't wait: by the median of all others that are here."""
        rung = self._last[number]
        rung.waiting.discard(number)
        self._due_from = (
            0  # if it ends, it is there at rungs where others wait; they get their verdicts with the next call
        )
        here = sorted(one for rival, one in rung.costs.items() if rival != number)
        return self._verdict(rung, number, here)

    def left(self, number: int) -> Decision:
        """Return the decision for a paused trial when the search ends without it."""
        rung = self._last.get(number)
        if rung is None:
            return left_behind()
        (value,) = in_words([rung.costs[number]], self._direction)
        awaited = f"trial {self._start + len(rung.ranked)} had not got there" if number in rung.waiting else ""
        return left_behind(rung.epoch, value, awaited)

    def _compare(self, number: int, position: int) -> list[Verdict]:
        """Return the verdicts that are due after a trial has come to a rung, or to all from there on."""
        verdicts = []
        position, self._due_from = min(position, self._due_from), len(self._rungs)
        for rung in self._rungs[position:]:  # whoever is outclassed counts at the next rungs, where others wait
            if self._in_order:
                while (due := self._start + len(rung.ranked)) in rung.costs:
                    verdicts += self._turn(rung, due)
            elif number in rung.costs:
                verdicts += self._turn(rung, number)
        return verdicts

    def _turn(self, rung: _Rung, number: int) -> list[Verdict]:
        """Compare a trial with those before it."""
        verdicts = []
        if number in rung.waiting:
            rung.waiting.discard(number)
            verdicts.append(self._verdict(rung, number, rung.ranked))
        insort(rung.ranked, rung.costs[number])
        return verdicts

    def _verdict(self, rung: _Rung, number: int, rivals: Sequence[float]) -> Verdict:
        """Compare a trial with rivals, the best first."""
        value = rung.costs[number]
        if len(rivals) < self._min_trials or value <= _median(rivals):
            return Verdict(number=number, decision=GO_ON, until=rung.until)
        self._end(number, value)
        own, median = in_words([value, _median(rivals)], self._direction)
        words = f"epoch {rung.epoch}: {own}, median of {len(rivals)} rivals {median}"
        return Verdict(number=number, decision=outclassed(words))


def _median(ranked: Sequence[float]) -> float:
    """Return the mean of the two in the middle, or the worse of them if it is no number; at least one is there."""
    middle = len(ranked) // 2
    return ranked[middle] if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2
