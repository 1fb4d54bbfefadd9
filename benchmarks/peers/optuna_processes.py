"""Optuna with a process for each worker, all on one SQLite file."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.synchronize import Barrier

from optuna_study import ask, opened, tell
from work import Work, main, measured


def _worker(number: int, trials: int, work: Work, barrier: Barrier) -> None:
    study = opened(work.folder, seed=number)
    barrier.wait()
    for _ in range(trials):
        trial = ask(study)
        value = 0.0
        for epoch, value in enumerate(measured(trial.params, work.epoch_s), start=1):
            trial.report(value, epoch)
        tell(study, trial, value)


def run(work: Work) -> float:
    """Return the seconds after all workers have opened the study, until all are done.

    Raises:
        SystemExit: A worker failed.
    """
    study = opened(work.folder, seed=0, make=True)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(work.workers + 1)
    shares = [work.trials // work.workers + (number < work.trials % work.workers) for number in range(work.workers)]
    workers = [
        context.Process(target=_worker, args=(number, share, work, barrier), daemon=True)
        for number, share in enumerate(shares)
    ]
    for worker in workers:
        worker.start()
    barrier.wait(timeout=120)
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    if any(worker.exitcode for worker in workers) or len(study.trials) != work.trials:
        raise SystemExit("a worker failed")
    return seconds


if __name__ == "__main__":
    main(run)
