"""Makes the same trials from fewer logs of a journal, so that a long journal opens fast.

Optuna replays a journal log by log, and copies a trial for each. But the log that makes a trial may have values,
attributes and an end too. So later logs are folded into that one, if the result is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from optuna.trial import TrialState

Log = dict[str, Any]

# Values of `op_code` in the files, which later versions of Optuna have to read too.
_CREATE_STUDY, _DELETE_STUDY, _CREATE_TRIAL = 0, 1, 4
_SET_PARAM, _SET_STATE, _SET_VALUE, _SET_ATTRIBUTE, _SET_SYSTEM_ATTRIBUTE = 5, 6, 7, 8, 9
_ON_A_TRIAL = frozenset({_SET_PARAM, _SET_STATE, _SET_VALUE, _SET_ATTRIBUTE, _SET_SYSTEM_ATTRIBUTE})
_FINISHED = frozenset(state.value for state in TrialState if state.is_finished())


def folded(logs: Iterable[Log]) -> list[Log]:
    """Return logs that make the same studies and trials as the given ones.

    Args:
        logs: All logs of a journal. Those that make trials are changed.
    """
    kept: list[Log] = []
    studies = _Studies()
    trials: list[Log | None] = []  # by id, over all studies; None if nothing more can be folded into it
    for log in logs:
        operation = log["op_code"]
        if operation in _ON_A_TRIAL:
            trial_id = log["trial_id"]
            trial = trials[trial_id] if trial_id < len(trials) else None
            if trial is not None:
                if trial.get("state") in _FINISHED or _fold(operation, log, trial):
                    continue  # Optuna too ignores what comes after the end
                trials[trial_id] = None
        elif operation == _CREATE_TRIAL:
            if log["study_id"] in studies:
                trials.append(log)
        else:
            studies.apply(operation, log)
        kept.append(log)
    return kept


def _fold(operation: int, log: Log, trial: Log) -> bool:
    """Fold a log into the one that makes its trial; return whether that was possible."""
    if operation == _SET_VALUE:
        trial.setdefault("intermediate_values", {})[str(log["step"])] = log["intermediate_value"]
    elif operation == _SET_ATTRIBUTE:
        trial.setdefault("user_attrs", {}).update(log["user_attr"])
    elif operation == _SET_STATE and log["state"] in _FINISHED:
        trial["state"], trial["datetime_complete"] = log["state"], log["datetime_complete"]
        if log["values"] is not None:
            trial["value"], trial["values"] = None, log["values"]
    else:
        return False
    return True


class _Studies:
    """The studies of a journal: deleted ones take no trials, and each name exists once."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._next = 0

    def __contains__(self, study_id: int) -> bool:
        return study_id in self._names

    def apply(self, operation: int, log: Log) -> None:
        if operation == _CREATE_STUDY and log["study_name"] not in self._names.values():
            self._names[self._next] = log["study_name"]
            self._next += 1
        elif operation == _DELETE_STUDY:
            self._names.pop(log["study_id"], None)
