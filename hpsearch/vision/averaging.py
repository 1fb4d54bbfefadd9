"""An exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

from hpsearch.vision.models import Network
from hpsearch.vision.optimizers import FlatOptimizer, packed, packed_parameters, trained_parameters


class WeightAverage:
    """Keeps a second network whose weights and norm statistics are the average of the trained one's.

    After the step number s, from 0, each number a of the average becomes d a + (1 - d) w, where w is the trained one's
    and d = min(decay, (1 + s) / (10 + s)). So the first weights, which are random, are soon forgotten: the rule is that
    of TensorFlow's ExponentialMovingAverage.

    Args:
        network: With its first weights.
        optimizer: Of this network.
        decay: The share of the average that a step keeps, above 0 and below 1.

    Attributes:
        network: The one with the averages. Its integer buffers are copies.
    """

    def __init__(self, network: Network, optimizer: FlatOptimizer, decay: float) -> None:
        self.network = _copy(network)
        self._trained, self._decay = network, decay
        self._pairs = list(zip(packed_parameters(trained_parameters(self.network)), optimizer.vectors, strict=True))
        # One vector again: an average of each buffer by itself would take many more launches on a GPU.
        self._pairs += [(packed(_float_buffers(self.network)), packed(_float_buffers(network)))]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the trained network's weights into the average.

        Args:
            step: The number of steps before the one that led to these weights.
        """
        decay = min(self._decay, (1 + step) / (10 + step))
        for average, trained in self._pairs:
            average.lerp_(trained, 1 - decay)

    @torch.no_grad()
    def copy_counters(self) -> None:
        """Give the average the trained network's integer buffers, such as the batches that a norm has seen."""
        for average, trained in zip(self.network.buffers(), self._trained.buffers(), strict=True):
            if not trained.is_floating_point():
                average.copy_(trained)


def _copy(network: Network) -> Network:
    # The parameters are views of the optimizer's vectors; a deep copy of a view would copy the whole vector each time.
    memo = {id(p): nn.Parameter(p.detach().clone(), requires_grad=p.requires_grad) for p in network.parameters()}
    return copy.deepcopy(network, memo)


def _float_buffers(network: Network) -> list[torch.Tensor]:
    """Return the buffers to average; there are always the mean and the scale of the images."""
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]
