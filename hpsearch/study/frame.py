"""Trials as pandas frames, and frames as CSV files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.config.config import StudyConfig
from hpsearch.space.distributions import Choice, Range
from hpsearch.space.space import Space
from hpsearch.study.document import epochs_of, shown_config
from hpsearch.study.outcome import Outcome
from hpsearch.system.files import atomic_write, unwritable
from hpsearch.trial.trial import Stage, TrialRecord

if TYPE_CHECKING:
    import pandas as pd

Column = tuple[str, Callable[[TrialRecord], Any]]

_NUMBER: dict[str, Column] = {"number": ("int64", lambda r: r.number)}
_ORIGIN: dict[str, Column] = {
    "trial": ("Int64", lambda r: r.source),
    "replicate": ("Int64", lambda r: r.replicate),
}
_COMMON: dict[str, Column] = {
    "state": ("string", lambda r: r.state.value),
    "stop_reason": ("string", lambda r: r.stop_reason and r.stop_reason.value),
    "value": ("float64", lambda r: r.value),
    "best_epoch": ("Int64", lambda r: r.best_epoch),
    "epochs": ("int64", epochs_of),
    "seconds": ("float64", lambda r: r.seconds),
    "seed": ("int64", lambda r: r.seed),
    "attempt": ("int64", lambda r: r.attempt),
    "worker": ("string", lambda r: r.worker),
    "error": ("string", lambda r: r.error),
    "why": ("string", lambda r: r.why or None),
}


def trials_frame(study: Outcome) -> pd.DataFrame:
    """Return one row for each search trial, by number.

    | column | dtype | holds |
    | --- | --- | --- |
    | number | int64 | from 0 |
    | state | string | RUNNING, COMPLETE, PRUNED or FAIL |
    | stop_reason | string | finished, stalled, outclassed, diverged, error, oom, timeout, lost; missing while it runs |
    | value | float64 | the best epoch's value of the study's metric; NaN if there is none |
    | best_epoch | Int64 | counted from 1; missing without a value |
    | epochs | int64 | trained epochs |
    | seconds | float64 | wall time of the epochs |
    | seed | int64 | below 2**32 |
    | attempt | int64 | the last attempt, from 1; 0 before the first |
    | worker | string | host and process id of the last attempt |
    | error | string | the last line of the traceback of a failed trial |
    | why | string | the words of the rule that ended it; missing if none did |
    | params.NAME | by the parameter | one column for each name in the space, constants too, as the objective got them |

    A column of params is Int64 for integers, float64 for other numbers, boolean for truth values, string for text, and
    object for a mixture. Lists and mappings become JSON text.
    """
    return _frame(study.store.records(Stage.SEARCH), _NUMBER | _COMMON, study.config)


def finalists_frame(study: Outcome) -> pd.DataFrame:
    """Return one row for each trial that retrained a finalist, also a former finalist of a study that was extended.

    The columns are those of `trials_frame`, but `number` counts these trials, and two more follow it:

    | column | dtype | holds |
    | --- | --- | --- |
    | trial | Int64 | the search trial whose config is retrained |
    | replicate | Int64 | the position of the seed among the config's seeds, from 0 |
    """
    return _frame(study.store.records(Stage.FINALISTS), _NUMBER | _ORIGIN | _COMMON, study.config)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as CSV, whole or not at all: UTF-8, a header, no index, missing values empty, floats in full.

    Raises:
        InputError: The file can't be written.
    """
    try:
        with atomic_write(path) as file:
            file.write(frame.to_csv(index=False, lineterminator="\n").encode())
    except OSError as error:
        raise unwritable(path, error) from None


def _frame(records: Sequence[TrialRecord], columns: Mapping[str, Column], config: StudyConfig) -> pd.DataFrame:
    import pandas as pd

    series = {name: pd.Series([of(r) for r in records], dtype=dtype) for name, (dtype, of) in columns.items()}
    configs = [shown_config(record, config) for record in records]
    for name in config.space.names:
        values = [_cell(one.get(name)) for one in configs]
        series[f"params.{name}"] = pd.Series(values, dtype=_dtype(config.space, name))
    return pd.DataFrame(series)


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _dtype(space: Space, name: str) -> Any:
    """Return the dtype for all possible values of a parameter; it must not depend on the drawn ones."""
    values: tuple[Any, ...]
    match space.parameters.get(name):
        case Range() as numbers:
            return "Int64" if numbers.integer else "float64"
        case Choice(values=values):
            pass
        case _:
            values = (space.constants[name],)
    kinds = {type(_cell(value)) for value in values}
    dtypes = {frozenset({bool}): "boolean", frozenset({int}): "Int64", frozenset({str}): "string"}
    if kinds <= {int, float} and float in kinds:
        return "float64"
    return dtypes.get(frozenset(kinds), "object")
