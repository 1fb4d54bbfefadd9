"""What rules that compare rivals have in common: they are pure, and each call takes one event and gives verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from hpsearch.trial.trial import Decision, Direction, StopReason

Order = Literal["number", "arrival"]
"""Whether trials are compared in the order of their numbers, or as they arrive."""

_FEWEST_DIGITS, _MOST_DIGITS = 4, 9


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a rule says of one trial after a leg.

    Attributes:
        number: The trial's.
        decision: Ends it, or lets it go on.
        until: The epoch where its next leg ends; None if the trial ends.
    """

    number: int
    decision: Decision
    until: int | None = None


class RivalRule(Protocol):
    """A rule that compares the trials of one round.

    Its verdicts depend on the calls alone. Where numbers order, they are the same for any order of the calls that a
    search can make, and for that of a replay: by trial numbers, for each trial `reached` at each rung that it got to,
    then `ended` if it has ended. What was told before has no effect.
    """

    def rungs(self, number: int) -> tuple[int, ...]:
        """Return the epochs at which the legs of a trial end, ascending; nothing is compared at the last."""
        ...

    def reached(self, number: int, epoch: int, best: float | None, *, went_on: bool = False) -> Sequence[Verdict]:
        """Take the end of a leg, and return all verdicts that are due now: perhaps none, perhaps of other trials.

        A trial that ends by itself in the epoch of a rung (finished, stalled, diverged) has `ended` and has not
        `reached` it.

        Args:
            number: The trial's.
            epoch: A rung of the trial; at its last one, and at any other epoch, there is nothing to do.
            best: Its best value up to that epoch, in the metric's own sign. None, NaN and infinity count as worst.
            went_on: A stored answer has let it go on past this epoch already.
        """
        ...

    def ended(self, number: int, epoch: int, best: float | None) -> Sequence[Verdict]:
        """Take the end of a trial that no verdict has ended, and return all verdicts that are due now.

        Args:
            number: The trial's.
            epoch: How many epochs it has.
            best: Its best value; None if it has none, has diverged or failed, and counts as worst.
        """
        ...

    def at_once(self, number: int) -> Verdict:
        """Return the verdict on a trial that can't wait where its leg has ended: by the rivals that are there now."""
        ...

    def left(self, number: int) -> Decision:
        """Return the decision for a paused trial when the search ends without it: outclassed, with the numbers."""
        ...


def outclassed(words: str) -> Decision:
    """Return the decision that ends a trial because of its rivals."""
    return Decision(StopReason.OUTCLASSED, words)


def left_behind(epoch: int | None = None, value: str = "", awaited: str = "") -> Decision:
    """Return the decision for a paused trial that has not been compared when the search ends, or may go on.

    Args:
        epoch: Where it is paused; None before it has got to a rung.
        value: Its best value there, in words.
        awaited: What its comparison waited for; empty if it may go on.
    """
    if epoch is None:
        return outclassed("paused when the search ended")
    return outclassed(f"epoch {epoch}: {value}, {f'not compared, for {awaited}' if awaited else 'could have gone on'}")


def cost(value: float | None, direction: Direction) -> float:
    """Return what a value is sorted by: less is better; a missing one, or one that is not finite, is worst."""
    return math.inf if value is None or not math.isfinite(value) else -direction.sign * value


def in_words(costs: Sequence[float], direction: Direction) -> list[str]:
    """Return the values behind costs, with as many digits as tell different ones apart."""
    digits = _FEWEST_DIGITS
    while digits < _MOST_DIGITS and len({f"{one:.{digits}g}" for one in costs}) < len(set(costs)):
        digits += 1
    return [f"{-direction.sign * one:.{digits}g}" if math.isfinite(one) else "no value" for one in costs]
