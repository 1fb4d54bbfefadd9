"""A script with Ray Tune's ASHA: random search, a class Trainable, actors that are used again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training import Task, trained
from tune_api import start_ray  # sets what Ray and Tune read when they are imported
from work import Work


def trainable(task: Task) -> type:
    """Return a Trainable."""
    from ray import tune

    class Trainable(tune.Trainable):
        """One trial after another."""

        def setup(self, config: dict[str, Any]) -> None:
            """Begin the first trial."""
            self._values = trained(task, int(self.trial_id.rpartition("_")[2]), config)

        def step(self) -> dict[str, Any]:
            """Train one epoch."""
            return {"value": next(self._values)}

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            """Begin the next trial."""
            self.setup(new_config)
            return True

    return Trainable


def space_of(task: Task) -> dict[str, Any]:
    """Return the space as Tune has it."""
    from ray import tune

    found: dict[str, Any] = {}
    for name, value in task.space.items():
        kind, bounds = next(iter(value.items())) if isinstance(value, dict) else ("", value)
        if kind == "choice":
            found[name] = tune.choice(bounds)
        elif kind in ("uniform", "loguniform"):
            found[name] = getattr(tune, kind)(*bounds)
        else:
            found[name] = value
    return found


def main() -> None:
    """Search.

    Raises:
        SystemExit: A trial failed, or is missing.
    """
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    task = Task.given()
    start_ray(Work(task.configs, 0.0, task.workers, Path(task.folder)))
    tuner = tune.Tuner(
        tune.with_resources(trainable(task), {"cpu": 1}),
        param_space=space_of(task),
        tune_config=tune.TuneConfig(
            num_samples=task.configs,
            metric="value",
            mode="max",
            reuse_actors=True,
            scheduler=ASHAScheduler(max_t=task.epochs),
            search_alg=tune.search.BasicVariantGenerator(random_state=task.seed),
        ),
        run_config=tune.RunConfig(
            name="same_job",
            storage_path=task.folder,
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        ),
    )
    results = tuner.fit()
    task.ended()
    if results.num_errors or len(results) != task.configs:
        raise SystemExit(f"{results.num_errors} of {len(results)} trials failed")


if __name__ == "__main__":
    main()
