"""How Optuna's tables are read: the queries and what their rows mean, for any connection to a database.

The queries hold for the schema versions that `SCHEMAS` names. Their parameters are named as both Python's `sqlite3` and
SQLAlchemy's `text` write them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
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
_OF_STUDY = "WHERE trial_id IN (SELECT trial_id FROM trials WHERE study_id = :study)"
_PARAMS = f"SELECT trial_id, param_name, param_value, distribution_json FROM trial_params {_OF_STUDY} ORDER BY param_id"  # noqa: S608 - constants
_STEPS = (
    "SELECT trial_id, step, intermediate_value, intermediate_value_type "  # noqa: S608 - constants
    f"FROM trial_intermediate_values {_OF_STUDY}"
)
_ATTRIBUTES = f"SELECT trial_id, key, value_json FROM trial_user_attributes {_OF_STUDY}"  # noqa: S608 - constants
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
    of_study = {"study": study}
    params = _params(execute(_PARAMS, of_study))
    steps = _steps(execute(_STEPS, of_study))
    attributes = _attributes(execute(_ATTRIBUTES, of_study))
    return [
        StoredTrial(
            id=trial_id,
            number=number,
            state=state_named(state),
            params=params.get(trial_id, {}),
            values=steps.get(trial_id, {}),
            attributes=attributes.get(trial_id, {}),
        )
        for trial_id, number, state in execute(_TRIALS, of_study)
    ]


# The loops below run for each row of a study, so they are kept short.


def _params(rows: Iterable[Any]) -> dict[int, dict[str, Any]]:
    known: dict[str, Callable[[float], Any]] = {}  # a study has few distributions, and reading one takes long
    found: dict[int, dict[str, Any]] = {}
    for trial_id, name, value, text in rows:
        meaning = known.get(text)
        if meaning is None:
            meaning = known[text] = _meaning(text)
        found.setdefault(trial_id, {})[name] = meaning(value)
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
    found: dict[int, dict[int, float]] = {}
    for trial_id, step, value, kind in rows:
        found.setdefault(trial_id, {})[step] = value if kind == "FINITE" else _NOT_FINITE[kind]
    return found


def _attributes(rows: Iterable[Any]) -> dict[int, dict[str, Any]]:
    known: dict[str, Any] = {}  # most trials ran the same code
    found: dict[int, dict[str, Any]] = {}
    for trial_id, name, text in rows:
        if text[0] == "{":
            value = known.get(text)
            if value is None:
                value = known[text] = json.loads(text)
        else:
            value = json.loads(text)
        found.setdefault(trial_id, {})[name] = value
    return found
