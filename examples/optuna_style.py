"""An objective written for Optuna. The space file answers its suggestions, and decides on the bounds."""

import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split


def objective(trial):
    """Return the validation accuracy of a linear model of digits."""
    lr = trial.suggest_float("lr", 1e-5, 1.0, log=True)
    alpha = trial.suggest_float("alpha", 1e-7, 1e-2, log=True)
    penalty = trial.suggest_categorical("penalty", ["l1", "l2"])

    images, labels = load_digits(return_X_y=True)
    train_x, val_x, train_y, val_y = train_test_split(images / 16, labels, test_size=0.25, random_state=0)
    model = SGDClassifier(learning_rate="constant", eta0=lr, alpha=alpha, penalty=penalty)
    for step in range(10):
        model.partial_fit(train_x, train_y, classes=np.unique(labels))
        trial.report(model.score(val_x, val_y), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return model.score(val_x, val_y)
