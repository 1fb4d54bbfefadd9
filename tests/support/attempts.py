"""Attempts at a trial, as a worker makes and drives them."""

import logging
import math
from contextlib import closing
from pathlib import Path

from hpsearch.objectives.base import iterate
from hpsearch.trial.folder import AttemptWriter
from hpsearch.trial.handle import Trial
from hpsearch.trial.trial import TrialSpec
from support.factories import spec

EPOCHS = 4


def begun(task: TrialSpec) -> tuple[Trial, AttemptWriter]:
    """Return what a worker makes for an attempt at a trial: what its objective sees, and what writes its folder."""
    writer, log = AttemptWriter(task, "host:1"), logging.getLogger("trial")
    trial = Trial(task, device="cpu", writer=writer, log=log)
    return trial, writer


def make(folder: Path, attempt: int = 1, **changes: object) -> tuple[Trial, AttemptWriter]:
    """Begin an attempt at a trial that is to measure an accuracy."""
    return begun(spec(folder, 3, attempt=attempt, **{"epochs": EPOCHS, "metric": "accuracy", **changes}))


def drive(train, trial, writer, stop_after=math.inf):
    """Measure and commit as a worker does; return the epochs."""
    epochs = []
    with closing(iterate(train, {"lr": 0.1}, trial)) as steps:
        for metrics in steps:
            measurement = trial.measure(metrics, 0.5)
            writer.commit(measurement)
            epochs.append(measurement.epoch)
            if measurement.epoch >= stop_after:
                break
    return epochs


def saving(_config, trial):
    state = trial.load_checkpoint() or {"steps": 0}
    for epoch in trial.epochs():
        state["steps"] += 1
        trial.save_checkpoint(state)
        yield {"accuracy": epoch / 10}
