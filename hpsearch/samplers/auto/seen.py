"""What the chooser is told, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hpsearch.trial.trial import Params


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A trial as the chooser sees it.

    Attributes:
        number: Of the trial, from 0.
        params: As stored, of its active parameters.
        values: The metric by epoch, in its own sign; it may be NaN or infinite.
        until: The epoch at which its running leg ends; None if it is paused or has ended.
        ended: Whether it can't go on: it has finished, stalled, diverged or failed.
    """

    number: int
    params: Params
    values: Mapping[int, float]
    until: int | None = None
    ended: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a free worker is to train.

    Attributes:
        until: The epoch at which the leg ends.
        number: Of the paused trial that goes on; None for a new trial.
        params: Of the new trial, as stored; None for a paused one.
    """

    until: int
    number: int | None = None
    params: Params | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PastConfig:
    """A config of an earlier study of the same space, for the model to begin with.

    Attributes:
        params: As stored. Configs that are not in the present space don't count.
        value: The metric of its best epoch, in its own sign; only its place among the other past values counts.
    """

    params: Params
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What going on is worth, by the model; all in the metric's own unit.

    Attributes:
        gain: By how much the best value is expected to improve over the next ten full trainings; at least 0.
        noise: The standard deviation of a measurement of a config around its curve, near the best value.
    """

    gain: float
    noise: float
