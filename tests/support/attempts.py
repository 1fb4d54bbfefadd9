"""Attempts at a trial, as a worker makes and drives them."""

import logging
import math
from contextlib import closing
from pathlib import Path

from hpsearch.objectives.base import Trial, iterate
from hpsearch.trial.folder import AttemptWriter
from hpsearch.trial.trial import Direction, Stage, TrialSpec

EPOCHS = 4


def make(folder: Path, attempt: int = 1, direction: Direction = Direction.MAXIMIZE) -> tuple[Trial, AttemptWriter]:
    """Return what a worker makes for an attempt at a trial."""
    spec = TrialSpec(
        stage=Stage.SEARCH,
        number=3,
        config={"lr": 0.1},
        seed=7,
        attempt=attempt,
        epochs=EPOCHS,
        metric="accuracy",
        direction=direction,
        folder=str(folder / f"attempt-{attempt}"),
        earlier=tuple(str(folder / f"attempt-{number}") for number in range(attempt - 1, 0, -1)),
    )
    writer = AttemptWriter(spec, "host:1")
    log = logging.getLogger("trial")
    trial = Trial(spec, device="cpu", writer=writer, log=log)
    return trial, writer


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
