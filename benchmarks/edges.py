"""How often right bounds are called too tight, and how often bounds that are too tight are found.

    uv run python benchmarks/edges.py

Simulated studies of jittered-grid draws from four linear ranges. The value of a config is minus the weighted sum of its
squared distances to an optimum, plus normal noise. One axis dominates (weights 1, 0.1, 0.1 and 0.1), or all weigh the
same; the noise is in standard deviations of the values without it. Each axis has its optimum anywhere in the inner 60 %
of the range, except the first axis in the last two columns:

- false alarms: the share of studies that call any bound too tight, with all optima inside
- at the bound, beyond it: the share of studies that call the first axis's upper bound too tight, with the optimum at
  the bound, or beyond it by a third of the range

With 400 studies for each number:

| trials | weights | noise | false alarms | at the bound | beyond it |
| --- | --- | --- | --- | --- | --- |
| 16 | one dominates | 0.1 | 2 % | 87 % | 98 % |
| 16 | one dominates | 0.5 | 1 % | 28 % | 41 % |
| 16 | all the same | 0.1 | 3 % | 8 % | 36 % |
| 16 | all the same | 0.5 | 2 % | 8 % | 22 % |
| 48 | one dominates | 0.1 | 2 % | 100 % | 100 % |
| 48 | one dominates | 0.5 | 1 % | 48 % | 74 % |
| 48 | all the same | 0.1 | 4 % | 32 % | 87 % |
| 48 | all the same | 0.5 | 4 % | 18 % | 59 % |
| 200 | one dominates | 0.1 | 0 % | 98 % | 100 % |
| 200 | one dominates | 0.5 | 1 % | 52 % | 88 % |
| 200 | all the same | 0.1 | 2 % | 55 % | 97 % |
| 200 | all the same | 0.5 | 1 % | 27 % | 73 % |
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hpsearch.samplers import JitteredGridSampler
from hpsearch.samplers.edges import Edge, crowded_edges
from hpsearch.samplers.past import Past
from hpsearch.space.parsing import parse_space
from hpsearch.trial.trial import Direction

Floats = NDArray[np.float64]

_RAW = {f"x{axis}": {"uniform": [-1.0, 1.0]} for axis in range(4)}
_SPACE = parse_space(_RAW)
_INNER = 0.6  # of the way from the middle of a range to its bounds
_AT, _BEYOND = 1.0, 1 + 2 / 3
_WEIGHTS = {"one dominates": (1.0, 0.1, 0.1, 0.1), "all the same": (1.0, 1.0, 1.0, 1.0)}
_NOISES = (0.1, 0.5)
_TRIALS = (16, 48, 200)
_GRIDS = 50  # different ones; the studies take turns


def _grids(trials: int) -> list[Floats]:
    """Return the points of several grids, each of shape (trials, axes)."""
    samplers = [JitteredGridSampler.from_dict(_RAW, seed=seed, trials=trials) for seed in range(_GRIDS)]
    return [np.array([[*sampler.draw(number).values()] for number in range(trials)]) for sampler in samplers]


def _edges(points: Floats, optimum: Floats, weights: Floats, noise: float, rng: np.random.Generator) -> list[Edge]:
    """Return the bounds that a study of these points (trials, axes) calls too tight."""
    exact = -((points - optimum) ** 2 * weights).sum(axis=1)
    values = exact + noise * exact.std() * rng.normal(size=len(points))
    past = [
        Past(params=dict(zip(_RAW, map(float, point), strict=True)), value=float(value))
        for point, value in zip(points, values, strict=True)
    ]
    return crowded_edges(_SPACE, past, Direction.MAXIMIZE)


def _shares(grids: Sequence[Floats], weights: Floats, noise: float, studies: int) -> tuple[float, float, float]:
    """Return the shares of false alarms, and of bounds found with the optimum at them and beyond them."""
    rng = np.random.default_rng(0)
    counts = np.zeros(3)
    for study in range(studies):
        points = grids[study % len(grids)]
        optimum = rng.uniform(-_INNER, _INNER, size=len(_RAW))
        counts[0] += bool(_edges(points, optimum, weights, noise, rng))
        for column, first in enumerate((_AT, _BEYOND), start=1):
            optimum[0] = first
            found = _edges(points, optimum, weights, noise, rng)
            counts[column] += any(edge.name == "x0" and edge.side == "high" for edge in found)
    false_alarms, at, beyond = (counts / studies).tolist()
    return false_alarms, at, beyond


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=400, metavar="N", help="of each kind (default: 400)")
    studies = parser.parse_args().studies
    print("| trials | weights | noise | false alarms | at the bound | beyond it |")
    print("| --- | --- | --- | --- | --- | --- |")
    for trials in _TRIALS:
        grids = _grids(trials)
        for name, weights in _WEIGHTS.items():
            for noise in _NOISES:
                shares = _shares(grids, np.array(weights), noise, studies)
                cells = " | ".join(f"{100 * share:.0f} %" for share in shares)
                print(f"| {trials} | {name} | {noise} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
