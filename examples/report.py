"""A function that reports. `fit` stands for a framework that calls back and can't yield."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split


def fit(model, x, y, *, epochs, after_epoch):
    """Train, and call `after_epoch` at the end of each epoch."""
    for _ in epochs:
        model.partial_fit(x, y, classes=range(10))
        after_epoch(model)


def train(config, trial):
    """Train a linear classifier; `trial.report` raises TrialStopped when the trial is to end."""
    images, labels = load_digits(return_X_y=True)
    x, x_val, y, y_val = train_test_split(images / 16, labels, test_size=0.25, random_state=0)
    # Without a random_state it uses NumPy's generator, which is seeded with trial.seed.
    model = SGDClassifier(loss="log_loss", alpha=config["alpha"], eta0=config["eta0"], learning_rate=config["schedule"])

    state = trial.load_checkpoint()
    if state is not None:
        model.coef_, model.intercept_ = state["coef"].numpy(), state["intercept"].numpy()
        model.classes_, model.t_ = np.arange(10), state["t"]

    def report(model):
        weights = {
            "coef": torch.from_numpy(model.coef_),
            "intercept": torch.from_numpy(model.intercept_),
            "t": model.t_,
        }
        trial.report({"val_accuracy": model.score(x_val, y_val)}, checkpoint=weights)

    fit(model, x, y, epochs=trial.epochs(), after_epoch=report)
