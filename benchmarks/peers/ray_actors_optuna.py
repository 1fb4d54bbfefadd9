"""Bare Ray actors, with Optuna's ask, report and tell in the driver, on SQLite."""

from __future__ import annotations

from optuna import Trial
from optuna_study import ask, opened, tell
from ray_actors import Config, loop
from work import Work, main


def run(work: Work) -> float:
    """Return the seconds for all trials."""
    study = opened(work.folder, seed=0, make=True)

    def next_trial() -> tuple[Trial, Config]:
        trial = ask(study)
        return trial, trial.params

    def take(trial: Trial, values: list[float]) -> None:
        for epoch, value in enumerate(values, start=1):
            trial.report(value, epoch)
        tell(study, trial, values[-1])

    return loop(work, next_trial, take)


if __name__ == "__main__":
    main(run)
