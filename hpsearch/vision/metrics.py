"""The metrics of a split, computed on its device and read from there twice."""

from __future__ import annotations

import torch
from torch import nn

_TOP = 5


def classification_metrics(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Return metrics by name.

    - `loss` and `log_loss`: the mean cross-entropy, in nats
    - `accuracy`: the share of right labels
    - `top5_accuracy`: the share of labels among the five classes with the highest logits
    - `balanced_accuracy`: the mean over the classes in `labels` of the share of each that is right
    - `macro_f1`: the mean of F1 = 2 right / (in labels + predicted) over the classes that are in one of the two

    Args:
        logits: (n, n_classes), float32.
        labels: (n,), int64.
    """
    classes = logits.shape[1]
    predicted = logits.argmax(1)
    top = logits.topk(min(_TOP, classes), dim=1).indices == labels[:, None]
    shares = torch.stack(
        [
            nn.functional.cross_entropy(logits, labels),
            (predicted == labels).float().mean(),
            top.any(1).float().mean(),
        ]
    )
    confusion = torch.bincount(labels * classes + predicted, minlength=classes**2).view(classes, classes)
    loss, accuracy, top5 = shares.tolist()
    balanced, f1 = _by_class(confusion.cpu().double())
    return {
        "loss": loss,
        "accuracy": accuracy,
        "balanced_accuracy": balanced,
        "macro_f1": f1,
        "log_loss": loss,
        "top5_accuracy": top5,
    }


def _by_class(confusion: torch.Tensor) -> tuple[float, float]:
    """Return balanced accuracy and macro F1 of counts (n_classes by label, n_classes by prediction)."""
    right, of_label, of_prediction = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    there, either = of_label > 0, of_label + of_prediction > 0
    recalls = right[there] / of_label[there]
    scores = 2 * right[either] / (of_label + of_prediction)[either]
    return float(recalls.mean()), float(scores.mean())
