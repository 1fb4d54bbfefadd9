"""A LightningModule with its data as an objective: hpsearch makes the Trainer."""

from __future__ import annotations

import importlib.util
import inspect
import logging
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from pydantic import Field

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.config.section import Named
from hpsearch.errors import FieldError, ObjectiveError
from hpsearch.objectives.base import TrainsOnly, iterate
from hpsearch.objectives.importing import find_function, folder_of
from hpsearch.objectives.way import Way
from hpsearch.text import nearest
from hpsearch.trial.handle import Metrics, Trial, inside
from hpsearch.trial.trial import Config

_FIELD = ("objective", "lightning")
_ALLOWED = "a function of (config) that returns a LightningModule and its data"
_DATA = (
    "(module, data) or {'module': module, 'data': data}, where data is a LightningDataModule, a DataLoader, or a tuple "
    "of two, for training and validation"
)
_OURS = (
    "accelerator",
    "barebones",
    "callbacks",
    "default_root_dir",
    "devices",
    "enable_checkpointing",
    "fast_dev_run",
    "max_epochs",
    "num_nodes",
    "strategy",
)
_PARTS = 2


class Lightning(ObjectiveSection):
    """A function of (config) that returns a LightningModule and its data.

    Attributes:
        trainer: Arguments of Lightning's Trainer, beside those that hpsearch sets.
    """

    one_gpu: ClassVar[bool] = True
    can_predict: ClassVar[bool | None] = False

    lightning: Named
    trainer: dict[str, Any] = Field(default={})


class LightningObjective(TrainsOnly):
    """Makes a module, its data and a Trainer for each trial.

    Args:
        settings: Names the function that makes module and data.
        extra_path: A folder to import from, after the working directory: the space file's.

    Raises:
        FieldError: Lightning is not installed, there is no such function, or the Trainer has no such argument.
    """

    what = "a LightningModule"

    def __init__(self, settings: Lightning, extra_path: str | None = None) -> None:
        if importlib.util.find_spec("lightning") is None:
            raise FieldError(_FIELD, "lightning is not installed", 'after pip install "hpsearch[lightning]"')
        _check_trainer(settings.trainer)
        self._build = find_function(settings.lightning, extra_path, _FIELD, _ALLOWED, ("config",))
        self._arguments = settings.trainer

    def train(self, config: Config, trial: Trial) -> Generator[Metrics, None, None]:
        """Yield what the module logged in each epoch.

        Raises:
            ObjectiveError: The function returned no module with data, or the module logged no metric.
        """
        yield from iterate(self._fit, config, trial)

    def _fit(self, config: Config, trial: Trial) -> None:
        import lightning
        from lightning.fabric.plugins.environments.lightning import LightningEnvironment

        from hpsearch.objectives.frameworks.lightning import HpsearchCallback

        with _logged(trial.log):
            module, data = _parts(self._build(config))
            callback = HpsearchCallback(trial)
            quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
            # Without it, a Trainer within a Slurm job counts that job's tasks as its own.
            arguments = {**quiet, "plugins": [LightningEnvironment()], **self._arguments}
            trainer = lightning.Trainer(
                **arguments,
                accelerator="cpu" if trial.device == "cpu" else "gpu",
                devices=1,
                max_epochs=inside(trial).total_epochs,
                enable_checkpointing=False,
                default_root_dir=trial.dir,
                callbacks=[callback],
            )
            trainer.fit(module, **data, ckpt_path=callback.resume_from)


LIGHTNING = Way(
    key="lightning",
    section=Lightning,
    load=LightningObjective,
    code_folder=lambda settings, *folders: folder_of(settings.lightning, *folders),
)


def _check_trainer(given: Mapping[str, Any]) -> None:
    import lightning

    known = [name for name in inspect.signature(lightning.Trainer.__init__).parameters if name != "self"]
    allowed = [name for name in known if name not in _OURS]
    for name in given:
        if name in _OURS:
            field = ("objective", "trainer", name)
            raise FieldError(field, "hpsearch sets it", ", ".join(allowed))
        if name not in known:
            field = ("objective", "trainer", name)
            raise FieldError(
                field, "Lightning's Trainer has no such argument", ", ".join(allowed), nearest(name, allowed)
            )


def _parts(built: Any) -> tuple[Any, dict[str, Any]]:
    """Return the module, and its data as arguments of `Trainer.fit`."""
    import lightning

    if isinstance(built, Mapping) and set(built) == {"module", "data"}:
        built = (built["module"], built["data"])
    if not (isinstance(built, tuple) and len(built) == _PARTS and isinstance(built[0], lightning.LightningModule)):
        msg = f"build returned a {type(built).__name__} without a LightningModule and data; allowed: {_DATA}"
        raise ObjectiveError(msg)
    module, data = built
    if isinstance(data, lightning.LightningDataModule):
        return module, {"datamodule": data}
    if isinstance(data, tuple):
        if len(data) != _PARTS:
            msg = f"build returned data of {len(data)} parts; allowed: {_DATA}"
            raise ObjectiveError(msg)
        return module, {"train_dataloaders": data[0], "val_dataloaders": data[1]}
    return module, {"train_dataloaders": data}


@contextmanager
def _logged(log: logging.Logger) -> Iterator[None]:
    """Send Lightning's log and warnings to the trial's log instead of the terminal."""
    theirs = logging.getLogger("lightning")
    handlers, propagate = theirs.handlers, theirs.propagate
    theirs.handlers, theirs.propagate = log.handlers, False
    try:
        with warnings.catch_warnings():
            # Its advice does not fit data that is small or in memory.
            warnings.filterwarnings("ignore", message=".*does not have many workers")
            warnings.showwarning = lambda message, *_, **__: log.warning("%s", message)
            yield
    finally:
        theirs.handlers, theirs.propagate = handlers, propagate
