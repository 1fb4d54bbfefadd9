"""The work of all peers of `overhead.py`.

`python PEER.py TRIALS EPOCH_S WORKERS FOLDER` starts a peer, which prints seconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EPOCHS = 5
METRIC = "score"
LR, DROPOUT, BATCH_SIZES = (1e-4, 1e-1), (0.0, 0.5), (16, 32, 64)

# As in hpsearch: no copy of the working directory for each worker, and no usage statistics.
os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


@dataclass(frozen=True, slots=True)
class Work:
    """An amount of work.

    Attributes:
        epoch_s: Seconds that an epoch sleeps; 0 for a no-op.
        folder: An empty one, absolute.
    """

    trials: int
    epoch_s: float
    workers: int
    folder: Path


def measured(config: Mapping[str, Any], epoch_s: float) -> Iterator[float]:
    """Yield the value after each epoch of a trial."""
    for epoch in range(1, EPOCHS + 1):
        if epoch_s:
            time.sleep(epoch_s)
        yield config["dropout"] * epoch


def start_ray(work: Work) -> None:
    """Start Ray as hpsearch does: on this machine, with a CPU for each worker, and only the parts that it needs."""
    import ray

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": False}
    ray.init(address="local", num_cpus=work.workers, object_store_memory=100 * 1024 * 1024, **options)


def main(run: Callable[[Work], float]) -> None:
    """Run a peer, and print its seconds."""
    trials, epoch_s, workers, folder = sys.argv[1:]
    print(run(Work(int(trials), float(epoch_s), int(workers), Path(folder))))
