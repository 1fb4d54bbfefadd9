"""A generator as the objective: a small network predicts the progression of diabetes from ten measurements."""

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from torch import nn


def train(config, trial):
    """Yield the validation error of each epoch, in standard deviations of the target."""
    features, target = load_diabetes(return_X_y=True)
    target = (target - target.mean()) / target.std()
    parts = train_test_split(features * 20, target, test_size=0.25, random_state=0)  # one split for all trials
    x, x_val, y, y_val = (torch.from_numpy(part).float().to(trial.device) for part in parts)

    # torch is already seeded with trial.seed, so each trial has its own weights and order of batches.
    model = nn.Sequential(nn.Linear(10, config["hidden"]), nn.ReLU(), nn.Linear(config["hidden"], 1)).to(trial.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config["lr"], weight_decay=config["weight_decay"])

    state = trial.load_checkpoint()  # None on a fresh start
    if state is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])

    for _ in trial.epochs():  # the remaining epochs: 1 to 20, or 8 to 20 after a worker was lost in epoch 8
        for batch in torch.randperm(len(x)).split(config["batch_size"]):
            loss = nn.functional.mse_loss(model(x[batch]).squeeze(1), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            val_rmse = nn.functional.mse_loss(model(x_val).squeeze(1), y_val).sqrt()
        trial.save_checkpoint({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
        yield {"val_rmse": val_rmse, "train_loss": loss.detach()}
