"""The hyperparameters that the built-in objective knows, and the values that they may have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.space.distributions import Choice, Range
from hpsearch.space.space import Space
from hpsearch.text import FieldPath, nearest

OWN_MODELS = ("small_cnn", "mlp")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hyperparameters:
    """What a config says about training; the defaults train every data set reasonably.

    Attributes:
        lr: The learning rate at its highest, after the warm-up.
        batch_size: Images in a step; an incomplete last batch is a step too.
        weight_decay: An L2 term for `sgd`, decoupled for `adamw`. Norms and biases have none.
        dropout: The probability of every dropout layer. A model without such a layer gets one before its last linear
            layer. None leaves the model as it is.
        momentum: Nesterov momentum of `sgd`, beta1 of `adamw`.
        label_smoothing: The share of the target that is spread over all classes, in training only.
        balance: What is done about classes of unequal size, in training only: `weights` weighs each image's loss by the
            inverse frequency of its class, `resample` draws images with replacement by these weights.
        warmup_epochs: Epochs, or a part of one, over which the learning rate rises linearly.
        augment: `crop` shifts by up to an eighth of the side, mirrored at the border; `flip` mirrors left to right.
        width: Channels of the first layer of `small_cnn`, hidden units of `mlp`; None is the model's default.
    """

    lr: float = 3e-3
    batch_size: int = 64
    weight_decay: float = 1e-4
    dropout: float | None = None
    momentum: float = 0.9
    optimizer: str = "adamw"
    label_smoothing: float = 0.0
    balance: str = "none"
    warmup_epochs: float = 1.0
    augment: str = "none"
    width: int | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Hyperparameters:
        """Return a config's hyperparameters, with defaults for those that it lacks.

        Raises:
            FieldError: One is unknown, or can't have that value.
        """
        for name, value in config.items():
            _rule(name).check(value, ("space", name))
        return cls(**config)


@dataclass(frozen=True, slots=True)
class _Number:
    """Numbers between bounds.

    Attributes:
        open_low: Whether the lower bound itself is excluded.
        high: Itself excluded.
    """

    low: float
    high: float = math.inf
    open_low: bool = False
    integer: bool = False

    def check(self, value: object, path: FieldPath) -> None:
        kinds = int if self.integer else (int, float)
        if isinstance(value, kinds) and not isinstance(value, bool):
            above = value > self.low if self.open_low else value >= self.low
            if above and value < self.high:
                return
        raise FieldError(path, f"found {value!r}", str(self))

    def __str__(self) -> str:
        low = f"{'above' if self.open_low else 'from'} {self.low:g}"
        high = f" and below {self.high:g}" if math.isfinite(self.high) else ""
        return f"{'integers' if self.integer else 'numbers'} {low}{high}"


@dataclass(frozen=True, slots=True)
class _Word:
    """One of some words."""

    words: tuple[str, ...]

    def check(self, value: object, path: FieldPath) -> None:
        if value not in self.words:
            raise FieldError(path, f"found {value!r}", ", ".join(self.words), nearest(str(value), self.words))


_RULES: dict[str, _Number | _Word] = {
    "lr": _Number(0, open_low=True),
    "batch_size": _Number(1, integer=True),
    "weight_decay": _Number(0),
    "dropout": _Number(0, 1),
    "momentum": _Number(0, 1),
    "optimizer": _Word(("sgd", "adamw")),
    "label_smoothing": _Number(0, 1),
    "balance": _Word(("none", "weights", "resample")),
    "warmup_epochs": _Number(0),
    "augment": _Word(("none", "crop", "flip", "crop_flip")),
    "width": _Number(1, integer=True),
}


def _rule(name: str) -> _Number | _Word:
    if name not in _RULES:
        known = tuple(_RULES)
        problem = f"{name!r} is not a hyperparameter of the image classifier"
        raise FieldError(("space", name), problem, ", ".join(known), nearest(name, known))
    return _RULES[name]


def check_values(space: Space, name: str) -> None:
    """Refuse a parameter that can have a value which training can't use.

    Raises:
        FieldError: The parameter is unknown, or can have an impossible value.
    """
    rule = _rule(name)
    for value, place in _extremes(space, name):
        rule.check(value, ("space", name, *place))


def _extremes(space: Space, name: str) -> list[tuple[Any, FieldPath]]:
    """Return the ends of a range or the values of a choice, each with its place in the parameter's definition."""
    if name in space.constants:
        return [(space.constants[name], ())]
    distribution = space.parameters[name]
    if isinstance(distribution, Range):
        return [(distribution.low, (distribution.kind, 0)), (distribution.high, (distribution.kind, 1))]
    return [(value, ("choice", _place(distribution, position))) for position, value in enumerate(distribution.values)]


def _place(choice: Choice, position: int) -> str | int:
    name = choice.names[position]
    return position if name == choice.values[position] else str(name)
