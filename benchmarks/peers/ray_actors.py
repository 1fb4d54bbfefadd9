"""A loop over bare Ray actors: one call for each trial, which returns its measurements. There is no store."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from work import BATCH_SIZES, DROPOUT, LR, Work, main, measured, start_ray

Config = dict[str, Any]


class Worker:
    """The actor of a worker."""

    def ready(self) -> None:
        """Answer once the actor is up."""

    def train(self, config: Config, epoch_s: float) -> list[float]:
        """Return the values of a trial."""
        return [*measured(config, epoch_s)]


def loop(work: Work, ask: Callable[[], tuple[Any, Config]], tell: Callable[[Any, list[float]], None]) -> float:
    """Return the seconds for all trials, once the workers are up.

    Args:
        work: The trials.
        ask: Gives the next trial and its config.
        tell: Takes a trial and its values.
    """
    import ray

    start_ray(work)
    actor = ray.remote(num_cpus=1)(Worker)
    idle = [actor.remote() for _ in range(work.workers)]
    ray.get([worker.ready.remote() for worker in idle])
    began = time.perf_counter()
    running: dict[Any, tuple[Any, Any]] = {}
    asked = 0
    while asked < work.trials or running:
        while idle and asked < work.trials:
            worker = idle.pop()
            trial, config = ask()
            running[worker.train.remote(config, work.epoch_s)] = worker, trial
            asked += 1
        for done in ray.wait([*running], num_returns=1)[0]:
            worker, trial = running.pop(done)
            idle.append(worker)
            tell(trial, ray.get(done))
    return time.perf_counter() - began


def run(work: Work) -> float:
    """Return the seconds for all trials."""
    generator = random.Random(0)  # noqa: S311 - keeps no secret

    def ask() -> tuple[None, Config]:
        lr = LR[0] * (LR[1] / LR[0]) ** generator.random()
        return None, {"lr": lr, "dropout": generator.uniform(*DROPOUT), "batch_size": generator.choice(BATCH_SIZES)}

    return loop(work, ask, lambda _trial, _values: None)


if __name__ == "__main__":
    main(run)
