"""Drives a study with simulated workers for a while: `python busy.py STUDY WORKERS EPOCH_S SECONDS` prints JSON."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import quantiles

from executor import SimulatedExecutor, TimeIsUp
from study import go_on


def measured(study: Path, workers: int, epoch_s: float, seconds: float) -> dict[str, float]:
    """Return the workers' busy share of the time, the driver's share of a core, and the workers' waiting times.

    Args:
        study: Its folder.
        workers: Simulated ones.
        epoch_s: Mean length of an epoch.
        seconds: How long to look, from when all workers have a trial.
    """
    cpu: list[float] = []

    def ends_at() -> float | None:
        if executor.began is None:
            return None
        if not cpu:
            cpu.append(time.process_time())
        return executor.began + seconds

    executor = SimulatedExecutor(workers, epoch_s, ends_at)
    with suppress(TimeIsUp):
        go_on(study, executor)
    took = time.process_time() - cpu[0]
    waits = executor.waits
    waited = sum(waits) + executor.waiting_s((executor.began or 0.0) + seconds)
    return {
        "busy": 1 - waited / (workers * seconds),
        "core": took / seconds,
        "trials": len(waits),
        "wait_ms": 1000 * sum(waits) / len(waits),
        "late_ms": 1000 * quantiles(waits, n=20)[-1],
    }


def main() -> None:
    """Print the measurements."""
    study, workers, epoch_s, seconds = sys.argv[1:]
    print(json.dumps(measured(Path(study), int(workers), float(epoch_s), float(seconds))))


if __name__ == "__main__":
    main()
