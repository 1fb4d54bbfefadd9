"""A callback for the Trainer of Hugging Face's transformers: it reports each evaluation, and ends a trial early."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, IntervalStrategy, SaveStrategy

from hpsearch.errors import ObjectiveError, TrialStopped
from hpsearch.objectives.frameworks.folders import packed, unpack
from hpsearch.trial.handle import Trial, inside


class HpsearchCallback(TrainerCallback):
    """Reports the metrics of each epoch's evaluation, with the Trainer's own checkpoint to go on from.

    When the trial has to end, `Trainer.train` returns as it does after the last epoch.

    Args:
        trial: As the training function got it.

    Attributes:
        epochs: The full length of the trial, for `num_train_epochs`.
        resume_from: What to give as `resume_from_checkpoint` to `Trainer.train`; None on a fresh start.
        stopped: Whether the trial has to end before its last epoch.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._metrics: dict[str, float] | None = None
        self.epochs = inside(trial).total_epochs
        self.stopped = False
        self.resume_from: str | None = None
        state = trial.load_checkpoint()
        if state is not None:
            folder = trial.dir / ".huggingface-resume"
            unpack(state["files"], folder)
            self.resume_from = str(folder)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Refuse arguments with which epochs would not be reported, or could not be resumed.

        Raises:
            ObjectiveError: It names the argument and what is allowed.
        """
        del state, control  # of no use here
        if args.eval_strategy != IntervalStrategy.EPOCH:
            msg = f"eval_strategy is {IntervalStrategy(args.eval_strategy).value!r}; allowed: 'epoch'"
            raise ObjectiveError(msg)
        if args.save_strategy not in (IntervalStrategy.NO, IntervalStrategy.EPOCH):
            msg = f"save_strategy is {SaveStrategy(args.save_strategy).value!r}; allowed: 'no', 'epoch'"
            raise ObjectiveError(msg)
        if args.save_only_model:
            msg = "save_only_model is true; allowed: false, or a trial could not be resumed"
            raise ObjectiveError(msg)

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> TrainerControl:
        """Keep the metrics, and ask for a checkpoint to report with them."""
        del args, state  # of no use here
        self._clean()
        # The Trainer's own count of epochs is no metric.
        self._metrics = {name: value for name, value in given["metrics"].items() if name != "epoch"}
        control.should_save = not self.stopped
        return control

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Report the epoch."""
        if self._metrics is None:
            return control
        metrics, self._metrics = self._metrics, None
        folder = Path(args.output_dir or ".", f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}")
        files = packed(folder)
        if args.save_strategy == IntervalStrategy.NO:
            shutil.rmtree(folder)
        trial, epoch = inside(self._trial), round(state.epoch or 0)
        if epoch != trial.epoch() + 1:
            trial.at_epoch(epoch)
        try:
            self._trial.report(metrics, checkpoint={"files": files})
        except TrialStopped:
            self.stopped = True
            control.should_training_stop = True
        return control

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Remove the folder that training resumed from."""
        del args, state, control  # of no use here
        self._clean()

    def _clean(self) -> None:
        if self.resume_from is not None:
            shutil.rmtree(self.resume_from, ignore_errors=True)
