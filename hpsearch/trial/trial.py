"""Trials as values: what a worker is sent, what comes back, and what is stored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType, Protocol

Params = NewType("Params", Mapping[str, Any])
"""A config as it was drawn and is stored: one value for each active parameter, before rounding and scaling."""

Config = NewType("Config", Mapping[str, Any])
"""A config as it is trained: one value for each active parameter and constant. `Space.config_of` makes it of params."""


class Stage(StrEnum):
    """The stages that train trials; each is an Optuna study of its own in the store."""

    SEARCH = "search"
    FINALISTS = "finalists"


Key = tuple[Stage, int]
"""What names a trial within its study."""


class Direction(StrEnum):
    """Which way the metric is better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"

    def better(self, value: float, than: float) -> bool:
        """Return whether value is strictly better; a NaN never is."""
        return value > than if self is Direction.MAXIMIZE else value < than

    @property
    def sign(self) -> int:
        """1 if larger is better, else -1."""
        return 1 if self is Direction.MAXIMIZE else -1

    def best(self, values: Sequence[float]) -> tuple[int, float] | None:
        """Return position and value of the first best finite value, or None if there is none."""
        finite = [(self.sign * value, -position) for position, value in enumerate(values) if math.isfinite(value)]
        if not finite:
            return None
        position = -max(finite)[1]
        return position, values[position]


class State(StrEnum):
    """A trial's state; the names are Optuna's."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAIL = "FAIL"


class StopReason(StrEnum):
    """Why a trial ended."""

    FINISHED = "finished"
    STALLED = "stalled"
    OUTCLASSED = "outclassed"
    DIVERGED = "diverged"
    ERROR = "error"
    OOM = "oom"
    TIMEOUT = "timeout"
    LOST = "lost"

    @property
    def state(self) -> State:
        """The state a trial has when it ended for this reason."""
        if self in (StopReason.FINISHED, StopReason.STALLED):
            return State.COMPLETE
        if self in (StopReason.OUTCLASSED, StopReason.DIVERGED):
            return State.PRUNED
        return State.FAIL


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule says of a trial.

    Attributes:
        reason: Why the trial ends; None if it goes on.
        words: The same for people, with the numbers that decided; empty if there is nothing to add to the reason.
    """

    reason: StopReason | None = None
    words: str = ""


GO_ON = Decision()


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a trial is told at the end of a leg. It goes on, or it ends; if it does neither, it is paused.

    Attributes:
        until: The epoch at which its next leg ends; None if it does not go on.
        decision: Why it ends.
    """

    until: int | None = None
    decision: Decision = GO_ON


PAUSE = Answer()


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """The metrics of one trial after one epoch.

    Attributes:
        epoch: Counted from 1.
        metrics: Finite or not. Not every epoch has the study's metric.
        seconds: Wall time of the epoch, without its commit.
    """

    epoch: int
    metrics: Mapping[str, float]
    seconds: float = 0.0


class StopRule(Protocol):
    """A rule that needs no rivals. It is pure, so a worker and a replay decide alike."""

    def __call__(self, history: Sequence[Measurement]) -> Decision:
        """Return whether the trial goes on after the last measurement of its history, or why it ends."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class _Spec:
    """What all tasks of a worker have: each is about one attempt of one trial.

    Attributes:
        number: From 0, within its stage.
        attempt: From 1; stored before the trial is sent out.
        folder: Absolute path of this attempt's folder, which only its worker writes.
    """

    stage: Stage
    number: int
    attempt: int
    folder: str

    @property
    def key(self) -> Key:
        """What names the trial within its study."""
        return self.stage, self.number


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialSpec(_Spec):
    """All that a worker needs to train one trial.

    Attributes:
        config: Parameters and constants, rounded, as the objective gets them.
        seed: Below 2**32.
        epochs: The full length. Schedules span it, however early the trial may end.
        earlier: Absolute paths of the earlier attempts, newest first, to resume from.
        until: The epoch at which the leg ends; None for the last epoch.
        rules: Applied after each epoch, in order; the first one that ends the trial decides.
        alone: Whether no other trial may share its GPU.
    """

    config: Config
    seed: int
    epochs: int
    metric: str
    direction: Direction
    earlier: tuple[str, ...] = ()
    until: int | None = None
    rules: tuple[StopRule, ...] = ()
    alone: bool = False

    def verdict(self, history: Sequence[Measurement]) -> Decision:
        """Return whether a trial with this history goes on, or why it has ended: a later driver decides alike."""
        if not history:
            return GO_ON
        decisions = (rule(history) for rule in self.rules)
        decision = next((decision for decision in decisions if decision.reason is not None), GO_ON)
        if history[-1].epoch >= self.epochs and decision.reason in (None, StopReason.STALLED):
            return Decision(StopReason.FINISHED)  # a stall in the last epoch has saved nothing
        return decision


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictSpec(_Spec):
    """A checkpoint whose predictions a worker writes beside it.

    Attributes:
        checkpoint: Its file name in the folder.
        split: `val` or `test`.
    """

    checkpoint: str
    split: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRecord:
    """One trial as the store holds it.

    Attributes:
        params: As drawn, before rounding; constants are not among them.
        values: The study's metric after each epoch, by epoch; NaN where it was NaN or missing.
        value: The best epoch's value; None if there is none.
        best_epoch: None if there is no value.
        seconds: Wall time of its epochs; an epoch that was trained twice counts once.
        source: For a finalist, the number of the search trial whose config it retrains.
        replicate: For a finalist, which of its seeds this is, from 0.
        worker: The host and process that ran the last attempt.
        error: What the objective raised, in one line.
        why: The words of the rule that ended it; empty if none did.
        until: The epoch at which its leg ends; None for its last epoch.
        paused_at: The epoch at which it was paused; None if it is not.
        audited_at: The epoch at which a rule would have ended it. It goes on, to show what ending it would have cost.
            None for all others.
        code: The state of the repository that its code lies in: `commit`, `diff_hash` and `dirty`. None without a
            repository, and for hpsearch's own code.
        asked: What the sampler noted when it proposed the trial, as JSON types; most note nothing.
    """

    stage: Stage
    number: int
    state: State
    params: Params
    values: Mapping[int, float] = field(default_factory=dict)
    value: float | None = None
    best_epoch: int | None = None
    stop_reason: StopReason | None = None
    epochs: int = 0
    seconds: float = 0.0
    seed: int = 0
    attempt: int = 0
    worker: str | None = None
    error: str | None = None
    why: str = ""
    until: int | None = None
    paused_at: int | None = None
    audited_at: int | None = None
    source: int | None = None
    replicate: int | None = None
    code: Mapping[str, Any] | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def eligible(self) -> bool:
        """Whether the trial can win: it is complete, and a stalled trial is too."""
        return self.state is State.COMPLETE and self.value is not None
