"""A script with Optuna: its processes share a study in a journal, and a pruner ends trials."""

from __future__ import annotations

import multiprocessing
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from training import Task, load, trained

SAMPLERS = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}


def pruner_of(task: Task) -> optuna.pruners.BasePruner:
    """Return the pruner, with Optuna's defaults."""
    if task.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=task.epochs)
    return optuna.pruners.MedianPruner()


def suggested(trial: optuna.Trial, space: dict[str, Any]) -> dict[str, Any]:
    """Return a config."""
    config = {}
    for name, value in space.items():
        kind, bounds = next(iter(value.items())) if isinstance(value, dict) else ("", value)
        if kind == "choice":
            config[name] = trial.suggest_categorical(name, bounds)
        elif kind in ("uniform", "loguniform"):
            config[name] = trial.suggest_float(name, *bounds, log=kind == "loguniform")
        else:
            config[name] = value
    return config


def opened(task: Task, sampler_seed: int) -> optuna.Study:
    """Return the study; the first call makes it."""
    return optuna.create_study(
        study_name="same_job",
        storage=JournalStorage(JournalFileBackend(f"{task.folder}/journal.log")),
        direction="maximize",
        sampler=SAMPLERS[task.sampler](seed=sampler_seed),
        pruner=pruner_of(task),
        load_if_exists=True,
    )


def work(task: Task, worker: int, configs: int) -> None:
    """Train a worker's share of the configs."""

    def objective(trial: optuna.Trial) -> float:
        best = 0.0
        for epoch, value in enumerate(trained(task, trial.number, suggested(trial, dict(task.space))), start=1):
            best = max(best, value)
            trial.report(value, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return best

    opened(task, task.seed * task.workers + worker).optimize(objective, n_trials=configs)


def main() -> None:
    """Search with a process for each worker.

    Raises:
        SystemExit: A worker failed.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    task = Task.given()
    load(task)
    opened(task, task.seed)
    context = multiprocessing.get_context("fork")  # workers need not import torch again
    shares = [task.configs // task.workers + (one < task.configs % task.workers) for one in range(task.workers)]
    workers = [context.Process(target=work, args=(task, one, share)) for one, share in enumerate(shares)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    task.ended()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a worker failed")


if __name__ == "__main__":
    main()
