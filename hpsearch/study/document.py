"""A study as one JSON document, for `show --json` and tools. Its shape is stable (DESIGN, section 7)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hpsearch.config.config import StudyConfig
from hpsearch.samplers.edges import Edge
from hpsearch.selection.ranking import Finalist
from hpsearch.study.going_on import worth_of
from hpsearch.study.outcome import (
    Outcome,
)
from hpsearch.study.pruning import pruning_of
from hpsearch.trial.folder import attempt_folder
from hpsearch.trial.trial import Config, Stage, State, TrialRecord

SCHEMA_VERSION = 1
"""It rises when a key goes or changes its meaning; new keys leave it."""


def study_document(study: Outcome) -> dict[str, Any]:
    """Return a study's content as JSON types.

    Numbers that are not finite are null. The keys hold:

    - `params`: a whole config, as the objective got it: rounded, choices by value, constants included.
    - `dir`: the folder of the last attempt, relative to the study's directory.
    - `trials`: the search's trials, by number.
    - `finalists`: one entry for each config, best first, with `values` and `seeds` side by side.
    - `rounds`: the search's rounds that have begun.
    - `edges`: the bounds that the best trials crowd.
    - `test_readings`: how often the test split was read.
    - `ensemble.test`: null until the test split is read for these members and weights.
    - `budget`: the limits (null for none), and the amounts spent.
    - `going_on`: what the next full trainings are expected to bring, beside the noise; null while too little is known.
    - `pruning`: what rules that compare rivals have saved and what an audit says that it cost; null if none did.
    """
    best, pruning, worth = study.best, pruning_of(study), worth_of(study, study.rounds)
    document = {
        "schema_version": SCHEMA_VERSION,
        "study": study.name,
        "state": study.state,
        "metric": study.config.metric,
        "direction": study.config.direction.value,
        "trials": [_trial(record, study.config, study.folder) for record in study.store.records(Stage.SEARCH)],
        "finalists": [_finalist(one, study.config) for one in study.ranked_finalists],
        "ensemble": _ensemble(study),
        "rounds": [one.as_dict() for one in study.rounds],
        "edges": [_edge(edge) for edge in study.edges(study.rounds)],
        "test_readings": len(study.test_readings),
        "best": best and {"trial": best.trial, "params": best.config, "mean": best.mean, "std": best.std, "n": best.n},
        "budget": {
            "limits": study.limits.as_dict(),
            "spent": asdict(study.spent),
            "ended_search": study.store.get("search_end") is not None,
        },
        "going_on": worth and {**asdict(worth), "enough": worth.enough},
        "pruning": pruning and asdict(pruning),
    }
    return {key: json_value(value) for key, value in document.items()}


def shown_config(record: TrialRecord, config: StudyConfig) -> Config:
    """Return a trial's whole config; empty if a killed driver left the params half written."""
    if not config.space.is_complete(record.params):
        return Config({})
    return config.space.config_of(record.params)


def epochs_of(record: TrialRecord) -> int:
    """Return the number of trained epochs; the store sums them up only when the trial ends."""
    return max(record.values, default=0) if record.state is State.RUNNING else record.epochs


def last_folder(record: TrialRecord, folder: Path) -> Path | None:
    """Return the folder of a trial's last attempt; None before the first."""
    return attempt_folder(folder, record.stage, record.number, record.attempt) if record.attempt else None


def json_value(value: Any) -> Any:
    """Return a copy in JSON types: None for a float that is not finite, text for anything that JSON can't hold."""
    if value is None or isinstance(value, (str, int)):  # the most frequent ones
        return value
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return str(value)


def _trial(record: TrialRecord, config: StudyConfig, folder: Path) -> dict[str, Any]:
    attempt = last_folder(record, folder)
    return {
        "number": record.number,
        "state": record.state.value,
        "stop_reason": record.stop_reason and record.stop_reason.value,
        "params": shown_config(record, config),
        "value": record.value,
        "best_epoch": record.best_epoch,
        "epochs": epochs_of(record),
        "seconds": record.seconds,
        "seed": record.seed,
        "error": record.error,
        "dir": attempt and attempt.relative_to(folder).as_posix(),
        "code": record.code,
        "why": record.why or None,
        "paused_at": record.paused_at,
        "audited_at": record.audited_at,
    }


def _finalist(one: Finalist, config: StudyConfig) -> dict[str, Any]:
    return {
        "trial": one.source,
        "params": config.space.config_of(one.params),
        "values": one.statistics.values,
        "mean": one.statistics.mean,
        "std": one.statistics.std,
        "ci95": one.statistics.ci95,
        "seeds": one.seeds,
        "n_failed": one.statistics.n_failed,
        "search_value": one.search_value,
        "optimism": one.optimism,
    }


def _ensemble(study: Outcome) -> dict[str, Any] | None:
    ensemble, reading = study.ensemble, study.current_reading
    if ensemble is None:
        return None
    return {
        "members": [{"trial": one.trial, "seed": one.seed, "weight": one.weight} for one in ensemble.members],
        "val": ensemble.val.as_dict(),
        "test": None if reading is None or reading.scores is None else reading.scores.as_dict(),
    }


def _edge(edge: Edge) -> dict[str, Any]:
    """Return an edge as JSON types; `proposed` is null if the bound may not grow."""
    return {
        "parameter": edge.name,
        "side": edge.side,
        "bound": edge.bound,
        "near": edge.near,
        "best": edge.best,
        "proposed": None if edge.proposed == edge.bound else edge.proposed,
    }
