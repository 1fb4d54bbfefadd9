"""Objectives for the tests: small, exact, and with a trace of every trained epoch."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np

EPOCH_S = float(os.environ.get("SAMPLE_EPOCH_S", "0"))


def audit(line: str) -> None:
    """Append a line to the file that SAMPLE_AUDIT names; one write call, so lines of several processes don't mix."""
    path = os.environ.get("SAMPLE_AUDIT")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def hold() -> None:
    """Once SAMPLE_HOLD lines are audited, wait until a test lets all trials go on."""
    if "SAMPLE_HOLD" in os.environ:
        lines = Path(os.environ["SAMPLE_AUDIT"])
        if len(lines.read_text(encoding="utf-8").splitlines()) >= int(os.environ["SAMPLE_HOLD"]):
            while not lines.with_suffix(".go").exists():
                time.sleep(0.01)


def climb(config, trial):
    """Improve every epoch, by an amount that depends on config and seed; each epoch is audited and checkpointed.

    `saves: false` leaves out the checkpoints, and their import of torch.
    """
    state = trial.load_checkpoint()
    total = 0.0 if state is None else state["total"]
    for epoch in trial.epochs():
        generator = random.Random(f"{trial.seed}/{epoch}")
        total += config["lr"] * (1 + 0.1 * generator.random())
        audit(f"{trial.dir.parent.parent.name} {trial.number} {epoch} {trial.dir.name}")
        time.sleep(EPOCH_S)
        hold()
        if config.get("saves", True):
            trial.save_checkpoint({"total": total, "epoch": epoch})
        yield {"score": total}


def peak(config, trial):
    """Rise to epoch 3, then fall: stalls if there is a patience."""
    for epoch in trial.epochs():
        yield {"score": config["lr"] * (epoch if epoch <= 3 else 3 - 0.1 * epoch)}


def diverge(config, trial):
    for epoch in trial.epochs():
        yield {"score": 1.0 if epoch < 3 else float("nan")}


def fail(config, trial):
    yield {"score": 0.5}
    raise ValueError("the data is bad")


def fail_if_large(config, trial):
    for epoch in trial.epochs():
        if config["lr"] > 0.5:
            raise ValueError(f"lr {config['lr']} is too large")
        yield {"score": config["lr"] * epoch}


def report(config, trial):
    for epoch in trial.epochs():
        trial.report({"score": config["lr"] * epoch}, checkpoint={"epoch": epoch})


def die_once(config, trial):
    """End the process in epoch 3 of the first attempt: silently, or by a signal that may be caught."""
    trial.load_checkpoint()
    for epoch in trial.epochs():
        if epoch == 3 and trial.dir.name == "attempt-1":
            with suppress(SystemExit) if config.get("catches") else nullcontext():
                os.kill(os.getpid(), config.get("signal", signal.SIGKILL))
        trial.save_checkpoint({"epoch": epoch})
        audit(f"{trial.number} {epoch} {trial.dir.name}")
        yield {"score": float(epoch)}


def die_always(config, trial):
    os._exit(7)
    yield {}


def hang(config, trial):
    yield {"score": 1.0}
    while True:
        time.sleep(0.05)


def environment(config, trial):
    """Write a worker's view to a file, and wait until `config["together"]` trials have done so."""
    folder = Path(config["folder"])
    seen = f"{os.environ.get('CUDA_VISIBLE_DEVICES')}"
    (folder / f"seen-{trial.number}").write_text(seen)
    end = time.monotonic() + 200
    while len(list(folder.glob("seen-*"))) < config["together"]:
        if time.monotonic() > end:
            raise TimeoutError("the trials did not run at once")
        time.sleep(0.02)
    yield {"score": 1.0}


def threads(config, trial):
    import torch

    yield {"score": float(torch.get_num_threads()), "cuda": float(os.environ.get("CUDA_VISIBLE_DEVICES") == "")}


class Classifier:
    """A nearest-mean classifier on two blobs; `lr` sharpens its probabilities; reading a split is audited."""

    def setup(self, device):
        self.data = {}
        for index, split in enumerate(("train", "val", "test")):
            rng = np.random.default_rng(index)
            labels = rng.integers(0, 2, 80)
            self.data[split] = (rng.normal(size=(80, 2)) + 1.2 * labels[:, None], labels)

    def train(self, config, trial):
        import torch

        rng = np.random.default_rng(trial.seed)
        x, y = self.data["train"]
        keep = rng.permutation(80)[:40]
        centres = np.stack([x[keep][y[keep] == k].mean(axis=0) for k in (0, 1)])
        for epoch in trial.epochs():
            trial.save_checkpoint({"centres": torch.from_numpy(centres), "sharpness": config["lr"] * epoch})
            probabilities, labels = self.predict({"centres": centres, "sharpness": config["lr"] * epoch}, "val")
            yield {"score": float((probabilities.argmax(axis=1) == labels).mean() - 0.01 / epoch)}

    def predict(self, checkpoint, split):
        audit(f"read {split}")
        x, y = self.data[split]
        centres = np.asarray(checkpoint["centres"])
        logits = -checkpoint["sharpness"] * ((x[:, None, :] - centres[None]) ** 2).sum(axis=2)
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True), y


def sink(config, trial):
    """Be best in epoch 1, and checkpoint each epoch."""
    for epoch in trial.epochs():
        trial.save_checkpoint({"epoch": epoch})
        yield {"score": config["lr"] / epoch}


def diverge_in_one_replicate(config, trial):
    """Score the learning rate; the second seed of the best config diverges when it is retrained."""
    finalist = trial.dir.parent.parent.name == "finalists"
    for epoch in trial.epochs():
        score = config["lr"] + 1e-6 * random.Random(trial.seed).random() * epoch
        yield {"score": float("nan") if finalist and trial.number == 1 else score}


def fail_on_demand(config, trial):
    """Fail, each trial in another way, while the working directory has a file `broken`."""
    if Path("broken").exists():
        raise ValueError(f"the data of trial {trial.number} is bad")
    for epoch in trial.epochs():
        yield {"score": config["lr"] * epoch}


class ConstantClassifier(Classifier):
    """Score the same whatever the config."""

    def train(self, config, trial):
        for measured in super().train({**config, "lr": 1.0}, trial):
            yield measured | {"score": 0.5}


class ForgetfulClassifier(Classifier):
    """Save no checkpoint."""

    def train(self, config, trial):
        for epoch in trial.epochs():
            yield {"score": config["lr"] * epoch}


class BreakableClassifier(Classifier):
    """Predict for the driver only while the working directory has no file `broken`."""

    def train(self, config, trial):
        for epoch in trial.epochs():
            trial.save_checkpoint({"centres": [[0.0, 0.0], [1.0, 1.0]], "sharpness": config["lr"] * epoch})
            yield {"score": config["lr"] * epoch}

    def predict(self, checkpoint, split):
        if Path("broken").exists():
            raise ValueError("no predictions today")
        return super().predict(checkpoint, split)


class ShapelessClassifier(BreakableClassifier):
    """Predict another class from the second checkpoint on."""

    calls = 0

    def predict(self, checkpoint, split):
        probabilities, labels = super().predict(checkpoint, split)
        self.calls += 1
        if self.calls > 1:
            probabilities = np.pad(probabilities, ((0, 0), (0, 1)))
        return probabilities, labels


class ShuffledClassifier(BreakableClassifier):
    """Return the samples in another order from the second checkpoint on."""

    calls = 0

    def predict(self, checkpoint, split):
        probabilities, labels = super().predict(checkpoint, split)
        self.calls += 1
        return probabilities, labels if self.calls == 1 else labels[::-1].copy()


class DyingClassifier(BreakableClassifier):
    """End the process in the first prediction of all."""

    def predict(self, checkpoint, split):
        if not Path("died").exists():
            Path("died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(checkpoint, split)


class DeadlyClassifier(BreakableClassifier):
    """End the process in every prediction, as long as the file `deadly` exists."""

    def predict(self, checkpoint, split):
        if Path("deadly").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(checkpoint, split)


def planted(config, trial):
    """Be best at a learning rate of 10 in every epoch; weight decay hardly matters."""
    for _ in trial.epochs():
        yield {"score": -((math.log10(config["lr"]) - 1) ** 2) - 0.01 * config.get("wd", 0.0)}


def any_config(config, trial):
    """Take any config, and audit it; the last epoch is the best."""
    audit(json.dumps(config))
    for epoch in trial.epochs():
        yield {"score": random.Random(repr(sorted(config.items()))).random() + epoch}


def diverge_in_trial_0(config, trial):
    """In the first trial, begin with a value that no other reaches, and diverge."""
    for epoch in trial.epochs():
        first = 99.0 if epoch < 3 else math.nan
        yield {"score": first if trial.number == 0 else config["lr"]}


def plateau(config, trial):
    """Hardly depend on the config: another seed changes more."""
    for epoch in trial.epochs():
        generator = random.Random(f"{trial.seed}/{epoch}")
        trial.save_checkpoint({"epoch": epoch})
        yield {"score": 0.9 + 0.0001 * config["lr"] + 0.01 * generator.random()}
