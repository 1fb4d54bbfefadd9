"""LightningModules as objectives, and the callback in a Trainer of the user's."""

import importlib.util
import json
from itertools import count
from pathlib import Path

import pytest
import torch

from hpsearch.errors import InputError, StudyError
from hpsearch.trial.events import TrialMeasured
from hpsearch.trial.trial import Stage, StopReason
from support.bench import Bench, Stop, results

pytestmark = pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning")  # within Lightning
NUMBERS = count()
HEAD = """
import os
import random

import lightning
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from hpsearch.objectives.frameworks.lightning import HpsearchCallback


def audit(line):
    with open(os.environ["SAMPLE_AUDIT"], "a") as file:
        file.write(line + "\\n")


class Module(lightning.LightningModule):
    def __init__(self, lr):
        super().__init__()
        self.save_hyperparameters({"anything": audit})
        self.lr = lr
        self.net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))

    def training_step(self, batch, _):
        x, y = batch
        loss = ((self.net(x) - y) ** 2).mean() * (1 + 0.1 * random.random() + 0.1 * np.random.rand())
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", ((self.net(batch[0]) - batch[1]) ** 2).mean())

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.trainer.max_epochs)
        return [optimizer], [scheduler]

    def on_train_epoch_end(self):
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        audit(f"epoch {self.current_epoch} step {self.global_step} rate {rate / self.lr:.4f}")

    def teardown(self, stage):
        audit(f"teardown {stage.value}")


def build(config):
    torch.rand(1)
    x = torch.linspace(0, 1, 96).reshape(24, 4)
    data = TensorDataset(x, x.sum(1, keepdim=True))
    return Module(config["lr"]), (DataLoader(data, batch_size=8, shuffle=True), DataLoader(data, batch_size=8))


def train(config, trial):
    module, loaders = build(config)
    callback = HpsearchCallback(trial)
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=callback.epochs, logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, check_val_every_n_epoch=2, callbacks=[callback],
    )
    trainer.fit(module, *loaders, ckpt_path=callback.resume_from)
"""
TRAINER = {"gradient_clip_val": 1.0, "accumulate_grad_batches": 2}


def space(bench: Bench, objective: dict | None = None, code: str = HEAD, **changes: object) -> Path:
    name = f"lightning_{next(NUMBERS)}"
    (bench.folder / f"{name}.py").write_text(code)
    objective = objective or {"lightning": "build", "trainer": TRAINER}
    named = {key: f"{name}:{value}" if key in ("lightning", "python") else value for key, value in objective.items()}
    raw = {
        "study": "sample",
        "metric": "val_loss",
        "direction": "minimize",
        "objective": {"epochs": 4, **named},
        "space": {"lr": {"loguniform": [1e-3, 1e-1]}},
        "search": {"trials": 2},
        "keep_checkpoints": 1,
        "finalists": None,
        **changes,
    }
    path = bench.folder / "sample.yaml"
    path.write_text(json.dumps(raw))
    return path


def checkpoint(study) -> dict:
    """Return the one that is kept: of the best trial's best epoch."""
    (path,) = study.folder.rglob("epoch-*.pt")
    return torch.load(path, weights_only=True)


def same(one, other) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def test_an_interrupted_trial_goes_on_bitwise(bench: Bench, capfd):
    whole = bench.run(space(bench), name="whole")
    once = bench.audited("epoch")
    bench.audit.write_text("")
    bench.stop_at(TrialMeasured, 6)
    with pytest.raises(Stop):
        bench.run(space(bench), name="broken")
    bench.watch = lambda _: None
    resumed = bench.resume("broken")
    assert results(resumed) == results(whole)
    assert same(checkpoint(resumed), checkpoint(whole))
    assert bench.audited("epoch") == once  # none is done twice, and schedules span all epochs
    assert not list(resumed.folder.rglob("*.ckpt"))
    assert capfd.readouterr() == ("", "")
    records = whole.store.records(Stage.SEARCH)
    assert [sorted(record.values) for record in records] == [[1, 2, 3, 4]] * 2


def test_a_diverged_trial_ends_with_all_hooks_and_measures_no_more(bench: Bench):
    code = HEAD.replace('self.log("val_loss", (', 'self.log("val_loss", float("nan") if self.current_epoch == 1 else (')
    with pytest.raises(StudyError, match="2 diverged"):
        bench.run(space(bench, code=code))
    records = bench.load().store.records(Stage.SEARCH)
    assert {(record.stop_reason, len(record.values)) for record in records} == {(StopReason.DIVERGED, 2)}
    assert bench.audited("teardown") == ["teardown fit"] * 2
    assert len(bench.audited("epoch")) == 4


def test_a_trainer_of_the_users_is_measured_where_it_validates_and_resumes(bench: Bench):
    own = {"python": "train"}
    whole = bench.run(space(bench, own), name="whole")
    bench.stop_at(TrialMeasured, 3)
    with pytest.raises(Stop):
        bench.run(space(bench, own), name="broken")
    bench.watch = lambda _: None
    assert results(bench.resume("broken")) == results(whole)
    assert [sorted(record.values) for record in whole.store.records(Stage.SEARCH)] == [[2, 4]] * 2


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ({"max_epochs": 3}, r"objective\.trainer\.max_epochs: hpsearch sets it; allowed: .*precision"),
        ({"precison": 16}, r"objective\.trainer\.precison: .*no such argument.*did you mean 'precision'"),
    ],
)
def test_arguments_of_the_trainer_are_checked_before_anything_runs(bench: Bench, trainer: dict, message: str):
    path = space(bench, {"lightning": "build", "trainer": trainer})
    with pytest.raises(InputError, match=message):
        bench.run(path)
    assert not bench.studies.exists() or not list(bench.studies.iterdir())


@pytest.mark.parametrize(
    ("name", "message"), [("NUMBER", "is a int, which can't be called"), ("audit2", "no 'audit2'")]
)
def test_something_else_is_refused(bench: Bench, name: str, message: str):
    path = space(bench, {"lightning": name}, HEAD + "\n\nNUMBER = 3\n")
    with pytest.raises(InputError, match=message):
        bench.run(path)


def test_without_lightning_the_extra_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "lightning" else find_spec(name))
    with pytest.raises(InputError, match=r'pip install "hpsearch\[lightning\]"'):
        bench.run(space(bench))


def test_what_is_no_module_with_data_is_said(bench: Bench):
    with pytest.raises(StudyError, match=r"allowed: .module, data."):
        bench.run(space(bench, code=HEAD.replace('return Module(config["lr"]),', "return 3,")))
