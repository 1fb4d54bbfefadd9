"""`init` of a config of Lightning's command line: what it writes runs with the script as it is."""

import json
import os
import sys
from pathlib import Path

import pytest

from hpsearch.objectives.space_files import load_space_file

SCRIPT = """
import lightning.pytorch as pl
import torch
from lightning.pytorch.cli import LightningCLI
from torch.utils.data import DataLoader, TensorDataset


class Line(pl.LightningModule):
    def __init__(self, lr: float = 0.05, dropout: float = 0.1):
        super().__init__()
        self.lr = lr
        self.net = torch.nn.Sequential(torch.nn.Dropout(dropout), torch.nn.Linear(4, 1))

    def training_step(self, batch, _):
        return ((self.net(batch[0]) - batch[1]) ** 2).mean()

    def validation_step(self, batch, _):
        self.log("val_loss", ((self.net(batch[0]) - batch[1]) ** 2).mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)


class Points(pl.LightningDataModule):
    def __init__(self, batch_size: int = 16):
        super().__init__()
        self.batch_size = batch_size
        x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
        self.data = TensorDataset(x, x.sum(1, keepdim=True))

    def train_dataloader(self):
        return DataLoader(self.data, self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.data, 64)


if __name__ == "__main__":
    LightningCLI(Line, Points)
"""
CONFIG = """\
# ours
seed_everything: 0
trainer:
  max_epochs: 3
  accelerator: cpu
  enable_progress_bar: false
model:
  lr: 0.05
  dropout: 0.1
data:
  batch_size: 16
"""


@pytest.mark.slow
def test_a_lightning_cli_runs_unchanged(cli):
    (cli.folder / "fit.py").write_text(SCRIPT)
    (cli.folder / "config.yaml").write_text(CONFIG)
    cli.run_warm("init", "config.yaml", "--script", "fit.py")
    written = load_space_file(cli.folder / "config.hpsearch.yaml")
    assert set(written.space.parameters) == {"model.lr", "model.dropout", "data.batch_size"}
    assert written.objective.epochs == 3
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    small = ("--set", "search.trials=1", "--set", "objective.epochs=2", "--set", "finalists=null")
    cli.run_warm("run", "config.hpsearch.yaml", *small, "--executor", "inline", PATH=path)
    (trial,) = json.loads(cli.run_warm("show", "config", "--json").stdout)["trials"]
    assert (trial["state"], trial["epochs"]) == ("COMPLETE", 2)
    assert (cli.folder / "config.yaml").read_text() == CONFIG
    assert not (cli.folder / "lightning_logs").exists()


@pytest.mark.slow
def test_a_script_with_a_lightning_cli_needs_no_config(cli):
    (cli.folder / "fit.py").write_text(SCRIPT)
    cli.run_warm("init", "fit.py")
    written = load_space_file(cli.folder / "fit.hpsearch.yaml")
    assert set(written.space.parameters) == {"model.lr", "model.dropout", "data.batch_size"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    small = ("--set", "search.trials=1", "--set", "objective.epochs=2", "--set", "finalists=null")
    cli.run_warm("run", "fit.hpsearch.yaml", *small, "--executor", "inline", PATH=path)
    (trial,) = json.loads(cli.run_warm("show", "fit", "--json").stdout)["trials"]
    assert (trial["state"], trial["epochs"]) == ("COMPLETE", 2)
