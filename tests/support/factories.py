"""Space files, configs and events as tests need them: small, and each value as good as another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpsearch.config.config import StudyConfig
from hpsearch.objectives.space_files import parse_config
from hpsearch.trial.events import GpuUse, TrialEnded, TrialMeasured
from hpsearch.trial.trial import Direction, Measurement, Stage, StopReason, TrialSpec

GIB = 1 << 30


def sample_raw(function: str = "climb", **changes: object) -> dict:
    """Return the content of a space file for one of the sample objectives."""
    raw = {
        "study": "sample",
        "metric": "score",
        "direction": "maximize",
        "objective": {"python": f"sample_objectives:{function}", "epochs": 6},
        "space": {"lr": {"loguniform": [1e-3, 1.0]}, "wd": {"uniform": [0.0, 1.0]}},
        "search": {"trials": 6},
        "finalists": {"configs": 2, "seeds": 2},
    }
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(raw.get(name), dict):
            raw[name] = {**raw[name], **value}
        else:
            raw[name] = value
    return raw


def sample_config(function: str = "climb", **changes: object) -> StudyConfig:
    return parse_config(sample_raw(function, **changes))


def spec(folder: Path | str = "nowhere", number: int = 0, *, attempt: int = 1, **changes: object) -> TrialSpec:
    """Return what a worker gets for an attempt at a trial.

    Args:
        folder: The trial's, which has its attempts.
    """
    values = {
        "stage": Stage.SEARCH,
        "number": number,
        "config": {"lr": 0.1},
        "seed": 7,
        "attempt": attempt,
        "epochs": 6,
        "metric": "score",
        "direction": Direction.MAXIMIZE,
        "folder": f"{folder}/attempt-{attempt}",
        "earlier": tuple(f"{folder}/attempt-{before}" for before in range(attempt - 1, 0, -1)),
    }
    return TrialSpec(**{**values, **changes})


def history(*scores: float, seconds: float = 1.0, **metrics: float) -> tuple[Measurement, ...]:
    """Return a trial's measurements, with these scores."""
    return tuple(
        Measurement(epoch=epoch, metrics={"score": score, **metrics}, seconds=seconds)
        for epoch, score in enumerate(scores, 1)
    )


def key(trial: TrialSpec | int) -> dict[str, Any]:
    """Return what every event of a trial has: of its specification, or of the first attempt at this number."""
    if isinstance(trial, int):
        return {"stage": Stage.SEARCH, "number": trial, "attempt": 1}
    return {"stage": trial.stage, "number": trial.number, "attempt": trial.attempt}


def measured(trial: TrialSpec | int, epoch: int = 1, *, gpu: GpuUse | None = None, **metrics: float) -> TrialMeasured:
    """Return the event of an epoch with these metrics."""
    return TrialMeasured(**key(trial), measurement=Measurement(epoch=epoch, metrics=metrics), gpu=gpu)


def ended(
    trial: TrialSpec | int,
    *scores: float,
    reason: StopReason = StopReason.FINISHED,
    trace: str = "",
    gpu: GpuUse | None = None,
    packed: bool = False,
) -> TrialEnded:
    """Return the event of a trial's end, after epochs with these scores."""
    return TrialEnded(
        **key(trial),
        reason=reason,
        worker="host:1",
        measured=len(scores),
        error=trace.splitlines()[-1] if trace else None,
        traceback=trace or None,
        gpu=gpu,
        packed=packed,
    )


def trained(trial: TrialSpec | int, *scores: float, told: int = 0, **how: Any) -> list[TrialMeasured | TrialEnded]:
    """Return the events of a trial to its end, which has epochs with these scores.

    Args:
        told: How many epochs have been told, or taken over from an earlier attempt.
        how: As in `ended`.
    """
    epochs = [TrialMeasured(**key(trial), measurement=measurement) for measurement in history(*scores)[told:]]
    return [*epochs, ended(trial, *scores, **how)]


def gpu_use(peak: float, room: float = 24, kept: float = 0) -> GpuUse:
    """Return what a trial took of a GPU, in GiB."""
    return GpuUse(peak_bytes=int(peak * GIB), room_bytes=int(room * GIB), kept_bytes=int(kept * GIB))
