"""Training one trial: batches, schedule, steps, and what a checkpoint holds.

All randomness is a function of (seed, epoch), because each epoch seeds its own generators. So a checkpoint needs no
random state, and a resumed trial is bitwise the one that was never interrupted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch

from hpsearch.errors import ObjectiveError
from hpsearch.trial.seeding import derive_seed
from hpsearch.vision.augment import augmented
from hpsearch.vision.averaging import WeightAverage
from hpsearch.vision.balance import class_weights, drawn
from hpsearch.vision.losses import training_loss
from hpsearch.vision.metrics import classification_metrics
from hpsearch.vision.models import Network
from hpsearch.vision.optimizers import FlatOptimizer
from hpsearch.vision.parameters import Hyperparameters
from hpsearch.vision.predictions import logits_of


class Tensors(NamedTuple):
    """One split on a device.

    Attributes:
        images: uint8, (n_samples, n_channels, height, width).
        labels: int64, (n_samples,).
    """

    images: torch.Tensor
    labels: torch.Tensor


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Return the context of a forward pass: bfloat16 on a GPU if asked for, else no change."""
    if precision == "bf16" and device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


@contextmanager
def deterministic() -> Iterator[None]:
    """Let cuDNN take only algorithms that give the same bits each time; without it a resumed trial is another one."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before


def batch_sizes(samples: int, batch_size: int) -> list[int]:
    """Return the sizes of an epoch's batches.

    A single sample that is left over joins the batch before it, because batch norm can't train on one.
    """
    full, rest = divmod(samples, batch_size)
    if rest == 1 and full:
        return [*[batch_size] * (full - 1), batch_size + 1]
    return [*[batch_size] * full, *([rest] if rest else [])]


class Trainer:
    """Trains a network, epoch by epoch.

    Args:
        network: On its device.
        data: The train split, on the same device.
        hyper: The config's hyperparameters.
        epochs: The full length, which the schedule spans.
        seed: The trial's.
        precision: `fp32` or `bf16`.
        log: Gets a warning when GPU memory runs out.

    Attributes:
        parts: The number of micro-batches that a batch is cut into. It doubles when GPU memory runs out.
        average: The average of the weights, if the config has one.
        evaluated: The network to evaluate: the one with the averaged weights, or the trained one.
    """

    def __init__(
        self,
        network: Network,
        data: Tensors,
        hyper: Hyperparameters,
        *,
        epochs: int,
        seed: int,
        precision: str,
        log: logging.Logger,
    ) -> None:
        self.network, self.data, self.hyper = network, data, hyper
        self.seed, self.log = seed, log
        self.parts = 1
        self.class_weights = None if hyper.balance == "none" else class_weights(data.labels)
        self.precision = precision
        self.sizes = batch_sizes(len(data.labels), hyper.batch_size)
        self.steps = epochs * len(self.sizes)
        self.schedule = hyper.lr_schedule
        self.optimizer = FlatOptimizer(
            network,
            kind=hyper.optimizer,
            momentum=hyper.momentum,
            weight_decay=hyper.weight_decay,
            l1=hyper.l1,
            decay_all=hyper.weight_decay_on == "all",
            nesterov=hyper.nesterov,
        )
        self.average = WeightAverage(network, self.optimizer, hyper.ema_decay) if hyper.ema_decay else None
        self.evaluated = self.average.network if self.average else network

    def state(self, epoch: int) -> dict[str, Any]:
        """Return what `restore` takes.

        Args:
            epoch: The last one that was trained.
        """
        trained = {"trained": self.network.state_dict()} if self.average else {}
        return {
            "epoch": epoch,
            "model": self.evaluated.state_dict(),
            **trained,
            "optimizer": self.optimizer.state_dict(),
            "scheduler": {"step": epoch * len(self.sizes), "steps": self.steps},
            "random": {"seed": self.seed, "epoch": epoch},
            "parts": self.parts,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises:
            ObjectiveError: It was made with another seed, another length of the schedule or another optimizer.
        """
        made = (state["scheduler"]["steps"], state["random"]["seed"])
        if made != (self.steps, self.seed):
            raise ObjectiveError(
                f"the checkpoint is of a schedule of {made[0]} steps with seed {made[1]}; "
                f"allowed: {self.steps} steps with seed {self.seed}"
            )
        self.evaluated.load_state_dict(state["model"])
        if self.average:
            self.network.load_state_dict(state["trained"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.parts = state["parts"]

    @deterministic()
    def epoch(self, number: int) -> dict[str, float]:
        """Train one epoch.

        Args:
            number: From 1.

        Returns:
            `train_loss` (what is minimised, but for weight decay and L1) and `train_accuracy`, averaged over the
            epoch's images, each seen by the network as it was at that step.
        """
        torch.manual_seed(derive_seed(self.seed, "dropout", number))
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "order", number))
        device = self.data.labels.device
        order = self._order(generator).to(device)
        self.network.train()
        losses, outputs = [], []
        for position, batch in enumerate(torch.split(order, self.sizes)):
            images = augmented(self.data.images.index_select(0, batch), self.hyper.augment, generator)
            step = (number - 1) * len(self.sizes) + position
            loss, logits = self._step(images, self.data.labels.index_select(0, batch), self._lr(step))
            if self.average:
                self.average.update(step)
            losses.append(loss)
            outputs.append(logits)
        if self.average:
            self.average.copy_counters()
        # Read once, at the end: each read of a result waits for the GPU.
        weights = torch.tensor(self.sizes, dtype=torch.float32, device=device)
        hits = torch.cat(outputs).argmax(1) == self.data.labels[order]
        return {
            "train_loss": float((torch.stack(losses) * weights).sum() / weights.sum()),
            "train_accuracy": float(hits.float().mean()),
        }

    def _order(self, generator: torch.Generator) -> torch.Tensor:
        if self.class_weights is not None and self.hyper.balance == "resample":
            return drawn(self.class_weights[self.data.labels].cpu(), generator)
        return torch.randperm(len(self.data.labels), generator=generator)

    def _lr(self, step: int) -> float:
        return self.hyper.lr * self.schedule.factor(step, self.steps, self.hyper.warmup_epochs * len(self.sizes))

    def _step(self, images: torch.Tensor, labels: torch.Tensor, lr: float) -> tuple[torch.Tensor, torch.Tensor]:
        while True:
            self.optimizer.zero_grad()
            try:
                loss, logits = self._backward(images, labels)
                break
            except torch.cuda.OutOfMemoryError:
                if self.parts >= len(labels):
                    raise
            # The cache is emptied out here, where the error is gone, and with it the tensors that its frames held.
            self.parts *= 2
            torch.cuda.empty_cache()
            self.log.warning("out of GPU memory: going on with each batch in %d parts", self.parts)
        self.optimizer.clip(value=self.hyper.clip_value, norm=self.hyper.clip_norm)
        self.optimizer.step(lr)
        return loss, logits

    def _backward(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Accumulate the gradient of the batch's mean loss; return that and the logits (n, n_classes)."""
        if self.parts == 1:
            return self._backward_part(images, labels, 1.0)
        parts = min(self.parts, len(labels))
        split = zip(images.tensor_split(parts), labels.tensor_split(parts), strict=True)
        done = [self._backward_part(part, target, len(target) / len(labels)) for part, target in split]
        return torch.stack([loss for loss, _ in done]).sum(), torch.cat([logits for _, logits in done])

    def _backward_part(
        self, images: torch.Tensor, labels: torch.Tensor, share: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with autocast(images.device, self.precision):
            logits = self.network(images)
        loss = training_loss(
            logits.float(),
            labels,
            focal_gamma=self.hyper.focal,
            label_smoothing=self.hyper.label_smoothing,
            class_weights=self.class_weights if self.hyper.balance == "weights" else None,
        )
        loss = loss * share if share < 1 else loss
        loss.backward()  # type: ignore[no-untyped-call] # torch's own annotation is missing
        return loss.detach(), logits.detach()


@deterministic()
def evaluate(network: Network, data: Tensors, precision: str) -> dict[str, float]:
    """Return the metrics of `classification_metrics`, each as `val_...`; the loss is cross-entropy in every config."""
    logits = logits_of(network, data.images, autocast(data.labels.device, precision))
    return {f"val_{name}": value for name, value in classification_metrics(logits, data.labels).items()}
