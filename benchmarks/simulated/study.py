"""A study as `hpsearch run` drives it, but with simulated workers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from executor import SimulatedExecutor
from rich.console import Console

from hpsearch import api
from hpsearch.cli.progress import Progress
from hpsearch.config.config import StudyConfig
from hpsearch.driver import session as driver
from hpsearch.executors.resources import ResourceRequest
from hpsearch.objectives.space_files import parse_config
from hpsearch.trial.events import Event
from hpsearch.trial.trial import Stage

EPOCHS = 20
_MORE = 10_000
OBJECTIVE = """\
def train(config, trial):
    for epoch in trial.epochs():
        yield {"val_accuracy": config["dropout"] * epoch}
"""


def space_file(sampler: str, trials: int) -> dict[str, Any]:
    """Return a space file's content; its objective is for trials that are not simulated."""
    return {
        "study": sampler,
        "metric": "val_accuracy",
        "direction": "maximize",
        "seed": 0,
        "objective": {"python": "objective:train", "epochs": EPOCHS},
        "space": {
            "lr": {"loguniform": [1e-4, 1e-1]},
            "weight_decay": {"loguniform": [1e-6, 1e-2]},
            "dropout": {"uniform": [0.0, 0.5]},
            "batch_size": {"choice": [16, 32, 64, 128]},
        },
        "search": {"sampler": sampler, "trials": trials},
        "prune": None,
        "finalists": None,
        "ensemble": None,
    }


def begin(folder: Path, sampler: str, trials: int, workers: SimulatedExecutor, publish: Callable[..., None]) -> None:
    """Make a study and drive it.

    Args:
        folder: Gets the study and the objective.
        sampler: Its name; the study's too.
        trials: In all.
        workers: Where they run.
        publish: Takes the study once it is there, and then each event after it was shown.
    """
    (folder / "objective.py").write_text(OBJECTIVE, encoding="utf-8")
    path = folder / "space.yaml"
    path.write_text(json.dumps(space_file(sampler, trials)), encoding="utf-8")  # JSON is YAML
    with _simulated(workers) as request, _shown(parse_config(space_file(sampler, trials)), publish) as shown:
        api.run(path, request=request, studies=folder, publish=shown, opened=publish).close()


def go_on(folder: Path, workers: SimulatedExecutor) -> None:
    """Drive an existing study, with more trials than so far.

    Args:
        folder: The study's.
        workers: Where its trials run.
    """
    study = api.load_study(folder)
    config, total = study.config, len(study.store.records(Stage.SEARCH)) + _MORE
    study.close()
    with _simulated(workers) as request, _shown(config, lambda _: None) as shown:
        api.resume(folder, trials=total, request=request, publish=shown).close()


@contextmanager
def _simulated(workers: SimulatedExecutor) -> Iterator[ResourceRequest]:
    """Have the driver start these workers; all else is as in `hpsearch run`."""
    begin, start = driver.begin_executor, driver.start_executor
    vars(driver).update(begin_executor=lambda *_: None, start_executor=lambda *_: workers)
    try:
        yield ResourceRequest(workers=workers.slots, cpus_per_trial=1)
    finally:
        vars(driver).update(begin_executor=begin, start_executor=start)


@contextmanager
def _shown(config: StudyConfig, watch: Callable[..., None]) -> Iterator[Callable[[Event], None]]:
    """Give a publisher that prints the log lines of `hpsearch run`, and then calls the watch."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        progress = Progress(config, console=Console(file=nowhere, markup=False, highlight=False))

        def publish(event: Event) -> None:
            progress.publish(event)
            watch(event)

        yield publish
