"""The user's Python as an objective: `package.module:name`."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.config.section import Named
from hpsearch.errors import FieldError, ObjectiveError
from hpsearch.objectives.base import FORMS, iterate
from hpsearch.objectives.importing import check_arguments, check_callable, find, folder_of
from hpsearch.objectives.way import Way
from hpsearch.text import nearest
from hpsearch.trial.handle import Metrics, Trial
from hpsearch.trial.trial import Config

if TYPE_CHECKING:
    import numpy as np

_FIELD = ("objective", "python")
_SUM_TOLERANCE = 1e-2  # a softmax in half precision over 1,000 classes sums to 1 within this
_FLOAT32_BYTES = 4  # fewer are not exact enough for a vote
_AXES = 2  # samples and classes
_METHODS = {"train": ("config", "trial"), "setup": ("device",), "predict": ("checkpoint", "split")}


class Python(ObjectiveSection):
    """The user's Python: `package.module:name`, a generator function, a function that reports, or a class."""

    python: Named


class PythonObjective:
    """A generator function, a function that reports, or a class. One instance of a class serves all trials of a worker.

    To make this calls none of the user's code: a class is instantiated by `setup`, or by the first call that needs it.

    Args:
        settings: Names it.
        extra_path: A folder to import from, after the working directory: the space file's.

    Raises:
        FieldError: There is no such module or name, or it can't train.
    """

    def __init__(self, settings: Python, extra_path: str | None = None) -> None:
        self._target = find(settings.python, extra_path, _FIELD, FORMS)
        _check_target(self._target, settings.python)
        self.can_predict = isinstance(self._target, type) and callable(getattr(self._target, "predict", None))

    @cached_property
    def _instance(self) -> Any:
        return self._target() if isinstance(self._target, type) else self._target

    def setup(self, device: str) -> None:
        """Make the instance of a class, and call its `setup` if it has one."""
        if isinstance(self._target, type) and hasattr(self._instance, "setup"):
            self._instance.setup(device)

    def train(self, config: Config, trial: Trial) -> Generator[Metrics, None, None]:
        """Yield the metrics of each epoch, whichever form the objective has.

        Raises:
            ObjectiveError: It ended without a measurement.
        """
        target = self._instance
        yield from iterate(target.train if isinstance(self._target, type) else target, config, trial)

    def predict(self, checkpoint: Any, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return class probabilities (n_samples, n_classes) and labels (n_samples,) of `val` or `test`.

        Raises:
            ObjectiveError: The objective can't predict, or returned something else.
        """
        if not self.can_predict:
            msg = "the objective can't predict; a class with predict(self, checkpoint, split) can"
            raise ObjectiveError(msg)
        return _checked(self._instance.predict(checkpoint, split))


PYTHON = Way(
    key="python",
    section=Python,
    load=PythonObjective,
    code_folder=lambda settings, *folders: folder_of(settings.python, *folders),
)


def _check_target(target: Any, text: str) -> None:
    check_callable(target, _FIELD, text, FORMS)
    if not isinstance(target, type):
        check_arguments(target, _FIELD, text, ("config", "trial"))
        return
    if not callable(getattr(target, "train", None)):
        methods = [name for name in vars(target) if not name.startswith("_")]
        raise FieldError(_FIELD, f"the class {text} has no method 'train'", FORMS, nearest("train", methods))
    check_arguments(target, _FIELD, text, ())
    for name, arguments in _METHODS.items():
        method = inspect.getattr_static(target, name, None)
        if method is not None:
            bound = isinstance(method, staticmethod | classmethod)
            given = arguments if bound else ("self", *arguments)
            check_arguments(getattr(target, name), _FIELD, f"{text}.{name}", given)


def _checked(result: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the result of `predict` as arrays.

    Raises:
        ObjectiveError: It is not what `predict` has to return.
    """
    try:
        probabilities, labels = map(_array, result)
    except (TypeError, ValueError):
        msg = (
            f"predict returned {_shape(result)}; allowed: probabilities (n_samples, n_classes) and labels (n_samples,)"
        )
        raise ObjectiveError(msg) from None
    problem = _problem(probabilities, labels)
    if problem:
        msg = f"predict returned {problem}"
        raise ObjectiveError(msg)
    if probabilities.dtype.kind != "f" or probabilities.itemsize < _FLOAT32_BYTES:
        probabilities = probabilities.astype("float32")
    return probabilities, labels


def _array(value: Any) -> np.ndarray:
    """Return an array for a tensor on any device, an array, or nested lists."""
    import numpy as np

    if hasattr(value, "detach"):
        value = value.detach().cpu()
        try:
            return np.asarray(value.numpy())
        except TypeError:  # bfloat16 has no NumPy type
            return np.asarray(value.float().numpy())
    return np.asarray(value)


def _problem(probabilities: np.ndarray, labels: np.ndarray) -> str:
    """Return what is wrong with predictions, or an empty string."""
    import numpy as np

    if probabilities.ndim != _AXES or 0 in probabilities.shape or probabilities.dtype.kind not in "fiu":
        return f"probabilities {_shape(probabilities)}; allowed: numbers (n_samples, n_classes)"
    if labels.shape != probabilities.shape[:1] or labels.dtype.kind not in "iu":
        return (
            f"labels {_shape(labels)}; allowed: integers ({probabilities.shape[0]},), one for each row of probabilities"
        )
    if not np.isfinite(probabilities).all():
        return "probabilities that are not finite"
    sums = probabilities.sum(axis=1, dtype=np.float64)
    if probabilities.min() < 0 or abs(sums - 1).max() > _SUM_TOLERANCE:
        return "rows that are no probabilities (not below 0, sum 1); for logits, apply a softmax first"
    if not 0 <= labels.min() <= labels.max() < probabilities.shape[1]:
        classes = probabilities.shape[1]
        return f"labels from {labels.min()} to {labels.max()}; allowed for {classes} classes: 0 to {classes - 1}"
    return ""


def _shape(value: Any) -> str:
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None:
        return f"of shape {tuple(shape)} and type {dtype}"
    size = f" of {len(value)}" if hasattr(value, "__len__") else ""
    return f"a {type(value).__name__}{size}"
