"""Drives a rule that compares rivals with workers in simulated time, as a search does."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hpsearch.selection.rivals import RivalRule, Verdict
from hpsearch.trial.trial import Direction, StopReason


@dataclass(frozen=True)
class Curve:
    """A trial as it would go if it were trained to its end: its value after each epoch.

    Attributes:
        ends: After this epoch it ends by itself; None for the full length.
        fails: Whether it then has diverged or failed; else it has stalled.
    """

    values: Sequence[float]
    ends: int | None = None
    fails: bool = False

    @property
    def last(self) -> int:
        return len(self.values) if self.ends is None else self.ends

    def best(self, epoch: int, direction: Direction) -> float | None:
        found = direction.best(self.values[:epoch])
        return None if found is None else found[1]


@dataclass
class Driven:
    """What a search has done.

    Attributes:
        trained: How many epochs each trial has.
        verdicts: The reasons of all verdicts, by trial and the epoch at which it waited.
        words: Those of trials that a verdict has ended, or that were left.
        finished: Trials that have ended by themselves, in that order.
        calls: All calls, in order.
    """

    trained: dict[int, int] = field(default_factory=dict)
    verdicts: dict[tuple[int, int], StopReason | None] = field(default_factory=dict)
    words: dict[int, str] = field(default_factory=dict)
    finished: list[int] = field(default_factory=list)
    calls: list[tuple] = field(default_factory=list)


class Search:
    """A search whose trials take a random time per epoch.

    A free worker takes up a trial that may go on, or else begins the next one.
    """

    def __init__(self, rule: RivalRule, curves: Mapping[int, Curve], direction: Direction = Direction.MAXIMIZE):
        self.rule, self.curves, self.direction = rule, curves, direction
        self.restarts: dict[int, Callable[[], RivalRule]] = {}  # after so many calls, the driver begins anew
        self.done = Driven()
        self.waiting: dict[int, int] = {}  # paused trials, and where
        self.may_go_on: list[tuple[int, int]] = []  # trials, and until when
        self.over: set[int] = set()
        self.hurried: set[int] = set()  # trials with a verdict at once
        self.can_pause: Callable[[int], bool] = lambda _: True

    def run(self, workers: int = 1, seed: int = 0) -> Driven:
        """Run it to its end: no trial is to come, and none may go on."""
        draw = random.Random(seed)
        new = iter(sorted(self.curves))
        busy: list[tuple[float, int, int]] = []
        now, free = 0.0, workers
        while True:
            while free:
                if self.may_go_on:
                    number, until = self.may_go_on.pop(0)
                elif (number := next(new, -1)) >= 0:
                    until = self.rule.rungs(number)[0]
                else:
                    break
                free -= 1
                heapq.heappush(busy, (now + draw.expovariate(1), number, until))
            if not busy:
                break
            now, number, until = heapq.heappop(busy)
            free += 1
            self.leg_ended(number, until)
        for number in self.waiting:
            decision = self.rule.left(number)
            assert decision.reason is StopReason.OUTCLASSED
            self.done.words[number] = decision.words
        return self.done

    def leg_ended(self, number: int, until: int) -> None:
        """Let a trial train to the end of its leg, or to its own."""
        curve, rungs = self.curves[number], self.rule.rungs(number)
        epoch = min(until, curve.last)
        self.done.trained[number] = epoch
        if epoch == curve.last:
            best = None if curve.fails else curve.best(epoch, self.direction)
            self.done.finished.append(number)
            self.over.add(number)
            self.call("ended", number, epoch, best)
        else:
            assert until in rungs[:-1]
            self.waiting[number] = until
            self.call("reached", number, epoch, curve.best(epoch, self.direction))
            if number in self.waiting and not self.can_pause(number):
                self.take([self.rule.at_once(number)])
                self.hurried.add(number)

    def call(self, name: str, *arguments) -> None:
        self.done.calls.append((name, *arguments))
        if make := self.restarts.get(len(self.done.calls)):
            self.rule = make()
            self.replay()
        else:
            self.take(getattr(self.rule, name)(*arguments))

    def replay(self) -> None:
        """Tell a new rule what is stored, as the driver does after a restart: the last call was stored too."""
        fresh: list[Verdict] = []
        for number, trained in sorted(self.done.trained.items()):
            has_ended = number in self.done.finished
            best = self.curves[number].best
            for epoch in self.rule.rungs(number)[:-1]:
                if epoch < trained or (epoch == trained and not has_ended):
                    known = self.done.verdicts.get((number, epoch), StopReason.OUTCLASSED)
                    value = best(epoch, self.direction)
                    fresh += self.rule.reached(number, epoch, value, went_on=known is None)
            if number in self.over:
                value = None if has_ended and self.curves[number].fails else best(trained, self.direction)
                fresh += self.rule.ended(number, trained, value)
        self.take([one for one in fresh if self.is_new(one)])

    def is_new(self, verdict: Verdict) -> bool:
        """Return whether a verdict of a replay is for a trial that waits there; else an earlier one was stored."""
        rungs, waits_at = self.rule.rungs(verdict.number), self.waiting.get(verdict.number)
        return waits_at is not None and verdict.until in (None, rungs[rungs.index(waits_at) + 1])

    def take(self, verdicts) -> None:
        """Take verdicts; each is for a trial that waits, unless it had one at once."""
        for verdict in verdicts:
            number = verdict.number
            if number in self.hurried and not self.is_new(verdict):
                continue
            epoch = self.waiting.pop(number)
            self.done.verdicts[number, epoch] = verdict.decision.reason
            if verdict.decision.reason is None:
                assert verdict.until is not None
                assert verdict.until > epoch
                assert number not in self.over
                self.may_go_on.append((number, verdict.until))
            else:
                assert verdict.until is None
                self.over.add(number)
                self.done.words[number] = verdict.decision.words


def run(
    rule: RivalRule,
    curves: Sequence[Curve],
    *,
    workers: int = 1,
    seed: int = 0,
    start: int = 0,
    direction: Direction = Direction.MAXIMIZE,
) -> Driven:
    """Return what a search with these trials does, numbered from `start`."""
    return Search(rule, dict(enumerate(curves, start)), direction).run(workers, seed)


def steps(values: Sequence[float], epochs: int) -> list[Curve]:
    """Return flat curves with these values; one that is not finite ends its trial in its first epoch."""
    return [Curve([value] * epochs, *((None, False) if math.isfinite(value) else (1, True))) for value in values]
