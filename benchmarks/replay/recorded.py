"""Tasks whose configs and curves were recorded: TaskSet, and AlexNet on ImageNet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from curves import Config, Floats, MissingDataError, Table, Task
from files import json_lines_of, json_of, needs

from hpsearch.space.parsing import parse_space

TASKSET, ALEXNET = "taskset", "alexnet"
_SUFFIX = ".json.gz"
_ALEXNET_FILE = "alexnet_tuning.results.jsonl"


def known_tasksets(data: Path) -> list[str]:
    """Return the names of TaskSet's tasks: those of its files.

    Raises:
        MissingDataError: The folder is not there.
    """
    return sorted(path.name.removesuffix(_SUFFIX) for path in needs(data / TASKSET).glob(f"*{_SUFFIX}"))


def load_taskset(data: Path, name: str) -> Task:
    """Return a task of TaskSet: the loss on the validation data, all points of which count as epochs.

    Raises:
        MissingDataError: Its file is not there, or has another form.
    """
    path = data / TASKSET / f"{name}{_SUFFIX}"
    try:
        rows = [(row["hp"], row["valid"]["loss"]) for row in json_of(path)]
        epochs = min(len(losses) for _, losses in rows)
    except (KeyError, TypeError, ValueError) as error:
        raise MissingDataError(f"{path}: is no list of configs with hp and valid.loss: {error!r}") from error
    curves = np.array([[_number(loss) for loss in losses[:epochs]] for _, losses in rows])
    return _task(path, TASKSET, name, [hp for hp, _ in rows], curves, maximize=False)


def load_alexnet(data: Path) -> Task:
    """Return AlexNet's task: the share of right answers on the validation data.

    The recorded trainings have 20 to 100 epochs, and schedules that span them. So that each training stays whole, all
    have as many steps as the shortest has epochs: step k of K is the last epoch of the first k/K of a training. The
    number of epochs is one of the parameters.

    Raises:
        MissingDataError: The file is not there, or has another form.
    """
    path = data / ALEXNET / _ALEXNET_FILE
    rows = json_lines_of(path)
    try:
        steps = min(row["epochs"] for row in rows)
        curves = np.array(
            [_steps([one["top_1"] for one in row["learning_curve"]], row["epochs"], steps) for row in rows]
        )
        configs = [_alexnet_config(row) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise MissingDataError(f"{path}: has a line of another form: {error!r}") from error
    return _task(path, ALEXNET, ALEXNET, configs, curves, maximize=True)


def _alexnet_config(row: Mapping[str, Any]) -> dict[str, float]:
    names = ("batch_size", "lr", "momentum", "weight_decay", "label_smoothing", "epochs")
    config = {("train_epochs" if name == "epochs" else name): float(row[name]) for name in names}
    return {**config, "warmup_share": row["lr_peak_epoch"] / row["epochs"]}


def _steps(values: Sequence[float], epochs: int, steps: int) -> list[float]:
    """Return the values at the steps; NaN from where the training ended before."""
    ends = [math.ceil(step * epochs / steps) for step in range(1, steps + 1)]
    return [_number(values[end - 1]) if end <= len(values) else math.nan for end in ends]


def _number(value: Any) -> float:
    return math.nan if value is None or not math.isfinite(value) else float(value)


def _task(path: Path, family: str, name: str, configs: Sequence[Config], curves: Floats, *, maximize: bool) -> Task:
    """Return a task of recorded configs. Each range spans what was recorded."""
    scaled: dict[str, list[float]] = {}
    raw: dict[str, dict[str, list[float]]] = {}
    for axis in configs[0]:
        label, kind, values = _axis(axis, [float(config[axis]) for config in configs])
        scaled[label], raw[label] = values, {kind: [min(values), max(values)]}
    placed = [dict(zip(scaled, row, strict=True)) for row in zip(*scaled.values(), strict=True)]
    table = Table(parse_space(raw), placed, curves)
    return Task(
        name=name,
        family=family,
        raw=raw,
        epochs=curves.shape[1],
        maximize=maximize,
        curves=table,
        files=(str(path),),
    )


def _axis(name: str, values: Sequence[float]) -> tuple[str, str, list[float]]:
    """Return a parameter's name, the kind of its range, and its values.

    The kind is the one in which the recorded values are most uniform (Kolmogorov's distance). A parameter such as
    Adam's beta2, which comes close to 1 on a logarithmic scale, is searched as 1 minus it.
    """
    forms = [(name, "uniform", list(values))]
    if min(values) > 0:
        forms.append((name, "loguniform", list(values)))
    if max(values) < 1:
        forms.append((f"one_minus_{name}", "loguniform", [1 - value for value in values]))
    return min(forms, key=lambda form: _unevenness(form[2], log=form[1] == "loguniform"))


def _unevenness(values: Sequence[float], *, log: bool) -> float:
    """Return how far the values are from being uniform between the smallest and the largest, from 0 to 1."""
    scaled = np.sort(np.log(values) if log else np.array(values))
    places = (scaled - scaled[0]) / (scaled[-1] - scaled[0])
    return float(np.abs(places - np.linspace(0, 1, len(places))).max())
