"""Ray Tune's class API with `reuse_actors`: an actor is reset for its next trial."""

from __future__ import annotations

from typing import Any

from tune_api import fit
from work import EPOCHS, METRIC, Work, main, measured


def trainable() -> type:
    """Return a Trainable."""
    from ray import tune

    class Trainable(tune.Trainable):
        """One trial after another."""

        def setup(self, config: dict[str, Any]) -> None:
            """Begin the first trial."""
            self._values = measured(config, config["epoch_s"])

        def step(self) -> dict[str, Any]:
            """Train one epoch."""
            return {METRIC: next(self._values), "done": self.iteration + 1 >= EPOCHS}

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            """Begin the next trial."""
            self.setup(new_config)
            return True

    return Trainable


def run(work: Work) -> float:
    """Return the seconds for the search."""
    return fit(work, trainable(), reuse_actors=True)


if __name__ == "__main__":
    main(run)
