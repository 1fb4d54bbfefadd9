"""Objectives of the chaos suite: small, exact, with random state of many kinds, and a trace of each epoch.

In a driver with CHAOS_KILL_AT=N in its environment, the import kills the process at its N-th change of a study's files;
CHAOS_KILL_IN="trials 0 4" kills it at the start of that trial's fourth epoch.
"""

from __future__ import annotations

import math
import os
import random
import signal
import sys

import numpy as np

from sample_objectives import Classifier, audit

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = {"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree", "sqlite3.connect"}


def _changes(event: str, arguments: tuple) -> bool:
    """Return whether an audit event of Python announces a change of a file in the studies directory."""
    if event == "open":
        return isinstance(arguments[2], int) and bool(arguments[2] & _WRITES) and "/studies/" in str(arguments[0])
    return event in _CHANGES and "/studies" in str(arguments[0])


def _arm(left: int) -> None:
    """Kill this process before its `left`-th change of a file or write to a database."""
    import sqlalchemy as sa

    driver = os.getpid()

    def tick(*_arguments: object, **_named: object) -> None:
        nonlocal left
        left -= 1
        if left == 0 and os.getpid() == driver:
            os.kill(driver, signal.SIGKILL)

    def watch(event: str, arguments: tuple) -> None:
        if _changes(event, arguments):
            tick()

    sys.addaudithook(watch)
    sa.event.listen(sa.engine.Engine, "begin", tick)
    sa.event.listen(sa.engine.Engine, "commit", tick)


if "CHAOS_KILL_AT" in os.environ:
    _arm(int(os.environ["CHAOS_KILL_AT"]))


def _measured(config, place: float, epoch: int) -> dict[str, float]:
    """Return an epoch's metrics: near the best learning rate a walk decides them; a large weight decay diverges."""
    if config["wd"] > 0.9 and epoch >= 3:
        return {"score": math.nan, "place": place}
    return {"score": -((math.log10(config["lr"]) + 1.5) ** 2) / 4 + 0.1 * place, "place": place}


def _step() -> float:
    """Return a step of the generators that a trial gets seeded: Python's, NumPy's and torch's."""
    import torch

    return random.gauss(0, 1) + float(np.random.standard_normal()) + torch.randn(()).item()  # noqa: NPY002


def _starts(trial, epoch: int) -> None:
    """Leave a trace of an epoch at its start, or end there."""
    start = f"{trial.dir.parent.parent.name} {trial.number} {epoch}"
    audit(f"{start} {trial.dir.name}")
    if start == os.environ.get("CHAOS_KILL_IN"):
        os.kill(os.getpid(), signal.SIGKILL)


class Walker(Classifier):
    """Walk at random by four generators, one of them its own; trials of an odd number save every second epoch."""

    def train(self, config, trial):
        import torch

        own = torch.Generator().manual_seed(trial.seed)
        state = trial.load_checkpoint()
        place = 0.0
        if state is not None:
            place = state["place"]
            own.set_state(state["generator"])
        for epoch in trial.epochs():
            _starts(trial, epoch)
            place += _step() + torch.randn((), generator=own).item()
            if epoch % (1 + trial.number % 2) == 0:
                centres = torch.tensor([[0.0, 0.0], [1.2 + 0.1 * math.tanh(place), 1.2]])
                trial.save_checkpoint(
                    {"place": place, "generator": own.get_state(), "centres": centres, "sharpness": config["lr"] * 20}
                )
            yield _measured(config, place, epoch)


class Forgetful(Walker):
    """Begin anew each time; the tormentor must notice."""

    def train(self, config, trial):
        yield from super().train(config, _Blank(trial, loads=False))


class Careless(Walker):
    """Go on at the right epoch with a new model; the tormentor must notice that too."""

    def train(self, config, trial):
        yield from super().train(config, _Blank(trial, loads=True))


class _Blank:
    """A trial that seems to have no checkpoint."""

    def __init__(self, trial, loads):
        self._trial, self._loads = trial, loads

    def __getattr__(self, name):
        return getattr(self._trial, name)

    def load_checkpoint(self):
        if self._loads:
            self._trial.load_checkpoint()


def walk(config, trial):
    """Walk at random, and report."""
    state = trial.load_checkpoint()
    place = 0.0 if state is None else state["place"]
    for epoch in trial.epochs():
        _starts(trial, epoch)
        place += _step()
        trial.report(_measured(config, place, epoch), checkpoint={"place": place})


def loader(config, trial):
    """Train with a DataLoader that has a generator of its own, momentum, a schedule, dropout and noise."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    points = torch.randn(48, 4, generator=torch.Generator().manual_seed(0))
    labels = (points.sum(dim=1) > 0).long()
    order = torch.Generator().manual_seed(trial.seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6)
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    batches = DataLoader(TensorDataset(points, labels), batch_size=16, shuffle=True, generator=order)
    others = DataLoader(TensorDataset(points), batch_size=16, shuffle=True)  # by torch's own generator
    state = trial.load_checkpoint()
    if state is not None:
        for name, part in parts.items():
            part.load_state_dict(state[name])
        order.set_state(state["order"])
    for _ in trial.epochs():
        for (x, y), (z,) in zip(batches, others, strict=True):
            noise = random.gauss(0, 0.1) + float(np.random.standard_normal()) * 0.1  # noqa: NPY002 - the one that is restored
            loss = nn.functional.cross_entropy(model(x + noise), y) + 0.01 * model(z).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
        trial.save_checkpoint({**{name: part.state_dict() for name, part in parts.items()}, "order": order.get_state()})
        yield {"score": -loss}
