"""The `prune` section of a space file: what ends a trial early."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from hpsearch.config.section import Section, Share

_MIN_PATIENCE_EPOCHS = 5  # a shorter patience cost up to 10 points of accuracy on recorded curves
MIN_SHARE_EPOCHS = 2  # after one epoch, trials with a slow schedule stand behind, and some of them win

AUTO = "auto"

Epochs = Annotated[int, Field(ge=1)] | Share
_MetricName = Annotated[str, Field(min_length=1, description="names of metrics")]
Order = Literal["number", "arrival"]


def share_of(epochs: int, value: int | str) -> float:
    """Return what a number of epochs, or a share such as `25%`, is of a full length; 1.0 is all of it."""
    return value / epochs if isinstance(value, int) else float(value.removesuffix("%")) / 100


def epochs_of(epochs: int, value: int | str) -> int:
    """Return a number of epochs; a share of a full length is rounded, and at least 2."""
    return (
        value if isinstance(value, int) else max(MIN_SHARE_EPOCHS, math.floor(share_of(epochs, value) * epochs + 0.5))
    )


class Stall(Section):
    """When a trial counts as stalled.

    Attributes:
        patience: Epochs without a new best, or a share of the trial's epochs (at least 5).
        min_delta: How much better a new best has to be, in the metric's own unit.
        warmup: Epochs that never count as stalled.
    """

    patience: Epochs = "25%"
    min_delta: float = Field(default=0.0, ge=0)
    warmup: int = Field(default=0, ge=0)

    def patience_epochs(self, epochs: int) -> int:
        """Return the patience, in epochs, for trials of this many epochs."""
        if isinstance(self.patience, int):
            return self.patience
        return max(_MIN_PATIENCE_EPOCHS, math.ceil(share_of(epochs, self.patience) * epochs))


class Asha(Section):
    """Of the trials at each rung, the best go on to the next one.

    Attributes:
        eta: One of so many goes on, and gets so many times the epochs.
        first: The first rung: an epoch, or a share of the trial's epochs (at least 2).
        mode: Whether trials wait to be promoted, or are stopped for good.
        order: Whether trials are compared in the order of their numbers, or as they arrive.
    """

    eta: int = Field(default=3, ge=2)
    first: Epochs = "11%"
    mode: Literal["promote", "stop"] = "promote"
    order: Order = "number"


class Hyperband(Asha):
    """Brackets of asha, each with another first rung; `first` is the lowest."""


class Median(Section):
    """A trial ends that is worse than the median of its rivals at the same epoch.

    Attributes:
        warmup: The first epoch at which trials are compared, or a share of the trial's epochs (at least 2).
        interval: Epochs from there to the next comparison, likewise.
        min_trials: So many rivals are needed.
        order: Whether trials are compared in the order of their numbers, or as they arrive.
    """

    warmup: Epochs = "11%"
    interval: Epochs = "11%"
    min_trials: int = Field(default=5, ge=1)
    order: Order = "number"


class Screen(Section):
    """All trials are trained a little, and the best of them to the end.

    Attributes:
        epochs: How long all are trained, or a share of the trial's epochs (at least 2).
        keep: How many of the best go on.
    """

    epochs: Epochs = "10%"
    keep: int = Field(ge=1)


_RIVAL_RULES = ("asha", "hyperband", "median", "screen")


class Prune(Section):
    """What ends a trial early. A diverged trial always ends.

    Attributes:
        diverged: Further metrics that end a trial when they are NaN or infinite, as the study's own always does. None
            for those that the objective itself knows: the losses of what is built in.
        audit: The share of outclassed trials that are trained to their end all the same.
    """

    stall: Stall | None = Stall()
    asha: Asha | None = None
    hyperband: Hyperband | None = None
    median: Median | None = None
    screen: Screen | None = None
    audit: float = Field(default=0.0, ge=0, le=0.5)
    diverged: list[_MetricName] | None = None

    @property
    def is_auto(self) -> bool:
        """Whether no rule is named, so that the rules are chosen for each round."""
        return self.model_fields_set.isdisjoint(("stall", *_RIVAL_RULES))

    @property
    def rival_rule(self) -> str | None:
        """The name of the rule that compares rivals; None if none is named."""
        return next((name for name in _RIVAL_RULES if getattr(self, name) is not None), None)

    @model_validator(mode="after")
    def _has_one_rival_rule(self) -> Self:
        named = [name for name in _RIVAL_RULES if getattr(self, name) is not None]
        if len(named) > 1:
            msg = f"one of {', '.join(_RIVAL_RULES)}"
            raise ValueError(msg)
        if self.audit and not named and not self.is_auto:
            msg = f"audit beside one of {', '.join(_RIVAL_RULES)}; stalled trials are no part of it"
            raise ValueError(msg)
        return self


def _named(raw: Any) -> Any:
    return {} if raw == AUTO else raw


PruneField = Annotated[
    Prune | None,
    BeforeValidator(_named),
    Field(description=f"{AUTO}, or a mapping with {', '.join(Prune.model_fields)}, or null"),
]

JUST_STALL = Prune(stall=Stall())
UNSAID = Prune()  # what a file without `prune` means: auto
