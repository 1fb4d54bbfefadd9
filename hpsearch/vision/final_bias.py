"""The last layer's bias before the first step."""

from __future__ import annotations

import torch
from torch import nn

from hpsearch.errors import FieldError, ObjectiveError
from hpsearch.vision.data import facts
from hpsearch.vision.models import NetworkSpec
from hpsearch.vision.section import ImageClassifier


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


def check_final_bias(settings: ImageClassifier) -> None:
    """Refuse a model whose last layer has no bias for each class; it is built on the meta device, without weights.

    Raises:
        FieldError: It is such a model.
    """
    data = facts(settings)
    blank = [1.0] * data.channels
    spec = NetworkSpec(
        model=settings.model,
        channels=data.channels,
        side=data.side,
        classes=data.classes,
        mean=blank,
        std=blank,
        image_size=settings.image_size,
    )
    try:
        with torch.device("meta"):
            network = spec.build()
        set_final_bias(network, torch.arange(spec.classes), spec.classes)
    except NotImplementedError:
        return  # a regnet_* computes with its weights while it is built; its last layer has a bias
    except ObjectiveError as error:
        found = f"the last layer of {settings.model} has no bias of {spec.classes} numbers"
        raise FieldError(("space", "final_bias"), found, "random") from error
