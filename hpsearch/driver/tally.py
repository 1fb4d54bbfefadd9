"""What a study's trials have cost so far, as running sums: no question goes through all trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hpsearch.samplers.rounds import full_epochs
from hpsearch.study.study import Study
from hpsearch.trial.events import Event, TrialEvent, TrialMeasured, TrialPaused, TrialScored, TrialStarted
from hpsearch.trial.trial import Key, Stage, State


@dataclass(slots=True)
class Sums:
    """Sums over trials that have ended.

    Attributes:
        trials: How many trials.
        epochs: The epochs that they trained.
        full: The epochs that they would have trained if nothing had ended them early.
        seconds: The time that they took, or would have taken in a warm worker.
    """

    trials: int = 0
    epochs: int = 0
    full: int = 0
    seconds: float = 0.0

    def add(self, full: int, epochs: int, seconds: float) -> None:
        """Count a trial."""
        self.trials += 1
        self.full += full
        self.epochs += epochs
        self.seconds += seconds


@dataclass(slots=True)
class _Out:
    """A trial that is out, or is about to be sent.

    Attributes:
        full: Its full length in epochs.
        done: How many epochs are committed.
        began: When this driver heard that it started; None before.
        heard: When this driver heard of it last.
        measured: Seconds of the epochs that this driver heard of.
        epochs: How many epochs this driver heard of.
        before: Seconds that its earlier attempts took under this driver.
        cold: Whether it is its worker's first trial. The first epoch then also imports, compiles and fills caches.
        first: Seconds of its first epoch.
    """

    full: int
    done: int = 0
    began: float | None = None
    heard: float = 0.0
    measured: float = 0.0
    epochs: int = 0
    before: float = 0.0
    cold: bool = False
    first: float = 0.0

    @property
    def typical(self) -> float:
        """Seconds that it would have taken in a warm worker."""
        if not self.cold or self.epochs <= 1:
            return self.seconds
        others = (self.measured - self.first) / (self.epochs - 1)
        return self.seconds - max(0.0, self.first - others)

    @property
    def seconds(self) -> float:
        """Seconds that it has taken. Events may come late and together: the clock alone could say too little."""
        return self.before + (0.0 if self.began is None else max(self.heard - self.began, self.measured))


class Tally:
    """Counts what trials cost, from their events.

    Args:
        study: It has the trials of earlier drivers.
        clock: Seconds, monotonic.

    Attributes:
        ended: The sums of each stage.
        epochs: The epochs of all trials, also of those that are out.
        seconds: The time that trials took under this driver; trials that ran at once count one by one.
    """

    def __init__(self, study: Study, clock: Callable[[], float]) -> None:
        self._study, self._clock = study, clock
        self.ended = {stage: Sums() for stage in Stage}
        self._out: dict[tuple[Stage, int], _Out] = {}
        self._paused: dict[tuple[Stage, int], _Out] = {}
        self._workers: set[str] = set()
        self.epochs = 0
        self.seconds = 0.0
        rounds = study.rounds
        for stage in Stage:
            for record in study.store.records(stage):
                full = full_epochs(study.config, rounds, stage, record.number)
                if record.state is State.RUNNING:
                    out = _Out(full=full, done=max(record.values, default=0))
                    where = self._out if record.paused_at is None else self._paused
                    where[stage, record.number] = out
                    self.epochs += out.done
                else:
                    self.ended[stage].add(full, record.epochs, record.seconds)
                    self.epochs += record.epochs

    def begin(self, stage: Stage, number: int, full: int) -> None:
        """Count a trial that is about to be sent."""
        self._out[stage, number] = _Out(full=full)

    def withdraw(self, stage: Stage, number: int) -> None:
        """Forget a trial that was not sent after all."""
        self._out.pop((stage, number), None)

    def has_begun(self, stage: Stage, number: int) -> bool:
        """Return whether a trial has trained: it is paused, or its leg has ended."""
        out = self._paused.get((stage, number)) or self._out.get((stage, number))
        return out is not None and out.done > 0

    def saw(self, event: Event) -> None:
        """Count what an event says."""
        if isinstance(event, TrialStarted):
            self._started(event)
        elif isinstance(event, TrialMeasured):
            out = self._of(event)
            out.epochs += 1
            if out.epochs == 1:
                out.first = event.measurement.seconds
            self._heard(out, max(out.done, event.measurement.epoch), event.measurement.seconds)
        elif isinstance(event, TrialPaused):
            self._paused[event.key] = self._out.pop(event.key)
        elif isinstance(event, TrialScored):
            self._scored(event)

    def _started(self, event: TrialStarted) -> None:
        out = self._of(event)
        out.before, out.measured = out.seconds, 0.0
        out.began = out.heard = self._clock()
        out.cold = event.worker not in self._workers
        self._workers.add(event.worker)

    def _heard(self, out: _Out, done: int, measured: float = 0.0) -> None:
        before = out.seconds
        out.heard = max(out.heard, self._clock())
        out.measured += measured
        self.seconds += max(0.0, out.seconds - before)
        self.epochs += done - out.done
        out.done = done

    def _scored(self, event: TrialScored) -> None:
        out = self._of(event)
        self._heard(out, event.epochs)
        del self._out[event.stage, event.number]
        known = out.began is not None and out.epochs == event.epochs  # this driver saw all of it
        self.ended[event.stage].add(out.full, event.epochs, out.typical if known else event.seconds)

    def _of(self, event: TrialEvent) -> _Out:
        out = self._out.get(event.key) or self._paused.pop(event.key, None)
        if out is not None:
            self._out[event.key] = out
        else:
            full = self._study.full_epochs(event.stage, event.number)
            out = self._out[event.stage, event.number] = _Out(full=full)
        return out

    def s_per_epoch(self, stage: Stage) -> float | None:
        """Return the seconds that an epoch takes: of this stage, or of any before its first epoch; None before all."""
        costs = [(sums.seconds, sums.epochs, of is stage) for of, sums in self.ended.items()]
        costs += [(one.typical, one.epochs, of is stage) for (of, _), one in self._out.items() if one.epochs]
        own = [cost for cost in costs if cost[2]]
        if not any(epochs for _, epochs, _ in own):
            own = costs
        epochs = sum(epochs for _, epochs, _ in own)
        return sum(seconds for seconds, _, _ in own) / epochs if epochs else None

    @property
    def searched(self) -> Sums:
        """The sums of the search, with paused trials as if they had ended."""
        ended = self.ended[Stage.SEARCH]
        sums = Sums(ended.trials, ended.epochs, ended.full, ended.seconds)
        for one in self._paused.values():
            sums.add(one.full, one.done, one.typical)
        return sums

    @property
    def none_is_whole(self) -> bool:
        """Whether trials of the search are paused, and none has ended."""
        return bool(self._paused) and not self.ended[Stage.SEARCH].trials

    @property
    def is_out(self) -> bool:
        """Whether any trial is out."""
        return bool(self._out)

    @property
    def unfinished(self) -> bool:
        """Whether any trial that is out has epochs to go before its leg ends."""
        return any(one.done < self._leg_end(key, one) for key, one in self._out.items())

    def _leg_end(self, key: Key, out: _Out) -> int:
        try:
            until = self._study.store.record(*key).until
        except KeyError:  # it is about to be made
            until = None
        return out.full if until is None else min(until, out.full)

    def epochs_out(self, stage: Stage) -> int:
        """Return how many epochs the trials of a stage that are out have trained."""
        return sum(one.done for (of, _), one in self._out.items() if of is stage)

    @property
    def epochs_to_go(self) -> int:
        """How many epochs the trials that are out may still train before their legs end."""
        return sum(max(0, self._leg_end(key, one) - one.done) for key, one in self._out.items())
