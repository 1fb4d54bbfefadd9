"""A class as the objective: a small network on scikit-learn's digits, with the predictions that an ensemble needs."""

import torch
from sklearn.datasets import load_digits
from torch import nn


def build(config):
    """Return the network of a config, with fresh weights."""
    return nn.Sequential(
        nn.Linear(64, config["hidden"]), nn.ReLU(), nn.Dropout(config["dropout"]), nn.Linear(config["hidden"], 10)
    )


class Classifier:
    """One instance serves trial after trial in a worker."""

    def setup(self, device):
        """Load and split the data, once per worker."""
        images, labels = load_digits(return_X_y=True)
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))  # one split for all trials
        x, y = torch.from_numpy(images).float()[order] / 16, torch.from_numpy(labels)[order]
        sizes = [1257, 270, 270]
        parts = zip(("train", "val", "test"), x.split(sizes), y.split(sizes), strict=True)
        self.data = {name: (xs.to(device), ys.to(device)) for name, xs, ys in parts}

    def train(self, config, trial):
        """Yield the validation accuracy of each epoch."""
        x, y = self.data["train"]
        model = build(config).to(trial.device)
        optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])
        state = trial.load_checkpoint()
        if state is not None:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        for _ in trial.epochs():
            model.train()
            for batch in torch.randperm(len(x)).split(config["batch_size"]):
                loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            checkpoint = {"config": dict(config), "model": model.state_dict(), "optimizer": optimizer.state_dict()}
            probabilities, labels = self.predict(checkpoint, "val")
            trial.save_checkpoint(checkpoint)
            yield {"val_accuracy": (probabilities.argmax(dim=1) == labels).float().mean(), "train_loss": loss.detach()}

    def predict(self, checkpoint, split):
        """Return class probabilities (n_samples, n_classes) and labels (n_samples,) of `val` or `test`."""
        x, labels = self.data[split]
        model = build(checkpoint["config"]).to(x.device)
        model.load_state_dict(checkpoint["model"])
        model.eval()
        with torch.no_grad():
            return model(x).softmax(dim=1), labels
