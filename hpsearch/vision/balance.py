"""Classes of unequal size: weights by inverse frequency, for the loss or for drawing images."""

from __future__ import annotations

import torch


def class_weights(labels: torch.Tensor) -> torch.Tensor:
    """Return the weight of each class: inverse to its size, and 1 in the mean over all images.

    Args:
        labels: int64, (n_samples,).

    Returns:
        float32, (n_classes,), on the labels' device, up to the last class that has images.
    """
    sizes = torch.bincount(labels)
    return (len(labels) / (int((sizes > 0).sum()) * sizes.clamp(min=1).double())).float()


def drawn(weights: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return the indices of as many images as there are, drawn with replacement in proportion to their weights.

    Args:
        weights: (n_samples,), on the CPU.
        generator: On the CPU, so that every device draws the same.
    """
    return torch.multinomial(weights, len(weights), replacement=True, generator=generator)
