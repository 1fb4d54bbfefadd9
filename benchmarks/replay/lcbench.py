"""LCBench by its surrogate, a network of YAHPO Gym: multilayer perceptrons on OpenML tasks."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
from curves import Config, Floats, MissingDataError, Player, Task
from files import json_of, needs

from hpsearch.space.parsing import parse_space
from hpsearch.space.space import Space

FAMILY = "lcbench"
TUNED_ON = (
    "3945",
    "34539",
    "126025",
    "146212",
    "167104",
    "167168",
    "167190",
    "168329",
    "168908",
    "189862",
    "189906",
    "189908",
)
_INPUTS = ("epoch", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
_TASK, _EPOCH, _ACCURACY = "OpenML_task_id", "epoch", 1
_SAMPLES, _BATCH = 3000, 500


def known(data: Path) -> list[str]:
    """Return the codes of all tasks.

    Raises:
        MissingDataError: A file is not there.
    """
    return [code for code in json_of(data / FAMILY / "encoding.json")[_TASK] if code.isdigit()]


def load(data: Path, code: str) -> Task:
    """Return a task.

    Args:
        data: The folder with `lcbench/`.
        code: One of `known`.

    Raises:
        MissingDataError: A file is not there, or onnxruntime is not installed.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        raise MissingDataError(f"task {code}: the package onnxruntime is missing")
    folder = data / FAMILY
    given = {one["name"]: one for one in json_of(folder / "config_space.json")["hyperparameters"]}
    raw = {name: _range(given[name]) for name in _INPUTS if name != _EPOCH}
    epochs, number = int(given[_EPOCH]["upper"]), int(json_of(folder / "encoding.json")[_TASK][code])
    curves = Surrogate(folder / "model.onnx", number, parse_space(raw), epochs)
    model = str(needs(folder / "model.onnx"))
    return Task(name=code, family=FAMILY, raw=raw, epochs=epochs, maximize=True, curves=curves, files=(model,))


def _range(one: dict[str, Any]) -> dict[str, list[float]]:
    kind = f"{'log' if one['log'] else ''}{'randint' if one['type'] == 'uniform_int' else 'uniform'}"
    return {kind: [one["lower"], one["upper"]]}


class Surrogate:
    """The accuracy on the validation data after each epoch, in percent.

    Args:
        model: The network's file; it is loaded for the first curve.
        number: The task's, as the network has it.
        space: For the random configs.
        epochs: Of a full training.
    """

    def __init__(self, model: Path, number: int, space: Space, epochs: int) -> None:
        self._model, self._number, self._space, self._epochs = model, number, space, epochs
        self._session: Any = None

    def player(self) -> Player:
        """Return a player; the same config has the same curve each time."""
        return lambda config: self._curves([config])[0]

    def sample(self) -> Floats:
        """Return the curves of 3,000 random configs, the same each time."""
        rng, axes = np.random.default_rng(0), self._space.parameters
        configs = [{name: axis.draw(rng.random()) for name, axis in axes.items()} for _ in range(_SAMPLES)]
        starts = range(0, _SAMPLES, _BATCH)
        return np.concatenate([self._curves(configs[start : start + _BATCH]) for start in starts])

    def _curves(self, configs: list[Config]) -> Floats:
        if self._session is None:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1  # studies run side by side
            self._session = onnxruntime.InferenceSession(str(self._model), options)
        epochs = np.tile(np.arange(1, self._epochs + 1), len(configs))[:, None]
        given = np.array([[config[name] for name in _INPUTS[1:]] for config in configs])
        numbers = np.concatenate([epochs, np.repeat(given, self._epochs, axis=0)], axis=1).astype(np.float32)
        codes = np.full((len(numbers), 1), self._number, dtype=np.int32)
        (output,) = self._session.run(None, {"x_cat": codes, "x_cont": numbers})
        curves: Floats = output[:, _ACCURACY].reshape(len(configs), self._epochs).astype(np.float64)
        return np.where(np.isfinite(curves), curves, math.nan)
