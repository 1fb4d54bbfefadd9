"""Ray Tune's function API with `reuse_actors`: an actor runs the function again for its next trial."""

from __future__ import annotations

from tune_api import fit
from tune_function import train
from work import Work, main


def run(work: Work) -> float:
    """Return the seconds for the search."""
    return fit(work, train, reuse_actors=True)


if __name__ == "__main__":
    main(run)
