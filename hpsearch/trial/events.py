"""What happens in a study, as values: from workers to the driver, and from the driver to whoever shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hpsearch.trial.trial import Config, Measurement, Stage, StopReason


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialEvent(Event):
    """Something happened to one attempt at one trial."""

    stage: Stage
    number: int
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuUse:
    """What a trial took of its GPU's memory, in bytes.

    Attributes:
        peak_bytes: At most at any moment, with what CUDA itself takes.
        room_bytes: What its GPU had for workers.
        kept_bytes: What its worker still has after the trial, more than before the first one.
    """

    peak_bytes: int
    room_bytes: int
    kept_bytes: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialStarted(TrialEvent):
    """A worker began.

    Attributes:
        worker: Host and process id.
        device: As torch names it.
        code: The state of the repository that its code lies in; None where there is none.
    """

    worker: str
    device: str
    config: Config = field(default_factory=lambda: Config({}))
    code: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialMeasured(TrialEvent):
    """One epoch is committed.

    Attributes:
        gpu: Told while memory is measured.
        last: Whether the trial ends with it.
    """

    measurement: Measurement
    gpu: GpuUse | None = None
    last: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialEnded(TrialEvent):
    """The trial has ended, and its manifest says so.

    Attributes:
        worker: Host and process id.
        history: All measurements, those of earlier attempts too.
        traceback: The objective's, if it failed.
        packed: Whether other trials may have run on its GPU meanwhile.
        gpu: None for a CPU worker.
    """

    reason: StopReason
    worker: str
    history: tuple[Measurement, ...] = ()
    error: str | None = None
    traceback: str | None = None
    packed: bool = False
    gpu: GpuUse | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerLost(TrialEvent):
    """The worker died, or was ended for a time limit; the driver decides whether to try again."""

    reason: StopReason
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionsReady(TrialEvent):
    """A worker has written the predictions of a checkpoint.

    Attributes:
        split: `val` or `test`.
        path: An `.npz` file with `probabilities` (n_samples, n_classes) and `labels` (n_samples,); None on an error.
        error: The traceback of `predict`, or what is wrong with the checkpoint.
        unreadable: Whether it is the checkpoint.
    """

    split: str
    path: str | None
    error: str | None = None
    unreadable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyOpened(Event):
    """The study is there and is being run from now on: whatever ends it, it can be resumed.

    Attributes:
        plan: One line for people: what will be trained where.
    """

    name: str
    plan: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StageStarted(Event):
    """A stage begins.

    Attributes:
        total: Trials it will have; None if the budget decides.
        done: Trials that have ended already.
        epochs: Full length of each.
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
        gpu_s: Seconds of GPUs until then; None where trials have none.
        spent: What is spent of each limit of the budget, for people; empty without a budget.
    """

    seconds: float
    gpu_s: float | None = None
    spent: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice(Event):
    """A warning, or a line worth reading."""

    message: str
    detail: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialScored(TrialEvent):
    """The driver has stored the end of a trial.

    Attributes:
        best: Whether it is the best of its stage so far.
    """

    reason: StopReason
    value: float | None
    best_epoch: int | None
    epochs: int
    seconds: float
    best: bool
    config: Config = field(default_factory=lambda: Config({}))
    error: str | None = None
    traceback: str | None = None
