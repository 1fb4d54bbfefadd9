"""A study made small, to see all of it work before it costs anything."""

from __future__ import annotations

from hpsearch.config.config import StudyConfig

_TRIALS, _EPOCHS = 2, 2


def small(config: StudyConfig) -> list[str]:
    """Return overrides under which a study has every stage, and each of them is short.

    The search has two trials of two epochs, or more if the space file wants more configs tried first. There is one
    finalist with two seeds, where there are finalists at all.
    """
    trials = max(_TRIALS, len(config.search.first))
    overrides = [f"search.trials={trials}", f"objective.epochs={_EPOCHS}", "search.rounds=[]", "search.expand=null"]
    overrides += ["search.warm_start=null", "budget=null"]
    return overrides if config.finalists is None else [*overrides, "finalists={configs: 1, seeds: 2}"]


def left_out(config: StudyConfig) -> list[str]:
    """Return the parts of a space file that a small study does without, as its paths."""
    search = config.search
    parts = {
        "search.rounds": search.rounds,
        "search.expand": search.expand,
        "search.warm_start": search.warm_start,
        "budget": config.budget,
    }
    return [path for path, section in parts.items() if section]
