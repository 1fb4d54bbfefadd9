"""A LightningModule and its data: hpsearch makes the Trainer, and reports what the module logs."""

import lightning
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split


class Digits(lightning.LightningModule):
    """A small network with a rate that falls over all epochs."""

    def __init__(self, lr, dropout):
        """Make the layers."""
        super().__init__()
        self.lr = lr
        self.net = torch.nn.Sequential(
            torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Dropout(dropout), torch.nn.Linear(32, 10)
        )

    def training_step(self, batch, batch_idx):  # noqa: ARG002 - Lightning's signature
        """Return the loss of a batch."""
        images, labels = batch
        return torch.nn.functional.cross_entropy(self.net(images), labels)

    def validation_step(self, batch, batch_idx):  # noqa: ARG002
        """Log the study's metric."""
        images, labels = batch
        self.log("val_accuracy", (self.net(images).argmax(1) == labels).float().mean())

    def configure_optimizers(self):
        """Return an optimizer and its schedule."""
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.trainer.max_epochs)]


def build(config):
    """Return the module, and loaders for training and validation."""
    images, labels = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(images / 16).float(), torch.tensor(labels))
    train, val = random_split(data, [1300, len(data) - 1300], torch.Generator().manual_seed(0))
    loaders = DataLoader(train, config["batch_size"], shuffle=True), DataLoader(val, 512)
    return Digits(config["lr"], config["dropout"]), loaders
