"""The hyperparameters that the built-in objective knows, and the values that they may have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.space.distributions import Choice, Range
from hpsearch.space.space import Space
from hpsearch.text import FieldPath, nearest
from hpsearch.vision.schedules import KINDS, Schedule

OWN_MODELS = ("small_cnn", "mlp")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hyperparameters:
    """What a config says about training; the defaults train every data set reasonably.

    Attributes:
        lr: The learning rate at its highest, after the warm-up.
        batch_size: Images in a step; an incomplete last batch is a step too.
        weight_decay: Decoupled for `adamw`, an L2 term for the others.
        dropout: The probability of every dropout layer. A model without such a layer gets one before its last linear
            layer. None leaves the model as it is.
        momentum: Of `sgd` and `rmsprop`; beta1 of `adam` and `adamw`.
        label_smoothing: The share of the target that is spread over all classes, in training only.
        balance: What is done about classes of unequal size, in training only: `weights` weighs each image's loss by the
            inverse frequency of its class, `resample` draws images with replacement by these weights.
        warmup_epochs: Epochs, or a part of one, over which the learning rate rises linearly.
        augment: `crop` shifts by up to an eighth of the side, mirrored at the border; `flip` mirrors left to right.
        width: Channels of the first layer of `small_cnn`, hidden units of `mlp`; None is the model's default.
        schedule: The learning rate's curve after the warm-up, over all epochs. The settings below named `lr_...` are
            those of `Schedule`.
        lr_milestones: Shares of the trial after the warm-up, ascending, in one text such as `0.5 0.75`.
        nesterov: Whether the momentum of `sgd` is Nesterov's.
        weight_decay_on: What has weight decay and L1: `weights` leaves norms and biases out, `all` does not.
        l1: The weight of the parameters' absolute values in what is minimised.
        clip_norm: The largest norm of a step's gradient; 0 is none.
        clip_value: The largest absolute value in a step's gradient, which is cut before the norm; 0 is none.
        ema_decay: The share of the averaged weights that a step keeps, which are then evaluated; 0 is no average.
        loss: `cross_entropy` or `focal`.
        focal_gamma: Of `focal`: how much less a sample counts that is right already.
        final_bias: The last layer's bias at first: `random`, as torch draws it, or from the classes' `frequencies`.
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
    schedule: str = "cosine"
    lr_end: float | None = None
    lr_gamma: float = 0.1
    lr_drops: int = 2
    lr_milestones: str = "0.5 0.75"
    lr_power: float = 1.0
    lr_rise: float = 0.3
    lr_cycles: int = 4
    nesterov: bool = True
    weight_decay_on: str = "weights"
    l1: float = 0.0
    clip_norm: float = 0.0
    clip_value: float = 0.0
    ema_decay: float = 0.0
    loss: str = "cross_entropy"
    focal_gamma: float = 2.0
    final_bias: str = "random"

    @property
    def focal(self) -> float | None:
        """Gamma of the focal loss; None if the loss is cross-entropy."""
        return self.focal_gamma if self.loss == "focal" else None

    @property
    def lr_schedule(self) -> Schedule:
        """The schedule that these settings describe."""
        return Schedule(
            kind=self.schedule,
            end=self.lr_end,
            gamma=self.lr_gamma,
            drops=self.lr_drops,
            milestones=tuple(float(share) for share in self.lr_milestones.split()),
            power=self.lr_power,
            rise=self.lr_rise,
            cycles=self.lr_cycles,
        )

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


@dataclass(frozen=True, slots=True)
class _Shares:
    """Ascending shares in one text, which can be a choice where a list can't."""

    def check(self, value: object, path: FieldPath) -> None:
        try:
            shares = [float(word) for word in value.split()] if isinstance(value, str) else []
        except ValueError:
            shares = []
        bounded = [0.0, *shares, 1.0]
        if not shares or not all(low < high for low, high in pairwise(bounded)):
            raise FieldError(path, f"found {value!r}", str(self))

    def __str__(self) -> str:
        return 'ascending shares of the trial above 0 and below 1, such as "0.5 0.75"'


@dataclass(frozen=True, slots=True)
class _Flag:
    """True or false."""

    def check(self, value: object, path: FieldPath) -> None:
        if not isinstance(value, bool):
            raise FieldError(path, f"found {value!r}", "true or false")


_Rule = _Number | _Word | _Shares | _Flag

_RULES: dict[str, _Rule] = {
    "lr": _Number(0, open_low=True),
    "batch_size": _Number(1, integer=True),
    "weight_decay": _Number(0),
    "dropout": _Number(0, 1),
    "momentum": _Number(0, 1),
    "optimizer": _Word(("sgd", "adam", "adamw", "rmsprop")),
    "label_smoothing": _Number(0, 1),
    "balance": _Word(("none", "weights", "resample")),
    "warmup_epochs": _Number(0),
    "augment": _Word(("none", "crop", "flip", "crop_flip")),
    "width": _Number(1, integer=True),
    "schedule": _Word(KINDS),
    "lr_end": _Number(0, 1, open_low=True),
    "lr_gamma": _Number(0, 1, open_low=True),
    "lr_drops": _Number(1, integer=True),
    "lr_milestones": _Shares(),
    "lr_power": _Number(0, open_low=True),
    "lr_rise": _Number(0, 1, open_low=True),
    "lr_cycles": _Number(1, integer=True),
    "nesterov": _Flag(),
    "weight_decay_on": _Word(("weights", "all")),
    "l1": _Number(0),
    "clip_norm": _Number(0),
    "clip_value": _Number(0),
    "ema_decay": _Number(0, 1),
    "loss": _Word(("cross_entropy", "focal")),
    "focal_gamma": _Number(0),
    "final_bias": _Word(("random", "frequencies")),
}
# What has an effect only with some values of another parameter.
_NEEDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "lr_end": (
        "schedule",
        ("exponential", "inverse", "polynomial", "sigmoid", "cosine", "one_cycle", "cyclic"),
    ),
    "lr_gamma": ("schedule", ("step", "multistep")),
    "lr_drops": ("schedule", ("step",)),
    "lr_milestones": ("schedule", ("multistep",)),
    "lr_power": ("schedule", ("polynomial",)),
    "lr_rise": ("schedule", ("one_cycle",)),
    "lr_cycles": ("schedule", ("cyclic",)),
    "nesterov": ("optimizer", ("sgd",)),
    "focal_gamma": ("loss", ("focal",)),
}


def _rule(name: str) -> _Rule:
    if name not in _RULES:
        known = tuple(_RULES)
        problem = f"{name!r} is not a hyperparameter of the image classifier"
        raise FieldError(("space", name), problem, ", ".join(known), nearest(name, known))
    return _RULES[name]


def check_values(space: Space, name: str) -> None:
    """Refuse a parameter that can have a value which training can't use.

    Raises:
        FieldError: The parameter is unknown, can have an impossible value, or never has an effect.
    """
    rule = _rule(name)
    for value, place in _extremes(space, name):
        rule.check(value, ("space", name, *place))
    if name in _NEEDS:
        other, useful = _NEEDS[name]
        default = getattr(Hyperparameters(), other)
        values = [value for value, _ in _extremes(space, other)] if other in space.names else [default]
        if not any(value in useful for value in values):
            found = f"has no effect with {other}: {' or '.join(str(value) for value in values)}"
            raise FieldError(("space", name), found, f"{name} with {other}: {' or '.join(useful)}")


def can_be(space: Space, name: str, value: object) -> bool:
    """Return whether a config can have this value of a choice or a constant."""
    return name in space.names and any(found == value for found, _ in _extremes(space, name))


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
