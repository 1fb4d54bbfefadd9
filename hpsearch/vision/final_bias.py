"""The last layer's bias before the first step."""

from __future__ import annotations

import torch
from torch import nn

from hpsearch.errors import ObjectiveError


@torch.no_grad()
def set_final_bias(network: nn.Module, labels: torch.Tensor, classes: int) -> None:
    """Set the bias of the last layer so that a network without any knowledge predicts the classes' frequencies.

    The bias of class k is log(n_k / n_min), with n_k labels of class k, at least 1, and n_min the smallest of them. It
    is log(n_k / n) and a constant, which no probability depends on; it is never negative, because squeezenet has a
    ReLU after its last layer.

    Args:
        network: Its last linear or convolutional layer has an output for each class.
        labels: (n,), int64, of the training split.
        classes: How many there are.

    Raises:
        ObjectiveError: The last layer has no bias, or another number of outputs.
    """
    layers = [module for module in network.modules() if isinstance(module, (nn.Linear, nn.Conv2d))]
    bias = layers[-1].bias if layers else None
    if bias is None or len(bias) != classes:
        msg = f"final_bias: frequencies: the model's last layer has no bias of {classes} numbers; allowed: random"
        raise ObjectiveError(msg)
    logs = torch.bincount(labels, minlength=classes).clamp(min=1).double().log()
    bias.copy_(logs - logs.min())
