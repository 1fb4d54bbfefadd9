"""An Optuna study on one SQLite file, through the public API."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from work import BATCH_SIZES, DROPOUT, LR

_DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(*LR, log=True),
    "dropout": FloatDistribution(*DROPOUT),
    "batch_size": CategoricalDistribution(BATCH_SIZES),
}


def opened(folder: Path, seed: int, *, make: bool = False) -> optuna.Study:
    """Return the study of a folder.

    Args:
        folder: With its database.
        seed: Of its sampler; each process needs one of its own.
        make: Whether to make it.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = folder / "study.db"
    if make:
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA journal_mode=WAL")  # the file keeps it; the default took three times as long
    # A worker waits for the others' writes.
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 100}})
    make_or_load = optuna.create_study if make else optuna.load_study
    options = {"direction": "maximize"} if make else {}
    sampler, pruner = optuna.samplers.RandomSampler(seed=seed), optuna.pruners.NopPruner()
    return make_or_load(study_name="noop", storage=storage, sampler=sampler, pruner=pruner, **options)


def ask(study: optuna.Study) -> optuna.Trial:
    """Return a new trial with its config."""
    return study.ask(_DISTRIBUTIONS)


def tell(study: optuna.Study, trial: optuna.Trial, value: float) -> None:
    """End a trial."""
    study.tell(trial, value)
