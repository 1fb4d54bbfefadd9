"""A trial as adaptive samplers see it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hpsearch.samplers.projection import Curve, projected_finals
from hpsearch.trial.trial import Direction, Params, State, StopReason, TrialRecord

_NOT_THE_CONFIG = (StopReason.ERROR, StopReason.LOST)  # the fault of a bug or a machine


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """A trial that has begun.

    Attributes:
        params: As stored, of its active parameters.
        value: Of its best epoch; None for a trial that is running or can't win. What `told` returns has a projection
            for a trial that was stopped early.
        running: Whether it is running, or has failed through no fault of its config.
        asked: What the sampler noted when it proposed the trial, as JSON types.
    """

    params: Params
    value: float | None
    running: bool = False
    asked: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, record: TrialRecord) -> Past:
        """Return a record's trial."""
        value = record.value if record.eligible else None
        running = record.state is State.RUNNING or record.stop_reason in _NOT_THE_CONFIG
        return cls(params=record.params, value=value, running=running, asked=record.asked)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A config to train next.

    Attributes:
        params: As stored, of its active parameters.
        asked: What the sampler has to know of it later, as JSON types; it is stored with the trial.
    """

    params: Params
    asked: Mapping[str, Any] = field(default_factory=dict)


def told(records: Sequence[TrialRecord], direction: Direction, length: Callable[[int], int]) -> list[Past]:
    """Return trials as samplers learn from them: those that were stopped early have a projected final value.

    Paused trials have one too. Those that train are running.

    Args:
        records: Of the search, in the order of their numbers.
        direction: Of the metric.
        length: Returns the full epochs of a trial, by its number. Only trials of one length are compared.
    """
    past = [Past.of(record) for record in records]
    if not any(map(_was_stopped, records)):
        return past  # no curve has to be read
    lengths: dict[int, list[int]] = {}
    for at, record in enumerate(records):
        if record.eligible or _was_stopped(record):
            lengths.setdefault(length(record.number), []).append(at)
    for places in lengths.values():
        curves = [Curve(values=records[at].values, whole=records[at].eligible) for at in places]
        for at, final in zip(places, projected_finals(curves, direction), strict=True):
            if not records[at].eligible:
                past[at] = replace(past[at], value=final, running=False)
    return past


def _was_stopped(record: TrialRecord) -> bool:
    """Return whether a trial was stopped or paused before its end, with a value that tells how good its config is."""
    stopped = record.stop_reason is StopReason.OUTCLASSED or record.paused_at is not None
    return stopped and any(map(math.isfinite, record.values.values()))


def best_of_past(past: Iterable[Past], direction: Direction, k: int) -> list[Past]:
    """Return the k best trials, best first; ties keep their order."""
    rivals = [one for one in past if one.value is not None]
    return sorted(rivals, key=lambda one: -direction.sign * (one.value or 0.0))[:k]
