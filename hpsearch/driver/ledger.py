"""What a study spends while it runs, what it may still begin, and how long the rest will take.

Time is the driver's own, by a clock that never jumps. It is stored every few seconds, and a killed driver loses no more
than that. Epochs are those in the store. Stages store a decision that depends on the budget before it takes effect.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from hpsearch.config.budget import Spent
from hpsearch.driver.session import Session
from hpsearch.driver.tally import Tally
from hpsearch.errors import BudgetSpentError
from hpsearch.samplers.rounds import planned_lengths
from hpsearch.text import counted
from hpsearch.trial.events import Event, Forecast, Notice, StageStarted, TrialEvent
from hpsearch.trial.trial import Stage

_SAVE_S = 5.0  # a killed driver loses at most this much time
_FEWEST_FOR_FORECAST = 3
_MARGIN = 1.1  # finalists are the best configs: none is ended early, and they are not the smallest models
_LEAST_SHARE = 0.5  # search and finalists get half each of a budget that is too small for both


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """An amount of training: wall time and GPU time in seconds, and epochs."""

    time_s: float = 0.0
    gpu_s: float = 0.0
    epochs: float = 0.0


class Ledger:
    """Keeps a study within its budget; without a budget it only counts.

    Args:
        session: The study.
        slots: Returns how many trials run at once.
        gpu_share: Returns how many GPUs each of them has, or which share of one; 0 for CPU workers.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, session: Session, slots: Callable[[], int], gpu_share: Callable[[], float], clock: Callable[[], float]
    ) -> None:
        self._session, self._study = session, session.study
        self._slots, self._gpu_share, self._clock = slots, gpu_share, clock
        self._limits = session.study.limits
        self._tally = Tally(session.study, clock)
        spent = session.study.spent
        self._time_s, self._gpu_s, self._unsaved_s = spent.time_s, spent.gpu_s, 0.0
        self._now = clock()
        self._voting = self._told = False

    @property
    def spent(self) -> Spent:
        """What the study has spent so far."""
        return Spent(time_s=self._time_s, gpu_s=self._gpu_s, epochs=self._tally.epochs)

    def saw(self, event: Event) -> None:
        """Count what an event says."""
        if isinstance(event, TrialEvent):
            before = self._tally.seconds
            self._tally.saw(event)
            self._gpu_s += (self._tally.seconds - before) * self._gpu_share()
        elif isinstance(event, StageStarted):
            self._voting = event.stage == "ensemble"

    def check(self) -> None:
        """Count the time, and end the study if its budget is spent while work is out.

        Raises:
            BudgetSpentError: The budget is spent; what was committed is kept.
        """
        now = self._clock()
        passed, self._now = max(0.0, now - self._now), now
        self._time_s += passed
        self._unsaved_s += passed
        if self._unsaved_s >= _SAVE_S:
            self.save()
        limits, spent = self._limits, self.spent
        over = limits.time_s is not None and spent.time_s >= limits.time_s and (self._tally.is_out or self._voting)
        over = over or (limits.gpu_s is not None and spent.gpu_s >= limits.gpu_s and self._tally.is_out)
        if over or (limits.epochs is not None and spent.epochs >= limits.epochs and self._tally.unfinished):
            raise BudgetSpentError(
                f"the budget is spent before the study is done: {limits.used(spent)}", limits.more_than(spent)
            )

    def save(self) -> None:
        """Store what is spent."""
        self._unsaved_s = 0.0
        self._study.store.put("spent", {"time_s": round(self._time_s, 3), "gpu_s": round(self._gpu_s, 3)})

    def no_room(self, stage: Stage, number: int, epochs: int) -> str:
        """Return why the budget has no room for another trial. An empty text means room: the trial then counts as out.

        Args:
            number: Of the trial.
            epochs: Its full length; of one that has begun, those of its next leg.
        """
        if self._tally.has_begun(stage, number):
            return self._why_no_room(stage, number, epochs)
        self._tally.withdraw(stage, number)
        why = self._why_no_room(stage, number, epochs)
        if not why:
            self._tally.begin(stage, number, epochs)
        return why

    def _why_no_room(self, stage: Stage, number: int, epochs: int) -> str:
        limits, spent = self._limits, self.spent
        searching = stage is Stage.SEARCH
        begun = self._tally.has_begun(stage, number)
        if searching and limits.trials is not None and number >= limits.trials:
            return f"the budget is {counted(limits.trials, 'trial')}"
        if limits.reached(spent):
            return f"the budget is spent ({limits.used(spent)})"
        if searching and not self._tally.is_out and not self._tally.searched.trials:
            return ""  # the first trial shows what one costs
        rate, share = self._rate(stage), self._gpu_share()
        expected = epochs * (self._kept_share if searching and not begun else 1.0)
        if searching and not begun and self._tally.none_is_whole:
            expected += epochs  # one of those that are paused must be able to go on to its end
        out = self._tally.epochs_to_go
        needed = Work(time_s=expected * rate, gpu_s=(expected + out) * rate * share, epochs=math.ceil(expected) + out)
        held = self._held() if searching else self._ensemble()
        if all(left >= 0 for left in self._left(needed, held)):
            return ""
        beside = " beside the finalists" if searching and held.epochs else ""
        return f"the budget has no room for another trial{beside} ({limits.used(spent)})"

    def _left(self, *works: Work) -> tuple[float, float, float]:
        """Return the time, GPU time and epochs that are left after some work; infinite where there is no limit."""
        limits, spent = self._limits, self.spent
        pairs = ((limits.time_s, spent.time_s), (limits.gpu_s, spent.gpu_s), (limits.epochs, spent.epochs))
        time_s, gpu_s, epochs = (math.inf if limit is None else limit - used for limit, used in pairs)
        return (
            time_s - sum(work.time_s for work in works),
            gpu_s - sum(work.gpu_s for work in works),
            epochs - sum(work.epochs for work in works),
        )

    @property
    def _kept_share(self) -> float:
        """The share of its full epochs that a search trial trains, for some end early; 1 before a few have ended."""
        ended = self._tally.searched
        return ended.epochs / ended.full if ended.trials >= _FEWEST_FOR_FORECAST else 1.0

    def _rate(self, stage: Stage) -> float:
        """Return the seconds that an epoch of a stage takes; 0 until that is known.

        It takes as many epochs as one trial has: the first epochs of a worker may take much longer than others.
        """
        ended = self._tally.searched
        known = ended.trials >= _FEWEST_FOR_FORECAST or 0 < ended.full <= ended.trials * ended.epochs
        return (self._tally.s_per_epoch(stage) or 0.0) if known else 0.0

    def _work(self, stage: Stage, trials: int, epochs: float) -> Work:
        """Return the cost of some trials that begin together."""
        rate = self._rate(stage)
        waves = math.ceil(trials / max(1, self._slots()))
        gpu_s = trials * epochs * rate * self._gpu_share()
        return Work(time_s=waves * epochs * rate, gpu_s=gpu_s, epochs=trials * epochs)

    def _ensemble(self) -> Work:
        """Return the cost of the vote: its passes over `val` and `test` count as one epoch of each checkpoint."""
        if self._study.config.ensemble is None or not self._session.can_predict:
            return Work()
        checkpoints = self._finalists or self._study.config.keep_checkpoints
        return Work(time_s=_MARGIN * self._work(Stage.FINALISTS, checkpoints, 1).time_s)

    @property
    def _finalists(self) -> int:
        section = self._study.config.finalists
        return 0 if section is None else section.configs * section.seeds

    def _held(self) -> Work:
        """Return what the search must leave for the finalists and the ensemble."""
        finalists = self._work(Stage.FINALISTS, self._finalists, self._study.config.objective.epochs)
        ensemble = self._ensemble()
        configs = 1 if self._study.config.finalists is None else self._study.config.finalists.configs
        least = self._work(Stage.SEARCH, configs, self._study.config.objective.epochs * self._kept_share)
        limits = self._limits
        time_s, gpu_s = _MARGIN * finalists.time_s + ensemble.time_s, _MARGIN * finalists.gpu_s
        return Work(
            time_s=self._at_most_half(time_s, least.time_s, limits.time_s),
            gpu_s=self._at_most_half(gpu_s, least.gpu_s, limits.gpu_s),
            epochs=self._at_most_half(finalists.epochs, least.epochs, limits.epochs),
        )

    def _at_most_half(self, wanted: float, least: float, limit: float | None) -> float:
        """Return how much is held back: all that is wanted, if that leaves enough for a search."""
        if limit is None or wanted + least <= limit:
            return wanted
        if not self._told and self._tally.searched.trials:
            self._told = True
            self._session.publish(
                Notice(
                    message=f"the budget ({self._limits}) is too small for {counted(self._finalists, 'finalist')} x "
                    f"{counted(self._study.config.objective.epochs, 'epoch')} and a search to choose them from: the "
                    "search gets half of it, and as many finalists are trained as fit into the rest"
                )
            )
        return min(wanted, _LEAST_SHARE * limit)

    def forecast(self) -> Forecast | None:
        """Return how long the rest will take; None before the first trials have ended.

        An epoch that is left of the search costs what its epochs have cost so far, trials that ended early included.
        The search gets no more than the budget leaves for it. Finalists run all their epochs.
        """
        rate, slots, share = self._rate(Stage.FINALISTS), max(1, self._slots()), self._gpu_share()
        if self._tally.searched.trials < _FEWEST_FOR_FORECAST or not rate:
            return None
        left = self._search_left() + self._finalists_left() * rate
        seconds = min(left / slots, max(0.0, self._left()[0]))
        return Forecast(
            seconds=seconds,
            gpu_s=min(left * share, max(0.0, self._left()[1])) if share else None,
            spent=self._limits.used(self.spent),
        )

    def _search_left(self) -> float:
        """Return how many seconds of training are left of the search, over all slots."""
        ended, limits = self._tally.searched, self._limits
        total = self._study.store.get("trials", self._session.trials)
        total = total if limits.trials is None else min(total, limits.trials)
        rounds = self._study.rounds
        planned = sum(epochs * count for epochs, count in planned_lengths(self._study.config, rounds, total))
        to_go = max(0, planned - ended.full - self._tally.epochs_out(Stage.SEARCH))
        if not to_go:
            return 0.0
        time_s, gpu_s, epochs = self._left(self._held())
        share, rate = self._gpu_share(), self._rate(Stage.SEARCH)
        bounds = (time_s * self._slots(), gpu_s / share if share else math.inf, epochs * rate)
        return max(0.0, min(to_go * ended.seconds / ended.full, *bounds))

    def _finalists_left(self) -> int:
        """Return how many epochs are left of the finalists."""
        if self._study.store.get("finalists_end"):
            return self._tally.epochs_to_go
        done = self._tally.ended[Stage.FINALISTS].epochs + self._tally.epochs_out(Stage.FINALISTS)
        return max(0, self._finalists * self._study.config.objective.epochs - done)
