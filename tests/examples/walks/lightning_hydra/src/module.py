"""A small classifier of points."""

import lightning
from torch import nn


class Dense(lightning.LightningModule):
    def __init__(self, optimizer, net) -> None:
        super().__init__()
        self.make_optimizer = optimizer
        self.net = nn.Sequential(
            nn.Linear(2, net.hidden), nn.ReLU(), nn.Dropout(net.dropout), nn.Linear(net.hidden, 4)
        )

    def training_step(self, batch, _):
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        logits = self.net(batch[0])
        self.log("val/loss", nn.functional.cross_entropy(logits, batch[1]))
        self.log("val/acc", (logits.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return self.make_optimizer(params=self.parameters())
