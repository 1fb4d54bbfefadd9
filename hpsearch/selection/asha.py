"""Asynchronous successive halving: of the trials at a rung, the best share goes on to the next one.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020. There, trials are compared as they
arrive, so verdicts depend on which worker was fast. Here they are compared in the order of trial numbers unless `order`
says otherwise: each rung takes trials in an order that the measurements alone decide. The first rung takes them by
number, and each later one in the order in which the rung before lets them go on. A trial that gets to a rung before its
turn waits there.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

from hpsearch.selection.rivals import Order, Verdict, cost, in_words, left_behind, outclassed
from hpsearch.trial.trial import GO_ON, Decision, Direction

Mode = Literal["promote", "stop"]


def rung_epochs(epochs: int, eta: int, share: float, lowest: int = 1) -> tuple[int, ...]:
    """Return the rungs of trials of a full length, ascending; the last is that length.

    Each rung has eta times the epochs of the one before. They are counted from the full length, so that the last
    comparison leaves as much to save as any; only the distance from the first rung to the second differs from eta.

    Args:
        epochs: The full length.
        eta: At least 2.
        share: Where the first rung lies, as a share of the full length; from 1 on, there is none before the last.
        lowest: The first rung's epoch at least.
    """
    first = max(lowest, _rounded(share * epochs))
    steps = max(1, _rounded(-math.log(share) / math.log(eta)))
    later = {_rounded(epochs / eta**step) for step in range(1, steps)}
    return (*sorted(one for one in {first, *later} if first <= one < epochs), epochs)


def _rounded(number: float) -> int:
    return math.floor(number + 0.5)


class _Rung:
    """The trials that have been compared at one epoch, best first."""

    def __init__(self, epoch: int, until: int, eta: int) -> None:
        self.epoch = epoch
        self.until = until  # the next rung
        self.costs: dict[int, float] = {}  # of all trials that are here, also before their turn
        self.ranked: list[tuple[float, int]] = []  # of those whose turn was
        self.went_on: set[int] = set()
        self.told: set[int] = set()  # that went on as a stored answer says
        self.stays: set[int] = set()  # ended here or before, so that they can't go on
        self._eta = eta

    def _take(self, number: int) -> int:
        """Rank a trial among those before it; return its position."""
        entry = (self.costs[number], number)
        position = bisect_left(self.ranked, entry)
        self.ranked.insert(position, entry)
        return position

    def promoted(self, number: int) -> list[int]:
        """Take a trial, and return those that go on now, best first: they are new among the best floor(n / eta)."""
        before = len(self.ranked) // self._eta
        position = self._take(number)
        among = len(self.ranked) // self._eta
        # The newcomer may be one of the best, and where these are one more than before, so may the last of them.
        new = sorted({position, among - 1} if among > before else {position})
        numbers = [self.ranked[at][1] for at in new if at < among]
        return [one for one in numbers if self._may_go_on(one)]

    def goes_on(self, number: int) -> bool:
        """Take a trial, and return whether it is among the best ceil(n / eta), or too few are here to say."""
        position = self._take(number)
        count = len(self.ranked)
        return self._may_go_on(number) and (count < self._eta or position < math.ceil(count / self._eta))

    def has_compared(self, number: int) -> bool:
        """Return whether a trial's turn was."""
        entry = (self.costs[number], number)
        return entry in self.ranked[bisect_left(self.ranked, entry) :][:1]

    def _may_go_on(self, number: int) -> bool:
        return number not in self.went_on and number not in self.stays and math.isfinite(self.costs[number])

    def words(self, number: int, share: int, direction: Direction) -> str:
        """Return how a trial compares with the best of this rung, whose number is `share`."""
        costs = [self.costs[number], *(one for one, _ in self.ranked[share - 1 : share] if share)]
        value, *cut = in_words(costs, direction)
        compared = f"rung's cut {cut[0]}, " if cut else ""
        return f"epoch {self.epoch}: {value}, {compared}{len(self.went_on)} of {len(self.ranked)} went on"


class AshaRule:
    """Let the best 1 / eta of the trials at each rung go on.

    With mode `promote`, a rung lets trials go on that are among its best floor(n / eta), as n grows. All others stay
    paused, and are outclassed when the search ends. With mode `stop`, each trial is compared once, with those before
    it: it ends unless it is among the best ceil(n / eta). The first eta - 1 trials go on.
    """

    def __init__(
        self,
        *,
        rungs: tuple[int, ...],
        direction: Direction,
        members: Callable[[int], int],
        eta: int = 3,
        mode: Mode = "promote",
        order: Order = "number",
    ) -> None:
        """Make the rule of one round, or of one bracket.

        Args:
            rungs: Epochs, ascending; the last is the full length.
            direction: Of the metric.
            members: Returns the number of the n-th trial, n from 0, ascending.
            eta: One of so many trials goes on.
            mode: Whether trials wait to be promoted, or are stopped for good.
            order: Whether trials are compared in the order of their numbers, or as they arrive.
        """
        self._epochs = rungs
        self._direction = direction
        self._members = members
        self._eta = eta
        self._stops = mode == "stop"
        self._in_order = order == "number"
        self._rungs = [_Rung(epoch, until, eta) for epoch, until in pairwise(rungs)]
        self._at = {rung.epoch: position for position, rung in enumerate(self._rungs)}
        self._turns: list[list[int]] = [[] for _ in rungs]  # by rung, all whose turn was or comes; the first by number
        self._ended: set[int] = set()
        self._reached: dict[int, int] = {}  # how many rungs each trial has got to

    def rungs(self, number: int) -> tuple[int, ...]:
        """Return the epochs at which the legs of a trial end."""
        del number  # they are the same for all
        return self._epochs

    def reached(self, number: int, epoch: int, best: float | None, *, went_on: bool = False) -> Sequence[Verdict]:
        """Take the end of a leg. Where numbers order, `went_on` only says that the trial did not end here."""
        position = self._at.get(epoch)
        if position is None or number in self._ended or number in self._rungs[position].costs:
            return []
        self._reached[number] = position + 1
        rung = self._rungs[position]
        rung.costs[number] = cost(best, self._direction)
        if went_on:
            rung.told.add(number)
            if not self._in_order:
                rung.went_on.add(number)
        return self._compare(position, number)

    def ended(self, number: int, epoch: int, best: float | None) -> Sequence[Verdict]:
        """Take the end of a trial: at its next rung it has a place with its best value, and can't go on from there."""
        if number in self._ended:
            return []
        self._ended.add(number)
        position = self._reached.get(number, 0)
        before = self._rungs[position - 1] if position else None
        trained = before is None or epoch > before.epoch
        if before is not None and not trained and number not in before.went_on | before.told:
            before.stays.add(number)
        if position == len(self._rungs) or not (trained or self._in_order):
            return []
        self._rungs[position].costs[number] = cost(best, self._direction)
        self._rungs[position].stays.add(number)
        return self._compare(position, number)

    def at_once(self, number: int) -> Verdict:
        """Return the verdict on a trial that can't wait.

        It goes on if it is among the best ceil(n / eta) of the n trials that are here; fewer than eta all go on.
        """
        rung = self._rungs[self._reached[number] - 1]
        here = sorted((one, rival) for rival, one in rung.costs.items())
        share, position = math.ceil(len(here) / self._eta), here.index((rung.costs[number], number))
        if len(here) < self._eta or position < share:
            (rung.told if self._in_order else rung.went_on).add(number)
            return Verdict(number=number, decision=GO_ON, until=rung.until)
        rung.stays.add(number)  # or it might be promoted, and the next rung would wait for it
        value, cut = in_words([rung.costs[number], here[share - 1][0]], self._direction)
        words = f"epoch {rung.epoch}: {value}, rung's cut {cut}, {share} of {len(here)} go on"
        return Verdict(number=number, decision=outclassed(words))

    def left(self, number: int) -> Decision:
        """Return the decision for a paused trial when the search ends without it."""
        position = self._reached.get(number, 0) - 1
        if position < 0:
            return left_behind()
        rung = self._rungs[position]
        if rung.has_compared(number) and number not in rung.went_on:
            return outclassed(rung.words(number, len(rung.ranked) // self._eta, self._direction))
        (value,) = in_words([rung.costs[number]], self._direction)
        return left_behind(rung.epoch, value, "" if number in rung.went_on else self._awaited(position))

    def _awaited(self, position: int) -> str:
        number = self._next(position)
        return "it was not its turn" if number is None else f"trial {number} had not got there"

    def _next(self, position: int) -> int | None:
        """Return the number of the trial whose turn at a rung is next; None if that is not known yet."""
        taken = len(self._rungs[position].ranked)
        if position == 0:
            return self._members(taken)
        turns = self._turns[position]
        return turns[taken] if taken < len(turns) else None

    def _compare(self, position: int, number: int) -> list[Verdict]:
        """Return the verdicts that are due after a trial has come to a rung."""
        if not self._in_order:
            return self._turn(position, number)
        verdicts = []
        for above in range(position, len(self._rungs)):  # whoever goes on may be waiting at the next rung already
            while (due := self._next(above)) is not None and due in self._rungs[above].costs:
                verdicts += self._turn(above, due)
        return verdicts

    def _turn(self, position: int, number: int) -> list[Verdict]:
        """Compare a trial at a rung with those before it."""
        rung = self._rungs[position]
        if not self._stops:
            return [self._goes_on(position, one) for one in rung.promoted(number)]
        good = rung.goes_on(number)
        if number in rung.went_on or number in rung.stays:
            return []
        if good or number in rung.told:
            return [self._goes_on(position, number)]
        share = math.ceil(len(rung.ranked) / self._eta)
        return [Verdict(number=number, decision=outclassed(rung.words(number, share, self._direction)))]

    def _goes_on(self, position: int, number: int) -> Verdict:
        rung = self._rungs[position]
        rung.went_on.add(number)
        self._turns[position + 1].append(number)
        return Verdict(number=number, decision=GO_ON, until=rung.until)
