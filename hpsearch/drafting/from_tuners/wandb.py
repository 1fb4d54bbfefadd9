"""A W&B sweep: https://docs.wandb.ai/models/sweeps/sweep-config-keys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hpsearch.config.config import DEFAULT_TRIALS, MAX_LEVELS
from hpsearch.drafting.flow import short
from hpsearch.drafting.from_tuners.fields import integer, mapping
from hpsearch.drafting.from_tuners.translation import Field, Translation
from hpsearch.drafting.from_tuners.wandb_command import set_objective
from hpsearch.drafting.from_tuners.wandb_parameters import add_parameters
from hpsearch.errors import FieldError
from hpsearch.space.distributions import Range
from hpsearch.space.parsing import parse_space
from hpsearch.text import nearest, shown

SAMPLERS = {"grid": "jittered_grid", "random": "random", "bayes": "tpe"}
_METHODS = (*SAMPLERS, "custom")
_GUESS = "tpe"  # what Optuna's scheduler for W&B uses
_GOALS = {
    **dict.fromkeys(("min", "minimum", "minimise"), "minimize"),
    **dict.fromkeys(("max", "maximum", "maximise"), "maximize"),
}
_MOST_TRIALS = 10_000  # a larger grid is not trained to its end
_COUNTED = 10**15
_READ = ("method", "metric", "parameters", "name", "program", "command", "run_cap", "early_terminate")
_SILENT = ("apiVersion", "kind", "$schema")
LEFT_OUT = {
    "entity": "where W&B keeps its runs",
    "project": "where W&B keeps its runs",
    "description": "",
    "controller": "there is no server",
    "scheduler": "hpsearch proposes configs itself; num_workers is its option --workers",
    "metrics": "a study has one metric",
    "job": "name what it trains: a command, or a function in Python",
    "image_uri": "name what it trains: a command, or a function in Python",
}


def is_sweep(raw: Mapping[Any, Any]) -> bool:
    """Return whether a mapping of Python is a sweep and no space of another tool."""
    parameters = raw.get("parameters")
    return isinstance(parameters, Mapping) and all(isinstance(value, Mapping) for value in parameters.values())


def read_sweep(raw: Mapping[str, Any], origin: str, study: str) -> Translation:
    """Return the translation of a sweep.

    Args:
        raw: The content of the file.
        origin: The file's name, for the first line of the new file.
        study: The study's name, if the sweep has none.

    Raises:
        FieldError: The sweep breaks W&B's rules.
    """
    translation = Translation(origin=f"the W&B sweep {origin}", study=_name(raw) or study)
    if "parameters" not in raw:
        raise FieldError(("parameters",), "is missing", "a mapping of the parameters to search")
    add_parameters(translation, raw["parameters"], ("parameters",))
    if any("." in name and name not in raw["parameters"] for name in translation.found):
        translation.notes.append("nested parameters have dotted names, such as optimizer.lr, also in the command")
    _set_metric(translation, raw)
    if raw.get("early_terminate"):
        _set_early_end(translation, raw["early_terminate"])
    set_objective(translation, raw)
    _set_search(translation, raw)
    for key, value in raw.items():
        if key not in (*_READ, *_SILENT):
            reason = LEFT_OUT.get(key, "W&B has no such key")
            translation.notes.append(f"{key}: {short(value)}{f': {reason}' if reason else ''}")
    return translation


def _name(raw: Mapping[str, Any]) -> str:
    name = raw.get("name") or ""
    if not isinstance(name, str | int | float):
        raise FieldError(("name",), f"found {shown(name)}", "text")
    return str(name)


def _set_metric(translation: Translation, raw: Mapping[str, Any]) -> None:
    if not raw.get("metric"):
        translation.metric = Field(translation.metric.value, note="the sweep has no metric")
        translation.direction = Field(translation.direction.value, note="as in W&B without a goal")
        return
    metric = mapping(raw["metric"], ("metric",), "{name: NAME, goal: minimize or maximize}")
    name = metric.get("name", translation.metric.value)
    if not isinstance(name, str) or not name:
        raise FieldError(("metric", "name"), f"found {shown(name)}", "the name of a metric")
    goal = str(metric.get("goal") or "minimize").lower()
    goal = _GOALS.get(goal, goal)
    if goal not in ("minimize", "maximize"):
        near = nearest(str(goal), ["minimize", "maximize"])
        raise FieldError(("metric", "goal"), f"found {shown(metric['goal'])}", "minimize, maximize", near)
    translation.metric = Field(name, note="" if "name" in metric else "the sweep's metric has no name")
    translation.direction = Field(goal, note="" if metric.get("goal") else "as in W&B without a goal")
    for key, value in metric.items():
        if key not in ("name", "goal"):
            end = ": a search ends after its number of trials" if key == "target" else ""
            translation.notes.append(f"metric.{key}: {short(value)}{end}")


def _set_early_end(translation: Translation, raw: Any) -> None:
    translation.notes.append(f"early_terminate: {short(raw)}: prune: auto compares trials at epochs of its own")
    if isinstance(raw, Mapping) and raw.get("max_iter") is not None:
        longest = integer(raw["max_iter"], ("early_terminate", "max_iter"))
        if longest >= 1:
            translation.epochs = Field(longest, note="max_iter of early_terminate")


def _set_search(translation: Translation, raw: Mapping[str, Any]) -> None:
    given = raw.get("method")
    method = str(given or "").lower().strip()
    if method and method not in _METHODS:
        raise FieldError(("method",), f"found {shown(given)}", ", ".join(_METHODS), nearest(method, _METHODS))
    if not method:
        translation.search["sampler"] = Field(_GUESS, note="the sweep has no method")
    elif method in SAMPLERS:
        comment = "W&B uses a Gaussian process; gp is one too" if method == "bayes" else ""
        translation.search["sampler"] = Field(SAMPLERS[method], comment=comment)
    else:
        translation.notes.append(f"method: {method}: the study gets the default sampler")
    if raw.get("run_cap") is not None:
        trials = integer(raw["run_cap"], ("run_cap",))
        if trials < 1:
            raise FieldError(("run_cap",), f"found {trials}", "an integer of at least 1")
        translation.search["trials"] = Field(trials, comment="run_cap")
    elif method == "grid":
        translation.search["trials"] = _grid_size(translation)
    else:
        translation.search["trials"] = Field(DEFAULT_TRIALS, note="the sweep has no run_cap, so it would not end")
    levels = _levels(translation) if method == "grid" else {}
    if levels:
        translation.search["levels"] = Field(levels, comment="one for each value, as in a grid")


def _grid_size(translation: Translation) -> Field:
    size = translation.size
    if size <= _MOST_TRIALS:
        return Field(int(size), comment="each of the grid's configs once")
    count = "infinitely many" if size == math.inf else f"{size}" if size < _COUNTED else f"more than {_COUNTED}"
    return Field(DEFAULT_TRIALS, note=f"the grid has {count} configs")


def _levels(translation: Translation) -> dict[str, int]:
    """Return the number of levels of each range that has few enough values: one for each value."""
    if not translation.searched:
        return {}
    ranges = {
        name: axis for name, axis in parse_space(translation.carried).parameters.items() if isinstance(axis, Range)
    }
    return {name: int(axis.count) for name, axis in ranges.items() if axis.count <= MAX_LEVELS}
