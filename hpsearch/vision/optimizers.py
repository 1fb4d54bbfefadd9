"""SGD, Adam, AdamW and RMSprop of torch.optim over two flat parameters that all others are views of.

The update rules are torch.optim's functions, each in its fused form if it has one (RMSprop has none). Its classes do
the same, but the first object of one imports torch's compiler, which adds 1 to 2 s of CPU to a worker's start.
`benchmarks/optimizer.py` measures both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from hpsearch.errors import ObjectiveError

_EPSILON = 1e-8
_BETA2 = 0.999
_ALPHA = 0.99  # of RMSprop, as in torch.optim
_CLIP_EPSILON = 1e-6  # as in torch.nn.utils.clip_grad_norm_
# The first optimizer kept all moments in one vector; its checkpoints have them under these names.
_OLD_NAMES = {"momentum_buffer": "first", "exp_avg": "first", "exp_avg_sq": "second"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """One flat parameter.

    Attributes:
        vector: (n,); the network's parameters are views of it.
        gradient: (n,), likewise.
        weight_decay: Of all its numbers.
        l1: Likewise.
        state: What the update rule keeps from step to step, under torch.optim's names.
    """

    vector: torch.Tensor
    gradient: torch.Tensor
    weight_decay: float
    l1: float
    state: dict[str, torch.Tensor]


class _Rule(NamedTuple):
    """An update rule of torch.optim.

    Attributes:
        begin: Takes a part's vector and the momentum; returns the part's state before the first step.
        update: Takes a part, the learning rate and the momentum; changes the part in place.
    """

    begin: Callable[[torch.Tensor, float], dict[str, torch.Tensor]]
    update: Callable[[_Part, float, float], None]


class FlatOptimizer:
    """Updates a network's parameters.

    Args:
        network: On its device, in its final memory format; its parameters become views of the flat ones.
        kind: `sgd`, `adam`, `adamw` or `rmsprop`.
        momentum: Of `sgd` and `rmsprop`; beta1 of `adam` and `adamw`.
        weight_decay: Decoupled for `adamw`, else an L2 term, as in torch.optim.
        l1: The weight of the sum of the parameters' absolute values in what is minimised: its slope is added to the
            gradient of each step.
        decay_all: Whether weight decay and L1 are on biases and norms too (vectors, all of them).
        nesterov: Whether the momentum of `sgd` is Nesterov's.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        kind: str,
        momentum: float,
        weight_decay: float,
        l1: float = 0.0,
        decay_all: bool = False,
        nesterov: bool = True,
    ) -> None:
        parameters = trained_parameters(network)
        rule = _RULES[kind]
        self._update = partial(_sgd, nesterov=nesterov) if kind == "sgd" else rule.update
        self._momentum = momentum
        self._places = [(_name(p), p.numel()) for p in parameters]
        self._parts: dict[str, _Part] = {}
        for name, own in _grouped(parameters).items():
            decays = decay_all or name == "weights"
            vector, gradient = flattened(own)
            self._parts[name] = _Part(
                vector=vector,
                gradient=gradient,
                weight_decay=weight_decay if decays else 0.0,
                l1=l1 if decays else 0.0,
                state=rule.begin(vector, momentum),
            )

    def zero_grad(self) -> None:
        """Set all gradients to 0."""
        for part in self._parts.values():
            part.gradient.zero_()

    @property
    def vectors(self) -> list[torch.Tensor]:
        """The flat parameters, each (n,), as `packed_parameters` makes them of a copy of the network."""
        return [part.vector for part in self._parts.values()]

    @torch.no_grad()
    def clip(self, *, value: float, norm: float) -> None:
        """Bound the gradients, first each number, then all of them together; nothing is read from the device.

        Args:
            value: The largest absolute value of a number; 0 leaves the gradients as they are.
            norm: The largest Euclidean norm of all gradients together, as in torch.nn.utils.clip_grad_norm_; likewise.
        """
        gradients = [part.gradient for part in self._parts.values()]
        if value:
            for gradient in gradients:
                gradient.clamp_(-value, value)
        if norm:
            total = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
            factor = (norm / (total + _CLIP_EPSILON)).clamp(max=1.0)
            for gradient in gradients:
                gradient.mul_(factor)

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update the parameters by their gradients."""
        for part in self._parts.values():
            if part.l1:
                part.gradient.add_(part.vector.sign(), alpha=part.l1)
            self._update(part, lr, self._momentum)

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` takes; the parameters themselves are the network's."""
        return {name: part.state for name, part in self._parts.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state, also from one that an earlier release saved.

        Raises:
            ObjectiveError: It is of another optimizer or network.
        """
        if "steps" in state:
            state = self._converted(state)
        found, allowed = _shapes(state), _shapes(self.state_dict())
        if found != allowed:
            raise ObjectiveError(f"the checkpoint has an optimizer state of the shapes {found}; allowed: {allowed}")
        for name, part in self._parts.items():
            for key, value in part.state.items():
                value.copy_(state[name][key])

    def _converted(self, old: Mapping[str, Any]) -> dict[str, dict[str, torch.Tensor]]:
        """Return the state of an earlier release, whose moments lie in one vector in the order of the parameters."""
        names, sizes = zip(*self._places, strict=True)
        made: dict[str, dict[str, torch.Tensor]] = {name: {} for name in self._parts}
        for name, part in self._parts.items():
            for key in part.state:
                if key == "step":
                    made[name][key] = torch.tensor(float(old["steps"]))
                elif (moments := old.get(_OLD_NAMES.get(key, ""))) is not None and len(moments) == sum(sizes):
                    pieces = zip(names, moments.split(sizes), strict=True)
                    made[name][key] = torch.cat([piece for owner, piece in pieces if owner == name])
        return made


def _shapes(state: Mapping[str, Mapping[str, torch.Tensor]]) -> dict[str, dict[str, tuple[int, ...]]]:
    return {name: {key: tuple(value.shape) for key, value in kept.items()} for name, kept in state.items()}


def _name(parameter: torch.Tensor) -> str:
    return "weights" if parameter.ndim > 1 else "vectors"


def _grouped(parameters: list[nn.Parameter]) -> dict[str, list[nn.Parameter]]:
    groups = {name: [p for p in parameters if _name(p) == name] for name in ("weights", "vectors")}
    return {name: own for name, own in groups.items() if own}


def trained_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that an optimizer changes."""
    return [p for p in network.parameters() if p.requires_grad]


def packed_parameters(parameters: list[nn.Parameter]) -> list[torch.Tensor]:
    """Make parameters views of flat ones, without gradients, in the order of `FlatOptimizer.vectors`."""
    return [packed(own) for own in _grouped(parameters).values()]


def flattened(parameters: list[nn.Parameter]) -> tuple[torch.Tensor, torch.Tensor]:
    """Make parameters and their gradients views of two vectors, and return these, each (n,).

    Args:
        parameters: Dense ones of one device and type, with n numbers in all; their values stay.
    """
    vector = packed(parameters)
    gradient = torch.zeros_like(vector)
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.grad = gradient[start:stop].as_strided(parameter.shape, parameter.stride())
        start = stop
    return vector, gradient


def packed(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Make tensors views of one vector, and return it (n,).

    Args:
        tensors: Dense ones of one device and type, with n numbers in all; their values stay.
    """
    vector = torch.cat([_dense(tensor.data) for tensor in tensors])
    start = 0
    for tensor in tensors:
        stop = start + tensor.numel()
        # The strides keep channels_last, which the convolutions were put into.
        tensor.data = vector[start:stop].as_strided(tensor.shape, tensor.stride())
        start = stop
    return vector


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    """Return a dense tensor's numbers in the order in which they lie in memory."""
    return tensor.as_strided((tensor.numel(),), (1,))


def _begin_sgd(vector: torch.Tensor, momentum: float) -> dict[str, torch.Tensor]:
    return {"momentum_buffer": torch.zeros_like(vector)} if momentum else {}


def _sgd(part: _Part, lr: float, momentum: float, *, nesterov: bool = True) -> None:
    sgd(
        [part.vector],
        [part.gradient],
        [part.state.get("momentum_buffer")],
        fused=True,
        weight_decay=part.weight_decay,
        momentum=momentum,
        lr=lr,
        dampening=0.0,
        nesterov=nesterov and momentum > 0,
        maximize=False,
    )


def _begin_adam(vector: torch.Tensor, _momentum: float) -> dict[str, torch.Tensor]:
    step = torch.zeros((), dtype=torch.float32, device=vector.device)
    return {"step": step, "exp_avg": torch.zeros_like(vector), "exp_avg_sq": torch.zeros_like(vector)}


def _adam(part: _Part, lr: float, momentum: float, *, decoupled: bool) -> None:
    adam(
        [part.vector],
        [part.gradient],
        [part.state["exp_avg"]],
        [part.state["exp_avg_sq"]],
        [],
        [part.state["step"]],
        fused=True,
        decoupled_weight_decay=decoupled,
        amsgrad=False,
        beta1=momentum,
        beta2=_BETA2,
        lr=lr,
        weight_decay=part.weight_decay,
        eps=_EPSILON,
        maximize=False,
    )


def _begin_rmsprop(vector: torch.Tensor, momentum: float) -> dict[str, torch.Tensor]:
    # torch counts the steps of RMSprop on the CPU.
    state = {"step": torch.zeros((), dtype=torch.float32), "square_avg": torch.zeros_like(vector)}
    return state | ({"momentum_buffer": torch.zeros_like(vector)} if momentum else {})


def _rmsprop(part: _Part, lr: float, momentum: float) -> None:
    rmsprop(
        [part.vector],
        [part.gradient],
        [part.state["square_avg"]],
        [],
        [part.state["momentum_buffer"]] if momentum else [],
        [part.state["step"]],
        foreach=False,
        lr=lr,
        alpha=_ALPHA,
        eps=_EPSILON,
        weight_decay=part.weight_decay,
        momentum=momentum,
        centered=False,
    )


_RULES: dict[str, _Rule] = {
    "sgd": _Rule(_begin_sgd, _sgd),
    "adam": _Rule(_begin_adam, partial(_adam, decoupled=False)),
    "adamw": _Rule(_begin_adam, partial(_adam, decoupled=True)),
    "rmsprop": _Rule(_begin_rmsprop, _rmsprop),
}
