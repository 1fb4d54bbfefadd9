"""A training script in plain Python. It reads a TOML file, prints a log for people, and knows nothing of hpsearch."""

import math
import random
import sys
import tomllib
from pathlib import Path


def main():
    """Fit a line to noisy points by gradient descent."""
    config = tomllib.loads(Path(sys.argv[1]).read_text())
    lr, decay = config["optim"]["lr"], config["optim"]["weight_decay"]
    rng = random.Random(config["run"]["seed"])
    points = [(x / 50 - 1, 0.5 * x / 50 + rng.gauss(0, 0.1)) for x in range(100)]
    slope = bias = 0.0
    for epoch in range(config["run"]["epochs"]):
        for x, y in rng.sample(points, len(points)):
            error = slope * x + bias - y
            slope -= lr * (error * x + decay * slope)
            bias -= lr * error
        rmse = math.sqrt(sum((slope * x + bias - y) ** 2 for x, y in points) / len(points))
        print(f"[epoch {epoch}] slope {slope:.3f}, val RMSE: {rmse:.5f}")


if __name__ == "__main__":
    main()
