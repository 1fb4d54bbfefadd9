"""A `ray.tune.Trainable` class as an objective: each `step()` is an epoch. It needs no Ray Tune and no cluster."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.config.section import Named
from hpsearch.errors import FieldError
from hpsearch.objectives.base import TrainsOnly
from hpsearch.objectives.frameworks.folders import packed, unpack
from hpsearch.objectives.importing import find, folder_of
from hpsearch.objectives.way import Way
from hpsearch.trial.handle import Metrics, Trial, inside
from hpsearch.trial.trial import Config

_FIELD = ("objective", "tune")
_ALLOWED = "a subclass of ray.tune.Trainable with setup and step"
_OWN_METHODS = ("train", "step", "setup", "cleanup", "save_checkpoint", "load_checkpoint")
_RESULT = "_hpsearch_result"


class Tune(ObjectiveSection):
    """A `ray.tune.Trainable` class; each `step()` is an epoch."""

    can_predict: ClassVar[bool | None] = False

    tune: Named


class TuneObjective(TrainsOnly):
    """Makes one instance for each trial, steps it, and cleans it up.

    After each step, hpsearch's checkpoint takes what `save_checkpoint` writes or returns. In a trial that was
    interrupted, `load_checkpoint` gets it back. A class without `save_checkpoint` starts again.

    Args:
        settings: Names the class.
        extra_path: A folder to import from, after the working directory: the space file's.

    Raises:
        FieldError: There is no such class, or it is not a Trainable.
    """

    what = "a ray.tune.Trainable"

    def __init__(self, settings: Tune, extra_path: str | None = None) -> None:
        target = find(settings.tune, extra_path, _FIELD, _ALLOWED)
        # Told by its methods, so that only the user's module imports ray.
        if not isinstance(target, type) or not all(callable(getattr(target, name, None)) for name in _OWN_METHODS):
            found = "a class that is none" if isinstance(target, type) else f"a {type(target).__name__}"
            raise FieldError(_FIELD, f"{settings.tune} is {found}", _ALLOWED)
        if "FunctionTrainable" in {base.__name__ for base in target.__mro__}:
            raise FieldError(_FIELD, f"{settings.tune} is a wrapped function", f"{_ALLOWED}; python: for a function")
        self._class = target

    def train(self, config: Config, trial: Trial) -> Generator[Metrics, None, None]:
        """Yield the numbers of each step's result, until the epochs are done or a result has `done: True`.

        Raises:
            ObjectiveError: A result is no mapping.
            CheckpointError: `save_checkpoint` returned what a checkpoint can't hold.
        """
        state = trial.load_checkpoint()
        # A copy: its __init__ removes keys.
        trainable = _inside_the_trial(self._class, trial.dir)(config=dict(config))
        try:
            if state is not None:
                _load(trainable, state, trial.dir)
            for _ in trial.epochs():
                trainable.train()
                result = getattr(trainable, _RESULT)
                _save(trainable, trial)
                yield _numbers(result, inside(trial).metric)
                if result.get("done"):
                    trial.log.info("the Trainable says that it is done")
                    return
        finally:
            trainable.stop()


TUNE = Way(
    key="tune",
    section=Tune,
    load=TuneObjective,
    code_folder=lambda settings, *folders: folder_of(settings.tune, *folders),
)


def _inside_the_trial(target: type, folder: Path) -> Callable[..., Any]:
    """Return the class with its log folder in the trial's, and with its results as `step` gave them.

    Tune would make a log folder below the user's home, and its `train` adds fields to the results.
    """

    def setup_logdir(self: Any) -> None:
        self._logdir = str(folder)

    def create_logger(self: Any, *_: Any) -> None:  # in its place before Ray 2.55, which would write logs of its own
        setup_logdir(self)
        self._result_logger = SimpleNamespace(on_result=_ignore, flush=_ignore, close=_ignore)

    def step(self: Any) -> Any:
        result = target.step(self)  # type: ignore[attr-defined]  # checked to be there
        setattr(self, _RESULT, result)
        return result

    own = {"_setup_logdir": setup_logdir, "_create_logger": create_logger, "step": step, "__doc__": target.__doc__}
    return type(target.__name__, (target,), own)


def _ignore(*_: Any) -> None:
    """Do nothing."""


def _save(trainable: Any, trial: Trial) -> None:
    folder = trial.dir / ".tune-checkpoint"
    folder.mkdir()
    try:
        given = trainable.save_checkpoint(str(folder))
        content = given if isinstance(given, Mapping) else None
        trial.save_checkpoint({"iteration": trainable.iteration, "state": content, "files": packed(folder)})
    except NotImplementedError:
        return  # such a trial starts again after an interruption
    finally:
        shutil.rmtree(folder)


def _load(trainable: Any, state: Mapping[str, Any], trial_dir: Path) -> None:
    """Load a checkpoint into a Trainable, in the form in which it was saved."""
    folder = trial_dir / ".tune-checkpoint"
    try:
        unpack(state["files"], folder)
        trainable.load_checkpoint(str(folder) if state["state"] is None else state["state"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    # As Trainable.restore does: its users read `iteration` and `training_iteration`.
    trainable._iteration = state["iteration"]  # noqa: SLF001 - there is no public way to set it
    trainable._restored = True  # noqa: SLF001


def _numbers(result: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """Return the numbers of a result, which may hold anything."""
    return {
        name: value
        for name, value in result.items()
        if name == metric or (name != "done" and isinstance(value, int | float) and not isinstance(value, bool))
    }
