"""Ray Tune's function API: each trial gets an actor of its own."""

from __future__ import annotations

from typing import Any

from tune_api import fit
from work import METRIC, Work, main, measured


def train(config: dict[str, Any]) -> None:
    """Train one trial."""
    from ray import tune

    for value in measured(config, config["epoch_s"]):
        tune.report({METRIC: value})


def run(work: Work) -> float:
    """Return the seconds for the search."""
    return fit(work, train, reuse_actors=False)


if __name__ == "__main__":
    main(run)
