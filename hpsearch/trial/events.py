"""What happens in a study, as values: workers send them to the driver, and the driver to whoever shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hpsearch.trial.trial import Config, Key, Measurement, Stage, StopReason


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialEvent(Event):
    """Something happened to an attempt at a trial."""

    stage: Stage
    number: int
    attempt: int

    @property
    def key(self) -> Key:
        """What names the trial within its study."""
        return self.stage, self.number


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuUse:
    """How much of its GPU's memory a trial took, in bytes.

    Attributes:
        peak_bytes: The most at any moment, with what CUDA itself takes.
        room_bytes: How much its GPU had for workers.
        kept_bytes: How much more its worker has after the trial than before its first one.
    """

    peak_bytes: int
    room_bytes: int
    kept_bytes: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialStarted(TrialEvent):
    """A worker began a trial.

    Attributes:
        worker: Host and process id.
        device: As torch names it.
        code: The state of the repository that its code lies in; None if there is none.
    """

    worker: str
    device: str
    config: Config = field(default_factory=lambda: Config({}))
    code: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialMeasured(TrialEvent):
    """One epoch is committed.

    Attributes:
        gpu: The memory so far; None unless it is being measured.
        last: Whether the trial ends with it.
        ending_s: How long the trial may now be silent beyond any time limit, in seconds, because its processes end.
    """

    measurement: Measurement
    gpu: GpuUse | None = None
    last: bool = False
    ending_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LegEnded(TrialEvent):
    """The leg of a trial has ended. Its worker holds it open until `Executor.answer`.

    Attributes:
        epoch: The last one, which is committed.
        saved: The epoch after which the trial would go on if it were paused now; 0 for the start.
    """

    epoch: int
    saved: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialPaused(TrialEvent):
    """The trial was paused, and its worker is free.

    Attributes:
        worker: Host and process id.
        gpu: None for a CPU worker.
    """

    worker: str
    gpu: GpuUse | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialEnded(TrialEvent):
    """The trial has ended, and its manifest says so.

    Attributes:
        worker: Host and process id.
        measured: How many measurements its manifest has: those that were sent, and those that it took over from an
            earlier attempt.
        why: The words of the rule that ended it; empty if none did.
        traceback: The objective's, if it failed.
        packed: Whether other trials may have run on its GPU at the same time.
        gpu: None for a CPU worker.
        notices: What people are told once a study.
    """

    reason: StopReason
    worker: str
    why: str = ""
    measured: int = 0
    error: str | None = None
    traceback: str | None = None
    packed: bool = False
    gpu: GpuUse | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerLost(TrialEvent):
    """The worker died, or was ended at a time limit. The driver decides whether to try again."""

    reason: StopReason
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionsReady(TrialEvent):
    """A worker has written the predictions of a checkpoint.

    Attributes:
        split: `val` or `test`.
        path: An `.npz` file with `probabilities` (n_samples, n_classes) and `labels` (n_samples,); None on an error.
        error: The traceback of `predict`, or what is wrong with the checkpoint.
        unreadable: Whether the checkpoint is to blame.
    """

    split: str
    path: str | None
    error: str | None = None
    unreadable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyOpened(Event):
    """The study exists and runs from now on. Whatever ends it, it can be resumed.

    Attributes:
        plan: What will be trained where, in one line for people.
    """

    name: str
    plan: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StageStarted(Event):
    """A stage begins.

    Attributes:
        total: How many trials it will have; None if the budget decides.
        done: How many of them have ended already.
        epochs: The full length of each.
    """

    stage: str
    total: int | None
    done: int
    epochs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StageEnded(Event):
    """A stage is over, or was skipped.

    Attributes:
        summary: One line for people.
    """

    stage: str
    summary: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast(Event):
    """How long the rest will take.

    Attributes:
        seconds: Wall time to the end of the study.
        gpu_s: GPU time until then in seconds; None if trials have no GPU.
        spent: How much of each limit of the budget is spent, for people; empty without a budget.
    """

    seconds: float
    gpu_s: float | None = None
    spent: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice(Event):
    """A warning, or something else that people should know."""

    message: str
    detail: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialScored(TrialEvent):
    """The driver has stored the end of a trial.

    Attributes:
        best: Whether it is the best of its stage so far.
        why: The words of the rule that ended it; empty if none did.
    """

    reason: StopReason
    value: float | None
    best_epoch: int | None
    epochs: int
    seconds: float
    best: bool
    why: str = ""
    config: Config = field(default_factory=lambda: Config({}))
    error: str | None = None
    traceback: str | None = None
