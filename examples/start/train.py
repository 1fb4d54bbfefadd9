"""Trains a network with one hidden layer on scikit-learn's digits, in NumPy."""

import argparse
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

HIDDEN = 64


def main():
    """Train, and print the validation accuracy after each epoch."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--weight-decay", type=float, default=1e-4)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.set_defaults(**YAML(typ="safe").load(Path("config.yaml"))["optim"])
    options = parser.parse_args()

    images, labels = load_digits()
    order = np.random.default_rng(0).permutation(len(images))  # one split, whatever the seed
    train, val = order[:1200], order[1200:]
    rng = np.random.default_rng(options.seed)
    weights = [rng.normal(0, 0.1, (65, HIDDEN)), rng.normal(0, 0.1, (HIDDEN + 1, 10))]
    velocity = [np.zeros_like(w) for w in weights]

    for epoch in range(1, options.epochs + 1):
        for batch in np.array_split(rng.permutation(train), len(train) // options.batch_size):
            for i, gradient in enumerate(gradients(weights, images[batch], labels[batch])):
                decayed = gradient + options.weight_decay * weights[i]
                velocity[i] = options.momentum * velocity[i] - options.lr * decayed
                weights[i] += velocity[i]
        predicted = forward(weights, images[val])[-1].argmax(axis=1)
        print(json.dumps({"epoch": epoch, "val_accuracy": (predicted == labels[val]).mean()}), flush=True)


def load_digits():
    """Return images, in [0, 1], and labels: scikit-learn's file, without its import, which takes seconds."""
    folder = Path(find_spec("sklearn").origin).parent
    table = np.loadtxt(folder / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    return table[:, :-1] / 16, table[:, -1].astype(int)


def forward(weights, images):
    """Return the inputs of both layers, and the probabilities of the ten digits."""
    inputs = with_ones(images)
    hidden = with_ones(np.maximum(inputs @ weights[0], 0))
    scores = np.exp(hidden @ weights[1] - (hidden @ weights[1]).max(axis=1, keepdims=True))
    return inputs, hidden, scores / scores.sum(axis=1, keepdims=True)


def gradients(weights, images, labels):
    """Return the gradients of the cross-entropy."""
    inputs, hidden, errors = forward(weights, images)
    errors[np.arange(len(labels)), labels] -= 1
    errors /= len(labels)
    back = (errors @ weights[1].T) * (hidden > 0)
    return inputs.T @ back[:, :-1], hidden.T @ errors


def with_ones(array):
    """Return an array with a column of ones, for the bias."""
    return np.column_stack([array, np.ones(len(array))])


if __name__ == "__main__":
    main()
