"""From a trial as Optuna stores it to a `TrialRecord`: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpsearch.trial.trial import Params, Stage, State, StopReason, TrialRecord

_STATES = {state.name: state for state in State} | {"WAITING": State.RUNNING}

Curve = Mapping[int, float]
"""The study's metric by epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTrial:
    """A trial as it is stored.

    Attributes:
        id: The storage's own.
        state: RUNNING too for one that Optuna calls waiting.
        params: As drawn, in the order in which they were drawn.
        values: By step, which is the epoch; None if they were not read.
        attributes: Optuna's user attributes.
        best: The value at the attribute `best_epoch`, if there is one; used only if `values` is None.
    """

    id: int
    number: int
    state: State
    params: Mapping[str, Any]
    values: Curve | None
    attributes: Mapping[str, Any]
    best: float | None = None


class LateCurve(Mapping[int, float]):
    """The curve of an ended trial, read when it is first looked at.

    Curves are most of what a store holds, and few commands look at those of ended trials.

    Args:
        read: Returns the values by step.
        last: The trial's last epoch; later steps are left out. None for all steps.
    """

    __slots__ = ("_last", "_read", "_values")

    def __init__(self, read: Callable[[], Curve], last: int | None) -> None:
        self._read, self._last = read, last
        self._values: Curve | None = None

    def __getitem__(self, epoch: int) -> float:
        return self._all()[epoch]

    def __iter__(self) -> Iterator[int]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def _all(self) -> Curve:
        if self._values is None:
            self._values = _until(self._last, self._read())
        return self._values


def _until(last: int | None, values: Curve) -> Curve:
    """Return values in the order of their epochs, without those after the last one."""
    return {epoch: value for epoch, value in sorted(values.items()) if last is None or epoch <= last}


def state_named(name: str) -> State:
    """Return our state for the name of one of Optuna's.

    Raises:
        KeyError: Optuna has no such state.
    """
    return _STATES[name]


def record_of(stage: Stage, trial: StoredTrial, curve: Callable[[], Curve]) -> TrialRecord:
    """Return the record of a stored trial.

    A trial that has a stop reason has ended, even if a kill kept its state from being stored.

    Args:
        stage: Of the trial.
        trial: What is stored.
        curve: Reads its values by step, if they were not read.
    """
    attributes = trial.attributes
    reason = StopReason(attributes["stop_reason"]) if attributes.get("stop_reason") else None
    epochs, best_epoch = attributes.get("epochs", 0), attributes.get("best_epoch")
    # An earlier attempt may have gone further than the one that ended the trial: only the latter's epochs count.
    last = None if reason is None else epochs
    values: Curve
    if trial.values is None:
        values, best = LateCurve(curve, last), trial.best
    else:
        values = _until(last, trial.values)
        best = None if best_epoch is None else values.get(best_epoch)
    return TrialRecord(
        stage=stage,
        number=trial.number,
        state=trial.state if reason is None else reason.state,
        params=Params(trial.params),
        values=values,
        value=None if reason is None else best,
        best_epoch=best_epoch,
        stop_reason=reason,
        epochs=epochs,
        seconds=attributes.get("seconds", 0.0),
        seed=attributes.get("seed", 0),
        attempt=attributes.get("attempt", 0),
        worker=attributes.get("worker"),
        error=attributes.get("error"),
        why=attributes.get("why", ""),
        until=attributes.get("until"),
        paused_at=attributes.get("paused_at") if reason is None else None,
        audited_at=attributes.get("audited_at"),
        source=attributes.get("source"),
        replicate=attributes.get("replicate"),
        code=attributes.get("code"),
        asked=attributes.get("asked", {}),
    )


def final(record: TrialRecord) -> TrialRecord:
    """Return a record with the state and the value that follow from its stop reason and its values."""
    if record.stop_reason is None:
        return record
    value = None if record.best_epoch is None else record.values.get(record.best_epoch)
    return replace(record, state=record.stop_reason.state, value=value, paused_at=None)
