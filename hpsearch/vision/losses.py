"""What training minimises."""

from __future__ import annotations

import torch
from torch import nn


def training_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    *,
    focal_gamma: float | None,
    label_smoothing: float,
    class_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the mean loss of a batch.

    The focal loss weighs the cross-entropy of each sample by (1 - p)^gamma, where p is the probability of its label, so
    that samples which are right already count less (Lin et al., Focal Loss for Dense Object Detection, 2017).

    With weights it is the mean of each sample's loss times the weight of its class. torch's own `weight` divides by the
    sum of a batch's weights instead, which cancels them in a batch of one class.

    Args:
        logits: (n, n_classes), float32.
        labels: (n,), int64.
        focal_gamma: From 0; None is cross-entropy, and so is 0, but for its rounding.
        label_smoothing: The share of the target that is spread over all classes.
        class_weights: (n_classes,); None for 1 each.
    """
    if focal_gamma is None and class_weights is None:
        return nn.functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    losses = nn.functional.cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction="none")
    if focal_gamma is not None:
        losses = _misses(logits, labels) ** focal_gamma * losses
    if class_weights is not None:
        losses = losses * class_weights[labels]
    return losses.mean()


def _misses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return 1 - p of each sample's label, (n,), and never 0."""
    log_p = logits.log_softmax(1).gather(1, labels[:, None]).squeeze(1)
    # 1 - p, without the cancellation near p = 1; pow's slope at 0 is infinite for a gamma below 1.
    wrong = -torch.expm1(log_p)
    return wrong.clamp(min=torch.finfo(wrong.dtype).tiny)
