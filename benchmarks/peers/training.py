"""The training of the peers of `same_job.py`: hpsearch's built-in objective, called directly.

`python PEER.py TASK` starts a peer in an empty folder. TASK is a JSON object. Each process writes a line for each epoch
to a file of its own, and the peer writes when its search has ended.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

EPOCHS, ENDED = "epochs-{}.jsonl", "ended"


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What is searched.

    Attributes:
        objective: The `objective` section of a space file.
        space: The parameters as in a space file, each with one distribution, or a value.
        sampler: Of Optuna.
        pruner: Of Optuna.
        folder: For results, absolute.
    """

    objective: Mapping[str, Any]
    space: Mapping[str, Any]
    metric: str
    configs: int
    workers: int
    seed: int
    sampler: str
    pruner: str
    folder: str

    @classmethod
    def given(cls) -> Task:
        """Return the task of this process."""
        return cls(**json.loads(sys.argv[1]))

    @property
    def epochs(self) -> int:
        """The full length of a training."""
        return int(self.objective["epochs"])

    def ended(self) -> None:
        """Write that the search has ended."""
        Path(self.folder, ENDED).write_text(str(time.time()), encoding="utf-8")


class _Trial:
    """What the training asks of its trial. Peers save no checkpoints, and resume nothing."""

    log = logging.getLogger("training")

    def __init__(self, seed: int, epochs: int) -> None:
        self.seed, self._epochs = seed, epochs

    def epochs(self) -> Sequence[int]:
        return range(1, self._epochs + 1)

    def load_checkpoint(self) -> None:
        return None

    def save_checkpoint(self, state: object) -> None:
        del state


@cache
def _objective(settings: str) -> Any:
    """Return the objective with its data, once for a process."""
    import torch

    from hpsearch.vision.classifier import ImageClassifierObjective
    from hpsearch.vision.section import ImageClassifier

    torch.set_num_threads(1)
    objective = ImageClassifierObjective(ImageClassifier.model_validate_json(settings))
    objective.setup("cpu")
    return objective


def load(task: Task) -> None:
    """Import what trainings need, and read the data."""
    import hpsearch.vision.training  # noqa: F401 - for the processes that are forked from this one

    _objective(json.dumps(task.objective))


def trained(task: Task, number: int, config: Mapping[str, Any]) -> Iterator[float]:
    """Train a config, and yield the metric of each epoch."""
    objective = _objective(json.dumps(task.objective))
    steps: Iterator[Mapping[str, float]] = objective.train(config, _Trial(task.seed * 10_000 + number, task.epochs))
    with Path(task.folder, EPOCHS.format(os.getpid())).open("a", encoding="utf-8") as file:
        for epoch in range(1, task.epochs + 1):
            began = time.time()
            value = next(steps)[task.metric]
            file.write(json.dumps({"trial": number, "epoch": epoch, "began": began, "value": value}) + "\n")
            yield value
