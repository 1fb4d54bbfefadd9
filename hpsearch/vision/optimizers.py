"""SGD with momentum and AdamW over one flat vector that all parameters are views of.

torch.optim works parameter by parameter, and its first use imports the compiler: on a CPU that was half a millisecond
of a 4 ms step of `small_cnn`, and seconds of a worker's start. The update rules are torch.optim's; the tests compare.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

_EPSILON = 1e-8
_BETA2 = 0.999


class FlatOptimizer:
    """Updates a network's parameters, without weight decay on biases and norms (vectors, all of them).

    Args:
        network: On its device, in its final memory format; its parameters become views of one vector.
        kind: `sgd` (Nesterov's momentum, if there is any) or `adamw` (`momentum` is its beta1).
        weight_decay: Coupled for `sgd`, decoupled for `adamw`, as in torch.optim.
    """

    def __init__(self, network: nn.Module, *, kind: str, momentum: float, weight_decay: float) -> None:
        parameters = [p for p in network.parameters() if p.requires_grad]
        self._kind, self._momentum = kind, momentum
        self._flat = torch.cat([_dense(p.data) for p in parameters])
        self._gradient = torch.zeros_like(self._flat)
        self._decay = torch.cat([p.new_full((p.numel(),), weight_decay if p.ndim > 1 else 0.0) for p in parameters])
        self._decaying = weight_decay > 0
        self._first = torch.zeros_like(self._flat)
        self._second = torch.zeros_like(self._flat) if kind == "adamw" else None
        self._steps = 0
        start = 0
        for parameter in parameters:
            stop = start + parameter.numel()
            # The strides keep channels_last, which the convolutions were put into.
            parameter.data = self._flat[start:stop].as_strided(parameter.shape, parameter.stride())
            parameter.grad = self._gradient[start:stop].as_strided(parameter.shape, parameter.stride())
            start = stop

    def zero_grad(self) -> None:
        """Set all gradients to 0."""
        self._gradient.zero_()

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update the parameters by their gradients."""
        self._steps += 1
        if self._second is None:
            self._sgd(lr)
        else:
            self._adamw(lr, self._second)

    def _sgd(self, lr: float) -> None:
        gradient = self._gradient
        if self._decaying:
            gradient = torch.addcmul(gradient, self._decay, self._flat)
        if self._momentum:
            self._first.mul_(self._momentum).add_(gradient)
            gradient = gradient.add(self._first, alpha=self._momentum)
        self._flat.add_(gradient, alpha=-lr)

    def _adamw(self, lr: float, second: torch.Tensor) -> None:
        gradient, beta1 = self._gradient, self._momentum
        if self._decaying:
            self._flat.addcmul_(self._decay, self._flat, value=-lr)
        self._first.lerp_(gradient, 1 - beta1)
        second.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
        correction = math.sqrt(1 - _BETA2**self._steps)
        denominator = second.sqrt().div_(correction).add_(_EPSILON)
        self._flat.addcdiv_(self._first, denominator, value=-lr / (1 - beta1**self._steps))

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` takes; the parameters themselves are the network's."""
        return {"steps": self._steps, "first": self._first, "second": self._second}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._steps = state["steps"]
        self._first.copy_(state["first"])
        if self._second is not None:
            self._second.copy_(state["second"])


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    """Return a dense tensor's numbers in the order in which they lie in memory."""
    return tensor.as_strided((tensor.numel(),), (1,))
