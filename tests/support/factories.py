"""Space files, configs and events as tests need them: small, and each value as good as another."""

from __future__ import annotations

from hpsearch.config.config import StudyConfig
from hpsearch.objectives.space_files import parse_config


def sample_raw(function: str = "climb", **changes: object) -> dict:
    """Return the content of a space file for one of the sample objectives."""
    raw = {
        "study": "sample",
        "metric": "score",
        "direction": "maximize",
        "objective": {"python": f"sample_objectives:{function}", "epochs": 6},
        "space": {"lr": {"loguniform": [1e-3, 1.0]}, "wd": {"uniform": [0.0, 1.0]}},
        "search": {"trials": 6},
        "finalists": {"configs": 2, "seeds": 2},
    }
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(raw.get(name), dict):
            raw[name] = {**raw[name], **value}
        else:
            raw[name] = value
    return raw


def sample_config(function: str = "climb", **changes: object) -> StudyConfig:
    return parse_config(sample_raw(function, **changes))
