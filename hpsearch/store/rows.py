"""How Optuna's tables are read: the queries and what their rows mean, for any connection to a database.

The queries hold for the schema versions that `SCHEMAS` names. Their parameters are named as both Python's `sqlite3` and
SQLAlchemy's `text` write them.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import islice
from sys import intern
from typing import Any

from hpsearch.store.records import StoredTrial, state_named

Execute = Callable[[str, dict[str, Any]], Iterable[Any]]
"""Runs a query with its parameters, and returns the rows."""

SCHEMAS = frozenset({(12, "v3.2.0.a")})
"""Versions of Optuna's tables and of their latest revision."""

_VERSION = "SELECT schema_version FROM version_info"
_REVISION = "SELECT version_num FROM alembic_version"
_STUDY = "SELECT study_id FROM studies WHERE study_name = :name"
_STUDY_ATTRIBUTES = "SELECT key, value_json FROM study_user_attributes WHERE study_id = :study"
_TRIALS = "SELECT trial_id, number, state FROM trials WHERE study_id = :study ORDER BY number"
_IDS = "(SELECT trial_id FROM trials WHERE study_id = :study)"
_IDS_NOT_ENDED = (
    "(SELECT trial_id FROM trials WHERE study_id = :study AND NOT EXISTS (SELECT 1 FROM trial_user_attributes AS a "
    "WHERE a.trial_id = trials.trial_id AND a.key = 'stop_reason'))"
)
_PARAM = "SELECT trial_id, param_name, param_value, distribution_json FROM trial_params"
_PARAMS = f"{_PARAM} WHERE trial_id IN {_IDS} ORDER BY param_id"
_ATTRIBUTE = "SELECT trial_id, key, value_json FROM trial_user_attributes"
_ATTRIBUTES = f"{_ATTRIBUTE} WHERE trial_id IN {_IDS}"
_STEP = "SELECT trial_id, step, intermediate_value, intermediate_value_type FROM trial_intermediate_values"
_STEPS = f"{_STEP} WHERE trial_id IN {_IDS}"
_STEPS_NOT_ENDED = f"{_STEP} WHERE trial_id IN {_IDS_NOT_ENDED}"
_BEST = (
    "SELECT s.trial_id, s.step, s.intermediate_value, s.intermediate_value_type "  # noqa: S608 - constants
    "FROM trial_user_attributes AS a JOIN trial_intermediate_values AS s "
    "ON s.trial_id = a.trial_id AND s.step = CAST(a.value_json AS INTEGER) "
    f"WHERE a.key = 'best_epoch' AND a.trial_id IN {_IDS}"
)
_AT_ONCE = 50_000  # rows
_NOT_FINITE = {"NAN": math.nan, "INF_POS": math.inf, "INF_NEG": -math.inf}


def is_known(execute: Execute) -> bool:
    """Return whether a database has the tables that the queries here are for."""
    version, revision = (next(iter(execute(query, {})), (None,))[0] for query in (_VERSION, _REVISION))
    return (version, revision) in SCHEMAS


def study_id(execute: Execute, name: str) -> int:
    """Return the id of one of Optuna's studies.

    Raises:
        KeyError: There is none of that name.
    """
    for (found,) in execute(_STUDY, {"name": name}):
        return int(found)
    raise KeyError(name)


def study_attributes(execute: Execute, study: int) -> dict[str, Any]:
    """Return the user attributes of one of Optuna's studies."""
    return {key: json.loads(text) for key, text in execute(_STUDY_ATTRIBUTES, {"study": study})}


def trials(execute: Execute, study: int) -> list[StoredTrial]:
    """Return the trials of one of Optuna's studies by number, with one query for each table."""
    curves = steps(execute, study)
    return _trials(execute, study, lambda trial_id, _: (curves.get(trial_id, {}), None))


def trials_with_late_curves(execute: Execute, study: int) -> list[StoredTrial]:
    """Return the same with `best` in place of `values` for trials that have a stop reason."""
    of_study = {"study": study}
    curves = _steps(execute(_STEPS_NOT_ENDED, of_study))
    best = {
        trial_id: value for trial_id, at_best in _steps(execute(_BEST, of_study)).items() for value in at_best.values()
    }

    def curve(trial_id: int, attributes: dict[str, Any]) -> tuple[dict[int, float] | None, float | None]:
        if "stop_reason" in attributes:
            return None, best.get(trial_id)
        return curves.get(trial_id, {}), None

    return _trials(execute, study, curve)


def steps(execute: Execute, study: int) -> dict[int, dict[int, float]]:
    """Return the values of all trials of one of Optuna's studies by step, by the trials' ids."""
    return _steps(execute(_STEPS, {"study": study}))


def _trials(execute: Execute, study: int, curve: Callable[[int, dict[str, Any]], Any]) -> list[StoredTrial]:
    """Return trials.

    Args:
        execute: Runs queries.
        study: Its id.
        curve: Returns `values` and `best` for a trial's id and its attributes.
    """
    of_study = {"study": study}
    params, attributes = _params(execute(_PARAMS, of_study)), _attributes(execute(_ATTRIBUTES, of_study))
    found = []
    for trial_id, number, state in execute(_TRIALS, of_study):
        own = attributes.get(trial_id, {})
        values, best = curve(trial_id, own)
        found.append(
            StoredTrial(
                id=trial_id,
                number=number,
                state=state_named(state),
                params=params.get(trial_id, {}),
                values=values,
                attributes=own,
                best=best,
            )
        )
    return found


# The loops below run for each row of a study, so they are kept short.


def _params(rows: Iterable[Any]) -> dict[int, dict[str, Any]]:
    known: dict[str, Callable[[float], Any]] = {}  # a study has few distributions, and reading one takes long
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for trial_id, name, value, text in rows:
        meaning = known.get(text)
        if meaning is None:
            meaning = known[text] = _meaning(text)
        found[trial_id][intern(name)] = meaning(value)
    return found


def _meaning(text: str) -> Callable[[float], Any]:
    """Return what turns a stored number into a parameter's value.

    Args:
        text: The distribution, as Optuna writes it.
    """
    written = json.loads(text)
    match written["name"]:
        case "FloatDistribution":
            return float
        case "IntDistribution":
            return int
        case "CategoricalDistribution":
            choices = written["attributes"]["choices"]
            return lambda value: choices[int(value)]
        case _:
            from optuna.distributions import json_to_distribution  # heavy, and hpsearch writes no others

            external: Callable[[float], Any] = json_to_distribution(text).to_external_repr
            return external


def _steps(rows: Iterable[Any]) -> dict[int, dict[int, float]]:
    found: dict[int, dict[int, float]] = defaultdict(dict)
    for trial_id, step, value, kind in rows:
        found[trial_id][step] = value if kind == "FINITE" else _NOT_FINITE[kind]
    return found


def _attributes(rows: Iterable[Any]) -> dict[int, dict[str, Any]]:
    known: dict[str, Any] = {}  # most trials ran the same code, on few workers
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    left = iter(rows)
    while some := list(islice(left, _AT_ONCE)):
        new = [text for text in {text for _, _, text in some} if text not in known]
        values = json.loads(f"[{','.join(new)}]")  # ten times as fast as one by one
        known.update(zip(new, values, strict=True))
        for trial_id, name, text in some:
            found[trial_id][name] = known[text]
    return found
