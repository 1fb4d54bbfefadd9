"""Executors of the sample objectives, and waiting for what they do."""

from __future__ import annotations

from pathlib import Path

from hpsearch.executors.base import Executor, Workplace
from hpsearch.selection.divergence import DivergenceRule
from hpsearch.selection.stall import StallRule
from hpsearch.trial.events import PredictionsReady, TrialEnded, TrialEvent, TrialMeasured, WorkerLost
from hpsearch.trial.trial import Direction, Measurement, TrialSpec
from support.factories import sample_config, spec
from support.paths import OBJECTIVES

DIRECTION = Direction.MAXIMIZE
ANY = "any_of_them"  # the sample objective that `does` of the config names
UNSAVED = {"lr": 0.1, "does": "climb", "saves": False}  # a worker of its own imports torch for a checkpoint
RULES = (DivergenceRule(), StallRule(metric="score", direction=DIRECTION, patience_epochs=4))


def workplace(function: str, **changes: object) -> Workplace:
    module = "executor_objectives" if function == ANY else "sample_objectives"
    objective = sample_config(objective={"python": f"{module}:{function}"}).objective
    return Workplace(objective=objective, folder=str(Path.cwd()), module_folder=str(OBJECTIVES), **changes)


def task(folder: Path, number: int = 0, **changes: object) -> TrialSpec:
    """Return a trial that `any_of_them` trains by climbing; each number has a folder of its own."""
    return spec(folder / f"{number:05d}", number, **{"config": {"lr": 0.1, "does": "climb"}, "rules": RULES, **changes})


def collect(executor: Executor, count: int = 1) -> list[TrialEvent]:
    """Poll until so many tasks have ended."""
    events: list[TrialEvent] = []
    for _ in range(100_000):
        events += executor.poll(1.0)
        if sum(isinstance(event, TrialEnded | WorkerLost | PredictionsReady) for event in events) >= count:
            return events
    raise AssertionError(f"only {events}")


def measurements(events: list[TrialEvent]) -> list[Measurement]:
    """Return what the events of a task tell, epoch by epoch."""
    return [event.measurement for event in events if isinstance(event, TrialMeasured)]


def until_free(executor: Executor, free: int = 1) -> None:
    for _ in range(600):
        if executor.free >= free:
            return
        assert not executor.poll(0.5)
    raise AssertionError("no worker became free")
