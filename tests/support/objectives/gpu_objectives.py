"""Objectives that take memory on a real GPU."""

from __future__ import annotations

import torch

MIB = 1 << 20
_KEPT: list[torch.Tensor] = []


def take(config, trial):
    """Hold so many MiB of the trial's device for the whole trial."""
    held = torch.ones(config["mib"] * MIB, dtype=torch.uint8, device=trial.device)
    for epoch in trial.epochs():
        yield {"score": float(held[:10].sum()) + epoch, "on_gpu": float(held.is_cuda)}


def leak(config, trial):
    """Keep so many MiB after the trial's end."""
    _KEPT.append(torch.ones(config["mib"] * MIB, dtype=torch.uint8, device=trial.device))
    for epoch in trial.epochs():
        yield {"score": float(epoch)}


def ask_for_most(config, trial):
    """Hold a share of the whole GPU, of which two trials do not fit beside each other."""
    room = torch.cuda.get_device_properties(0).total_memory
    held = torch.ones(int(config["share"] * room), dtype=torch.uint8, device=trial.device)
    for epoch in trial.epochs():
        yield {"score": float(held[:10].sum()) + epoch}
