"""Logits and probabilities of a trained network."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch

from hpsearch.vision.models import Network, NetworkSpec

if TYPE_CHECKING:
    import numpy as np

_BATCH = 1024  # images; halved until the GPU can hold them


def logits_of(network: Network, images: torch.Tensor, autocast: AbstractContextManager[Any]) -> torch.Tensor:
    """Return float32 logits (n, n_classes) of images (n, n_channels, height, width), in evaluation mode."""
    network.eval()
    batch = min(_BATCH, len(images))
    while True:
        try:
            with torch.inference_mode(), autocast:
                return torch.cat([network(part).float() for part in torch.split(images, batch)])
        except torch.cuda.OutOfMemoryError:
            if batch == 1:
                raise
        batch //= 2
        torch.cuda.empty_cache()


def restored_network(checkpoint: dict[str, Any], device: torch.device) -> Network:
    """Return the network of a checkpoint on a device."""
    network = NetworkSpec(**checkpoint["network"]).build()
    network.load_state_dict(checkpoint["model"])
    return network.to(device)


def probabilities_of(network: Network, images: torch.Tensor, autocast: AbstractContextManager[Any]) -> np.ndarray:
    """Return class probabilities (n, n_classes), float32, of images (n, n_channels, height, width)."""
    probabilities: np.ndarray = logits_of(network, images, autocast).softmax(1).cpu().numpy()
    return probabilities
