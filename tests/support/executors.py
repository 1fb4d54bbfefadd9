"""Executors of the sample objectives, and waiting for their events."""

from __future__ import annotations

from pathlib import Path

from hpsearch.executors.base import Executor, Workplace
from hpsearch.selection.divergence import DivergenceRule
from hpsearch.selection.stall import StallRule
from hpsearch.trial.events import (
    LegEnded,
    PredictionsReady,
    TrialEnded,
    TrialEvent,
    TrialMeasured,
    TrialPaused,
    WorkerLost,
)
from hpsearch.trial.trial import Direction, Measurement, TrialSpec
from support.factories import sample_config, spec
from support.paths import OBJECTIVES

DIRECTION = Direction.MAXIMIZE
_OVER = (TrialEnded, TrialPaused, WorkerLost, PredictionsReady)
ANY = "any_of_them"  # the sample objective that `does` of the config names
UNSAVED = {"lr": 0.1, "does": "climb", "saves": False}  # a separate worker would import torch for a checkpoint
RULES = (DivergenceRule(metrics=("score",)), StallRule(metric="score", direction=DIRECTION, patience_epochs=4))


def workplace(function: str, **changes: object) -> Workplace:
    module = "executor_objectives" if function == ANY else "sample_objectives"
    objective = sample_config(objective={"python": f"{module}:{function}"}).objective
    return Workplace(objective=objective, folder=str(Path.cwd()), module_folder=str(OBJECTIVES), **changes)


def task(folder: Path, number: int = 0, **changes: object) -> TrialSpec:
    """Return a trial that `any_of_them` trains by climbing; each number has its own folder."""
    return spec(folder / f"{number:05d}", number, **{"config": {"lr": 0.1, "does": "climb"}, "rules": RULES, **changes})


def asked(executor: Executor) -> list[TrialEvent]:
    """Poll until the leg of a trial has ended."""
    events: list[TrialEvent] = []
    for _ in range(100_000):
        events += executor.poll(1.0)
        if any(isinstance(event, LegEnded) for event in events):
            return events
    raise AssertionError(f"only {events}")


def collect(executor: Executor, count: int = 1) -> list[TrialEvent]:
    """Poll until a number of tasks have ended."""
    events: list[TrialEvent] = []
    for _ in range(100_000):
        events += executor.poll(1.0)
        if sum(isinstance(event, _OVER) for event in events) >= count:
            return events
    raise AssertionError(f"only {events}")


def measurements(events: list[TrialEvent]) -> list[Measurement]:
    """Return the measurements in the events of a task, epoch by epoch."""
    return [event.measurement for event in events if isinstance(event, TrialMeasured)]


def until_free(executor: Executor, free: int = 1) -> None:
    for _ in range(600):
        if executor.free >= free:
            return
        assert not executor.poll(0.5)
    raise AssertionError("no worker became free")
