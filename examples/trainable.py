"""A class written for Ray Tune. Each step is an epoch; after an interruption load_checkpoint reads what was saved."""

from pathlib import Path

import torch
from ray import tune
from sklearn.datasets import load_digits


class Trainable(tune.Trainable):
    """A small network on digits."""

    def setup(self, config):
        """Load the data and make the model."""
        images, labels = load_digits(return_X_y=True)
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
        images, labels = torch.tensor(images / 16).float()[order], torch.tensor(labels)[order]
        self.train_set, self.val_set = (images[:1300], labels[:1300]), (images[1300:], labels[1300:])
        self.model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
        self.lr, self.batch_size = config["lr"], config["batch_size"]

    def step(self):
        """Train one epoch."""
        images, labels = self.train_set
        for batch in torch.randperm(len(labels)).split(self.batch_size):
            self.model.zero_grad()
            torch.nn.functional.cross_entropy(self.model(images[batch]), labels[batch]).backward()
            with torch.no_grad():
                for weights in self.model.parameters():
                    weights.sub_(self.lr * weights.grad)
        images, labels = self.val_set
        with torch.no_grad():
            return {"val_accuracy": (self.model(images).argmax(1) == labels).float().mean().item()}

    def save_checkpoint(self, checkpoint_dir):
        """Write what load_checkpoint reads."""
        torch.save(self.model.state_dict(), Path(checkpoint_dir) / "model.pt")

    def load_checkpoint(self, checkpoint):
        """Go on from a folder that save_checkpoint wrote."""
        self.model.load_state_dict(torch.load(Path(checkpoint) / "model.pt", weights_only=True))
