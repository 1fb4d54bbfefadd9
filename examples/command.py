"""A training script in plain Python. It knows nothing of hpsearch, and prints a line of JSON per epoch."""

import argparse
import json
import math
import os
import random
from pathlib import Path


def make_points(count, rng):
    """Return points (x, y) of a noisy sine."""
    xs = [rng.uniform(-math.pi, math.pi) for _ in range(count)]
    return [(x, math.sin(x) + rng.gauss(0, 0.1)) for x in xs]


def features(x):
    """Return the powers of x that the model weighs."""
    return [(x / math.pi) ** power for power in range(6)]


def loss(weights, points):
    """Return the mean squared error."""
    errors = [sum(w * f for w, f in zip(weights, features(x), strict=True)) - y for x, y in points]
    return sum(error * error for error in errors) / len(errors)


def main():
    """Fit a polynomial by gradient descent with momentum."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--momentum", type=float, required=True)
    options = parser.parse_args()

    data = random.Random(0)  # one data set for all trials
    points, val_points = make_points(200, data), make_points(100, data)
    rng = random.Random(options.seed)
    state = {"epoch": 0, "weights": [rng.gauss(0, 0.5) for _ in range(6)], "velocity": [0.0] * 6}
    if "HPSEARCH_RESUME" in os.environ:  # the folder of an attempt whose worker was lost
        state = json.loads((Path(os.environ["HPSEARCH_RESUME"]) / "state.json").read_text())

    for epoch in range(state["epoch"] + 1, options.epochs + 1):
        for x, y in rng.sample(points, len(points)):
            error = sum(w * f for w, f in zip(state["weights"], features(x), strict=True)) - y
            for i, f in enumerate(features(x)):
                state["velocity"][i] = options.momentum * state["velocity"][i] - options.lr * 2 * error * f
                state["weights"][i] += state["velocity"][i]
        state["epoch"] = epoch
        # Printed before the state is written, so each saved state has its measurement.
        print(json.dumps({"epoch": epoch, "val_loss": loss(state["weights"], val_points)}))
        part = options.out / ".state.json"
        part.write_text(json.dumps(state))
        part.replace(options.out / "state.json")  # whole or not at all


if __name__ == "__main__":
    main()
