"""Which trials of a search go on after a leg, and until when, as a rule that compares rivals says.

The rule keeps no state in the store. After a restart it is told the stored measurements again, by trial numbers.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from hpsearch.selection.rivals import RivalRule, Verdict, left_behind
from hpsearch.trial.trial import PAUSE, Answer, Decision, Direction, State, StopReason, TrialRecord


@dataclass(frozen=True, slots=True)
class GoOn:
    """A paused trial that goes on.

    Attributes:
        paused_at: After which epoch it goes on.
        until: The epoch at which its next leg ends.
    """

    number: int
    paused_at: int
    until: int


class Legs(Protocol):
    """Says which trials go on after a leg, and until when."""

    @property
    def has_ready(self) -> bool:
        """Whether `take_ready` may have a trial that goes on, or find that a new one is to begin."""
        ...

    @property
    def may_start(self) -> bool:
        """Whether a new trial may begin now."""
        ...

    @property
    def finishes(self) -> int:
        """How many of the best trials are trained to their ends whatever happens."""
        ...

    def replay(self, records: Iterable[TrialRecord]) -> None:
        """Take what earlier drivers have stored: the trials of the round, by number."""
        ...

    def first(self, number: int) -> int | None:
        """Return the epoch at which the first leg of a new trial ends; None for its last epoch."""
        ...

    def begun(self, number: int) -> None:
        """Take that a new trial has begun."""
        ...

    def no_new(self) -> None:
        """Take that no new trial may begin."""
        ...

    def answer(self, record: TrialRecord, epoch: int, saved: int) -> Answer:
        """Return what a trial is told at the end of a leg.

        Args:
            record: With all values up to that epoch.
            epoch: The last one of the leg.
            saved: The epoch after which the trial would go on if it were paused now; 0 for the start.
        """
        ...

    def paused(self, number: int, epoch: int) -> None:
        """Take that a trial is paused after an epoch although it was to go on."""
        ...

    def ended(self, record: TrialRecord) -> None:
        """Take the end of a trial."""
        ...

    def take_ready(self) -> GoOn | None:
        """Return the next paused trial that may go on; None if there is none."""
        ...

    def goes_on(self, number: int) -> None:
        """Take that a paused trial trains again."""
        ...

    def hold(self, ready: GoOn) -> None:
        """Take that a paused trial can't go on for now; it stays paused."""
        ...

    def let_go_on(self, number: int) -> None:
        """Let a paused trial go on to its end, whatever its rivals are."""
        ...

    def take_ending(self) -> list[tuple[int, Decision]]:
        """Return the paused trials that have got a verdict that ends them, with the decisions."""
        ...

    def left(self) -> Mapping[int, Decision]:
        """Return the paused trials, by number, and why they end if the search ends now."""
        ...


class RivalLegs:
    """The legs of a search's trials, as a rule that compares rivals says.

    Args:
        rule: Compares rivals; without one, each trial has one leg.
        direction: Of the metric.
        epochs: The full length of the trials.
    """

    def __init__(self, rule: RivalRule | None, direction: Direction, epochs: int) -> None:
        self._rule, self._direction, self._epochs = rule, direction, epochs
        self._told: dict[int, int] = {}  # by trial, the last rung that the rule knows of
        self._verdicts: dict[int, Verdict] = {}
        self._paused: dict[int, int] = {}  # trials, and after which epoch
        self._ready: deque[GoOn] = deque()
        self._ending: list[tuple[int, Decision]] = []

    def replay(self, records: Iterable[TrialRecord]) -> None:
        """Tell the rule what earlier drivers have stored.

        Args:
            records: The trials of the round, by number.
        """
        for record in records:
            if record.paused_at is not None:
                self._paused[record.number] = record.paused_at
                if record.audited_at is not None:
                    self.let_go_on(record.number)
            if self._rule is None:  # of an earlier driver, before a user wanted fewer trials
                continue
            last = max(record.values, default=0)
            if record.state is not State.RUNNING and not _is_outclassed(record) and (record.until or 0) <= last:
                last -= 1  # a trial that ends by itself in the epoch of a rung has not reached it
            self._reach(record, record.audited_at or last)
            if record.state is not State.RUNNING or record.audited_at is not None:
                epoch = record.audited_at or record.epochs
                self._take(self._rule.ended(record.number, epoch, self._compared(record, epoch)))

    def first(self, number: int) -> int | None:
        """Return the epoch at which the first leg of a trial ends; None for its last epoch."""
        return None if self._rule is None else self._rule.rungs(number)[0]

    def ended(self, record: TrialRecord) -> None:
        """Take the end of a trial."""
        self._paused.pop(record.number, None)
        if self._rule is not None and not _is_outclassed(record):  # the rule knows of those
            self._take(self._rule.ended(record.number, record.epochs, self._compared(record, record.epochs)))

    def answer(self, record: TrialRecord, epoch: int, saved: int) -> Answer:
        """Return what a trial is told at the end of a leg.

        Args:
            record: With all values up to that epoch.
            epoch: The last one of the leg.
            saved: The epoch after which the trial would go on if it were paused now; 0 for the start.
        """
        if self._rule is None:
            return Answer(until=self._epochs)
        number = record.number
        self._reach(record, epoch)
        verdict = self._verdicts.get(number)
        if verdict is None and not saved:
            # It can't be paused. A trial waits for no rivals, so it is compared with those that are there.
            verdict = self._verdicts[number] = self._rule.at_once(number)
        if verdict is None and saved < epoch:
            return Answer(until=epoch + 1)  # there may be a checkpoint then
        if verdict is None:
            self._paused[number] = epoch
            return PAUSE
        return Answer(until=verdict.until, decision=verdict.decision)

    def paused(self, number: int, epoch: int) -> None:
        """Take that a trial is paused after an epoch although it was to go on."""
        self._paused[number] = epoch

    def take_ready(self) -> GoOn | None:
        """Return the next paused trial that may go on; None if there is none."""
        if not self._ready:
            return None
        return self._ready.popleft()

    @property
    def finishes(self) -> int:
        """One: the rule promotes the others that are worth it, and the best too if it has rivals enough."""
        return 1

    @property
    def may_start(self) -> bool:
        """Whether a new trial may begin: always, for the rule compares those that have begun."""
        return True

    def begun(self, number: int) -> None:
        """Take that a new trial has begun."""

    def no_new(self) -> None:
        """Take that no new trial may begin."""

    def hold(self, ready: GoOn) -> None:
        """Take that a paused trial can't go on for now; it stays paused."""

    def goes_on(self, number: int) -> None:
        """Take that a paused trial trains again."""
        del self._paused[number]

    @property
    def has_ready(self) -> bool:
        """Whether any paused trial may go on."""
        return bool(self._ready)

    def take_ending(self) -> list[tuple[int, Decision]]:
        """Return the paused trials that have got a verdict that ends them, with the decisions."""
        ending, self._ending = self._ending, []
        return ending

    def left(self) -> Mapping[int, Decision]:
        """Return the paused trials, by number, and why they end if the search ends now."""
        if self._rule is None:
            return {number: left_behind() for number in sorted(self._paused)}
        return {number: self._rule.left(number) for number in sorted(self._paused)}

    def let_go_on(self, number: int) -> None:
        """Let a paused trial go on to its end, whatever the rule says."""
        self._ready.append(GoOn(number, self._paused[number], self._epochs))

    def _reach(self, record: TrialRecord, epoch: int) -> None:
        """Tell the rule of all rungs up to an epoch."""
        assert self._rule is not None  # noqa: S101 - checked by the callers
        number = record.number
        # A leg goes on past its end until there is a value, perhaps past the next rung too.
        gone_to = max(record.until or 0, record.epochs, max(record.values, default=0))
        if record.state is State.RUNNING and not has_value(record):
            return  # a driver was killed in such a leg
        for rung, following in pairwise(self._rule.rungs(number)):
            if self._told.get(number, 0) < rung <= epoch:
                self._told[number] = rung
                self._verdicts.pop(number, None)
                went_on = gone_to >= following and rung != record.audited_at
                self._take(self._rule.reached(number, rung, self._best(record, rung), went_on=went_on))

    def _best(self, record: TrialRecord, epoch: int) -> float | None:
        """Return the best value up to an epoch, or else the first one after it: not every epoch has the metric."""
        values = sorted(record.values.items())
        found = self._direction.best([value for at, value in values if at <= epoch])
        if found is not None:
            return found[1]
        return next((value for at, value in values if at > epoch and math.isfinite(value)), None)

    def _compared(self, record: TrialRecord, epoch: int) -> float | None:
        """Return the value by which an ended trial is compared: None if it has diverged or failed."""
        if record.state is State.FAIL or record.stop_reason is StopReason.DIVERGED:
            return None
        return self._best(record, epoch)

    def _take(self, verdicts: Iterable[Verdict]) -> None:
        """Keep verdicts, and line up the paused trials that go on or end."""
        for verdict in verdicts:
            number, until = verdict.number, verdict.until
            if until is not None and until <= max(self._told.get(number, 0), self._paused.get(number, 0)):
                continue  # a replay: it has gone on since
            self._verdicts[number] = verdict
            if number not in self._paused:
                continue
            if until is None:
                self._ending.append((number, verdict.decision))
            else:
                self._ready.append(GoOn(number, self._paused[number], until))


def has_value(record: TrialRecord) -> bool:
    """Return whether any epoch of a trial had the metric."""
    return any(map(math.isfinite, record.values.values()))


def _is_outclassed(record: TrialRecord) -> bool:
    """Return whether a rule has ended a trial, or would have."""
    return record.stop_reason is StopReason.OUTCLASSED or record.audited_at is not None
