"""A callback for Lightning's Trainer: it reports each epoch, and ends a trial early."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch

from hpsearch.errors import TrialStopped
from hpsearch.trial.checkpoint import save_state
from hpsearch.trial.handle import Trial, inside

_RANDOM = "hpsearch_random"
# They may be of any class, and `weights_only` loading would refuse them. Nothing reads them: the module is made anew.
_HYPERPARAMETERS = (
    "hparams_name",
    "hyper_parameters",
    "hparams_type",
    "datamodule_hparams_name",
    "datamodule_hyper_parameters",
    "datamodule_hparams_type",
)


class HpsearchCallback(lightning.Callback):
    """Reports the metrics that were logged in each epoch, with a checkpoint to go on from.

    An epoch is reported when the next one begins, or when training ends: only then are its schedulers stepped. An epoch
    without validation is not reported if others have validation. When the trial has to end, `fit` returns as it does
    after the last epoch.

    Args:
        trial: As the training function got it.

    Attributes:
        epochs: The full length of the trial, for `max_epochs`.
        resume_from: What to give as `ckpt_path` to `Trainer.fit`; None on a fresh start.
        stopped: Whether the trial has to end before its last epoch.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self.epochs = inside(trial).total_epochs
        self.stopped = False
        self.resume_from: Path | None = None
        self._random: dict[str, Any] | None = None
        self._validated = False
        self._reported = 0
        state = trial.load_checkpoint()
        if state is not None:
            self._random = state.pop(_RANDOM)
            self._reported = inside(trial).epoch()
            self.resume_from = trial.dir / ".lightning-resume.ckpt"
            save_state(state, self.resume_from)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Go on as if the earlier epochs had run here."""
        del pl_module  # of no use here
        if self.resume_from is None:
            return
        self.resume_from.unlink(missing_ok=True)
        # The checkpoint was taken between epochs. The loops take it for one within an epoch: they would end the epoch
        # a second time, and begin the next one with an iterator made before the random states were restored.
        loop: Any = trainer.fit_loop  # its counters are typed as less than they are
        loop.restarting = False
        loop.on_iteration_done()
        for counts in (loop.epoch_progress.total, loop.epoch_progress.current):
            counts.ready = counts.started = counts.completed = counts.processed

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Note that there are metrics of this epoch."""
        del pl_module  # of no use here
        self._validated = not trainer.sanity_checking

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Report the epoch before, or restore the random states from after it."""
        del pl_module  # of no use here
        if self._random is not None:
            _set_random_states(self._random)
            self._random = None
            return
        self._report(trainer)
        if self.stopped:
            raise StopIteration  # this ends the loop with all hooks, as after its last epoch

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Report the last epoch."""
        del pl_module  # of no use here
        if not self.stopped:
            self._report(trainer)

    def _report(self, trainer: lightning.Trainer) -> None:
        epoch = trainer.current_epoch
        measured = self._validated or not trainer.enable_validation
        self._validated = False
        if epoch <= self._reported or not measured:
            return
        self._reported = epoch
        state = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)  # noqa: SLF001 - the public one writes a file
        for name in _HYPERPARAMETERS:
            state.pop(name, None)
        metrics = {name: value.item() for name, value in trainer.callback_metrics.items()}
        trial = inside(self._trial)
        if epoch != trial.epoch() + 1:
            trial.at_epoch(epoch)
        try:
            self._trial.report(metrics, checkpoint={**state, _RANDOM: _random_states()})
        except TrialStopped:
            self.stopped = True


def _random_states() -> dict[str, Any]:
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - the global generator is one of them
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {
        "python": random.getstate(),
        "numpy": [name, np.asarray(keys).tolist(), *rest],
        "torch": torch.get_rng_state(),
        "cuda": cuda,
    }


def _set_random_states(states: dict[str, Any]) -> None:
    random.setstate(states["python"])
    np.random.set_state(tuple(states["numpy"]))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
