"""The legs of a search with `sampler: auto`: a model chooses between going on with a paused trial and a new config."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from hpsearch.driver.legs import GoOn
from hpsearch.samplers import Proposal
from hpsearch.samplers.auto import AutoChooser, Choice, Seen
from hpsearch.selection.enough import Worth
from hpsearch.selection.ranking import leading
from hpsearch.selection.rivals import in_words, outclassed
from hpsearch.trial.trial import PAUSE, Answer, Decision, Direction, State, StopReason, TrialRecord

_FEWEST_RIVALS = 3  # with fewer, a trial that can't be paused goes on


class AutoLegs:
    """The legs of a search's trials, as a model chooses them.

    Choices depend on which measurements have arrived. So each is stored, with the epoch until which a trial goes on,
    before it takes effect; the model itself is made anew from the store.

    Args:
        chooser: Of the space, seed and first configs.
        records: Returns the search's trials by number.
        free: Returns how many workers are free.
        end: One more than the last number that a trial may have.
        epochs: What the search may train in all; None for no limit.
        finishes: How many of the best trials are trained to their ends; a part of the epochs is kept for them.
        direction: Of the metric.
    """

    def __init__(
        self,
        chooser: AutoChooser,
        records: Callable[[], list[TrialRecord]],
        free: Callable[[], int],
        end: int,
        epochs: int | None,
        finishes: int,
        direction: Direction,
    ) -> None:
        self._chooser, self._records, self._free = chooser, records, free
        self._end, self._epochs, self._direction = end, epochs, direction
        self.finishes = finishes
        self._choices: deque[Choice] = deque()
        self._started: dict[int, Choice] = {}  # new trials that are about to begin
        self._paused: dict[int, int] = {}  # trials, and after which epoch
        self._trained: int | None = None  # epochs of all trials; None if it is to be counted
        self._kept = 0  # epochs that the best trials need to their ends
        self._is_idle = False  # whether nothing can be chosen until something happens

    def replay(self, records: Iterable[TrialRecord]) -> None:
        """Take what earlier drivers have stored."""
        for record in records:
            if record.paused_at is not None:
                self._paused[record.number] = record.paused_at
                if record.audited_at is not None:
                    self.let_go_on(record.number)

    def first(self, number: int) -> int:
        """Return the epoch at which the first leg of a new trial ends."""
        return self._started[number].until

    def proposal(self, number: int) -> Proposal:
        """Return the config of a new trial."""
        params = self._started[number].params
        assert params is not None  # noqa: S101 - the choice is a new trial
        return Proposal(params=params)

    def ended(self, record: TrialRecord) -> None:
        """Take the end of a trial."""
        self._paused.pop(record.number, None)
        self._is_idle, self._trained = False, None

    def answer(self, record: TrialRecord, epoch: int, saved: int) -> Answer:
        """Return what a trial is told at the end of a leg: it goes on if that is the next choice.

        Args:
            record: With all values up to that epoch.
            epoch: The last one of the leg.
            saved: The epoch after which the trial would go on if it were paused now; 0 for the start.
        """
        self._is_idle, self._trained = False, None
        if not math.isfinite(record.values.get(epoch, math.nan)):
            return Answer(until=epoch + 1)  # the model learns nothing from an epoch without the metric
        if not saved:
            return self._at_once(record, epoch)
        if saved < epoch:
            return Answer(until=epoch + 1)  # there may be a checkpoint then
        self._paused[record.number] = epoch
        if self._is_over:
            return PAUSE
        if not self._choices:
            self._choose(1)
        if not self._choices or self._choices[0].number != record.number:
            return PAUSE
        del self._paused[record.number]
        return Answer(until=self._choices.popleft().until)

    def paused(self, number: int, epoch: int) -> None:
        """Take that a trial is paused after an epoch although it was to go on."""
        self._paused[number] = epoch
        self._is_idle = True  # the model would choose it again

    def take_ready(self) -> GoOn | None:
        """Return the paused trial that goes on next; None if a new one begins instead, or there is nothing to do."""
        if not self._choices and not self._started and not self._is_over and not self._is_idle:
            self._choose(max(1, self._free()))
        if not self._choices or self._started:
            return None
        choice = self._choices.popleft()
        if choice.number is not None:
            return GoOn(choice.number, self._paused[choice.number], choice.until)
        self._started[len(self._records())] = choice
        return None

    def goes_on(self, number: int) -> None:
        """Take that a paused trial trains again."""
        del self._paused[number]
        self._trained = None

    def hold(self, ready: GoOn) -> None:
        """Take that a paused trial can't go on for now."""
        del ready  # the model would choose it again
        self._choices.clear()
        self._is_idle = True

    def begun(self, number: int) -> None:
        """Take that a new trial has begun."""
        del self._started[number]
        self._trained = None

    def no_new(self) -> None:
        """Take that no new trial may begin."""
        self._end = 0
        self._started.clear()
        self._choices.clear()

    @property
    def may_start(self) -> bool:
        """Whether a new trial is to begin now."""
        return bool(self._started)

    @property
    def has_ready(self) -> bool:
        """Whether there may be something to choose."""
        return bool(self._choices) or not (self._is_over or self._is_idle)

    def take_ending(self) -> list[tuple[int, Decision]]:
        """Return nothing: paused trials may always go on, until the search ends."""
        return []

    def left(self) -> Mapping[int, Decision]:
        """Return the paused trials, by number, and why they end if the search ends now."""
        records = {record.number: record for record in self._records()}
        return {number: self._left(records[number], epoch) for number, epoch in sorted(self._paused.items())}

    def let_go_on(self, number: int) -> None:
        """Let a paused trial go on to its end, whatever the model says."""
        self._choices.appendleft(Choice(number=number, until=self._chooser.ladder[-1]))

    def stop(self) -> None:
        """Take that no leg is to begin any more."""
        self._epochs = 0
        self.no_new()

    @property
    def trained(self) -> int:
        """How many epochs all trials have trained, with the legs that are out."""
        if self._trained is None:
            records = self._records()
            self._trained = sum(_trained(record) for record in records)
            best = leading(records, self._direction, self.finishes)
            self._kept = sum(self._chooser.ladder[-1] - _trained(one) for one in best if one.state is State.RUNNING)
        return self._trained

    def worth(self) -> Worth | None:
        """Return what going on is worth, by the model; None while there are too few measurements for one."""
        records = self._records()
        found = self._chooser.outlook([_seen(record, self._paused) for record in records])
        if found is None:
            return None
        return Worth(gain=found.gain, noise=found.noise, trials=len(records), by="model")

    @property
    def _is_over(self) -> bool:
        """Whether the search has trained all that it may, with the legs that are out."""
        if self._epochs is None:
            return False
        # At first the best trials are short. Half of the epochs go to finding better ones in any case.
        return self.trained + min(self._kept, self._epochs // 2) >= self._epochs

    def _choose(self, count: int) -> None:
        records = self._records()
        seen = [_seen(record, self._paused) for record in records]
        found = self._chooser.choose(seen, count, most_new=max(0, self._end - len(records)))
        self._choices.extend(found)
        self._is_idle = not found

    def _at_once(self, record: TrialRecord, epoch: int) -> Answer:
        """Decide on a trial that can't be paused: as many of its rivals go on as legs grow in length."""
        until = next(end for end in self._chooser.ladder if end > epoch)
        costs = sorted(cost for one in self._records() if (cost := _cost(one, epoch, self._direction)) is not None)
        own = _cost(record, epoch, self._direction)
        keep = math.ceil(len(costs) * epoch / until)
        if len(costs) < _FEWEST_RIVALS or (own is not None and own <= costs[keep - 1]):
            return Answer(until=until)
        shown, cut = in_words([math.inf if own is None else own, costs[keep - 1]], self._direction)
        words = f"epoch {epoch}: {shown}, cut {cut}, {keep} of {len(costs)} go on"
        return Answer(decision=outclassed(words))

    def _left(self, record: TrialRecord, epoch: int) -> Decision:
        cost = _cost(record, epoch, self._direction)
        (value,) = in_words([math.inf if cost is None else cost], self._direction)
        return outclassed(f"epoch {epoch}: {value}, and others were worth more to train")


def _trained(record: TrialRecord) -> int:
    """Return the epochs that a trial has had, or will have at the end of its leg."""
    if record.state is not State.RUNNING:
        return record.epochs
    if record.paused_at is not None:
        return record.paused_at
    return max(record.until or 0, max(record.values, default=0))


def _seen(record: TrialRecord, paused: Mapping[int, int]) -> Seen:
    running = record.state is State.RUNNING and record.number not in paused
    # A value that is not finite means elsewhere that an epoch lacks the metric.
    diverged = record.stop_reason is StopReason.DIVERGED
    return Seen(
        number=record.number,
        params=record.params,
        values=record.values if diverged else {at: x for at, x in record.values.items() if math.isfinite(x)},
        until=record.until if running else None,
        ended=record.state is not State.RUNNING,
    )


def _cost(record: TrialRecord, epoch: int, direction: Direction) -> float | None:
    """Return the best value up to an epoch so that less is better; None if the trial has not got there."""
    if max(record.values, default=0) < epoch:
        return None
    best = direction.best([value for at, value in record.values.items() if at <= epoch])
    return None if best is None else -direction.sign * best[1]
