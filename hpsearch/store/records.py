"""From a trial as Optuna stores it to a `TrialRecord`: pure functions."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

from optuna.trial import TrialState

from hpsearch.store.backend import StoredTrial
from hpsearch.trial.trial import Params, Stage, State, StopReason, TrialRecord

_STATES = {TrialState[state.name]: state for state in State if state is not State.RUNNING}


def record_of(stage: Stage, trial: StoredTrial) -> TrialRecord:
    """Return a stored trial; one that has a stop reason has ended, also if a kill kept its state from being stored."""
    attributes = trial.attributes
    reason = attributes.get("stop_reason")
    epochs = attributes.get("epochs", 0)
    # An earlier attempt may have gone further than the one that ended the trial: only the latter's epochs count.
    values = {e: v for e, v in sorted(trial.values.items()) if reason is None or e <= epochs}
    best_epoch = attributes.get("best_epoch")
    worker = attributes.get("worker")
    return TrialRecord(
        stage=stage,
        number=trial.number,
        state=StopReason(reason).state if reason else _STATES.get(trial.state, State.RUNNING),
        params=Params(trial.params),
        values=values,
        value=values.get(best_epoch) if reason and best_epoch is not None else None,
        best_epoch=best_epoch,
        stop_reason=StopReason(reason) if reason else None,
        epochs=epochs,
        seconds=attributes.get("seconds", 0.0),
        seed=attributes.get("seed", 0),
        attempt=attributes.get("attempt", 0),
        worker=worker and sys.intern(worker),  # few workers train many trials
        error=attributes.get("error"),
        source=attributes.get("source"),
        replicate=attributes.get("replicate"),
        code=attributes.get("code"),
    )


def final(record: TrialRecord) -> TrialRecord:
    """Return a record with the state and the value that its stop reason and its values make."""
    if record.stop_reason is None:
        return record
    value = None if record.best_epoch is None else record.values.get(record.best_epoch)
    return replace(record, state=record.stop_reason.state, value=value)


def finite(value: float) -> float:
    """Return a value, NaN for any that is not finite: manifests tell no infinity from a NaN."""
    return value if math.isfinite(value) else math.nan
