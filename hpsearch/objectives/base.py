"""What an objective is, and the `trial` that it is given (DESIGN, section 5)."""

from __future__ import annotations

import inspect
import logging
import numbers
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hpsearch.errors import ObjectiveError, TrialStopped
from hpsearch.trial import Config, Measurement
from hpsearch.trial_dir import AttemptWriter

if TYPE_CHECKING:
    import numpy as np

Metrics = Mapping[str, float]
_JOIN_TIMEOUT_S = 5.0  # Ctrl-C has to end within 10 s


class Objective(Protocol):
    """What a trial trains. One is made in each worker and serves trial after trial.

    Attributes:
        can_predict: Whether `predict` is there; without it there is no ensemble.
    """

    can_predict: bool

    def setup(self, device: str) -> None:
        """Load what all trials of a worker share; called once, before the first trial."""
        ...

    def train(self, config: Config, trial: Trial) -> Iterator[Metrics]:
        """Yield the metrics of each epoch; closing the iterator ends the training."""
        ...

    def predict(self, checkpoint: Any, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return class probabilities (n_samples, n_classes) and labels (n_samples,) of `val` or `test`."""
        ...


class Trial:
    """What an objective sees of its trial.

    Attributes:
        number: From 0.
        seed: Below 2**32; Python, NumPy and torch are seeded with it already.
        device: As torch names it: `cpu` or `cuda:0`.
        dir: This attempt's own folder; files written here stay with the trial.
        log: A logger that writes to `log.txt` in it.
    """

    def __init__(
        self,
        *,
        number: int,
        seed: int,
        device: str,
        total_epochs: int,
        metric: str,
        writer: AttemptWriter,
        log: logging.Logger,
    ) -> None:
        self.number, self.seed, self.device, self.log = number, seed, device, log
        self.dir: Path = writer.folder
        self._total_epochs = total_epochs
        self._metric = metric
        self._writer = writer
        self._epoch = 0  # the epoch that was measured last, or is open
        self._open = True  # whether the epoch still awaits its measurement
        self._iterating = False
        self._hand_over: Callable[[Metrics], None] | None = None

    def epochs(self) -> Iterator[int]:
        """Yield the epochs that remain: after the checkpoint that was loaded, or from 1 if none was."""
        self._iterating = True
        for epoch in range(self._epoch + 1, self._total_epochs + 1):
            self._epoch, self._open = epoch, True
            yield epoch
        self._open = False

    def report(self, metrics: Metrics, checkpoint: object = None) -> None:
        """Report an epoch's metrics from code that can't yield.

        Args:
            metrics: At least the study's metric.
            checkpoint: What `save_checkpoint` takes.

        Raises:
            TrialStopped: The trial is to end; let it pass.
            ObjectiveError: The objective yields too, or the metrics are not numbers.
        """
        if self._hand_over is None:
            msg = "trial.report was called in a generator; yield the metrics instead"
            raise ObjectiveError(msg)
        if checkpoint is not None:
            self.save_checkpoint(checkpoint)
        self._hand_over(metrics)

    def save_checkpoint(self, state: object) -> None:
        """Stage a checkpoint; it is committed with the metrics of the yield that follows.

        Args:
            state: Tensors, numbers, text, and lists and dicts of them.

        Raises:
            CheckpointError: It could not be loaded back; the message names the key.
            ObjectiveError: This epoch's metrics were yielded already.
        """
        if self._iterating and not self._open:
            msg = (
                f"save_checkpoint was called after the yield of epoch {self._epoch}; call it before, "
                "or the weights would be kept under the next epoch's metrics"
            )
            raise ObjectiveError(msg)
        self._writer.stage(state)

    def load_checkpoint(self) -> Any:
        """Return the newest readable checkpoint, tensors on the CPU, or None on a fresh start."""
        loaded = self._writer.resume(self.log.warning)
        if loaded is None:
            return None
        self._epoch, state = loaded
        return state

    def measure(self, metrics: Metrics, seconds: float) -> Measurement:
        """Return the measurement for what the objective gave; hpsearch calls this, objectives don't.

        Raises:
            ObjectiveError: It is no mapping of names to numbers, lacks the metric, or is the epoch's second.
        """
        if self._iterating:
            if not self._open:
                msg = f"epoch {self._epoch} was measured twice; yield once per epoch"
                raise ObjectiveError(msg)
        else:
            self._epoch += 1
        self._open = False
        return Measurement(epoch=self._epoch, metrics=_numbers(metrics, self._metric), seconds=seconds)


def _numbers(metrics: object, required: str) -> dict[str, float]:
    if not isinstance(metrics, Mapping):
        msg = f"the objective yielded a {type(metrics).__name__}; allowed: a mapping of metric names to numbers"
        raise ObjectiveError(msg)
    if required not in metrics:
        msg = f"the objective yielded {', '.join(map(str, metrics)) or 'nothing'}, without the study's metric {required!r}"
        raise ObjectiveError(msg)
    values = {}
    for name, value in metrics.items():
        number = value.item() if hasattr(value, "item") and getattr(value, "size", None) != 0 else value
        if not isinstance(name, str) or isinstance(number, bool) or not isinstance(number, numbers.Real):
            msg = f"metric {name!r} is {value!r}; allowed: a number, named by text"
            raise ObjectiveError(msg)
        values[name] = float(number)
    return values


Train = Callable[[Config, Trial], Any]


def iterate(train: Train, config: Config, trial: Trial) -> Generator[Metrics, None, None]:
    """Yield what a training function yields, or reports.

    A generator runs in the caller's thread. A plain function may call `trial.report` at any depth, so it runs in a thread
    of its own, in lock-step: while it trains the caller waits, and while the caller works it waits.
    """
    if inspect.isgeneratorfunction(inspect.unwrap(train)):
        yield from train(config, trial)
    else:
        yield from _Reporting(train, config, trial).iterate()


class _Reporting:
    """A plain function, made a generator."""

    def __init__(self, train: Train, config: Config, trial: Trial) -> None:
        self._call = (train, config, trial)
        self._reports: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._verdicts: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._stopped = False
        trial._hand_over = self._hand_over  # noqa: SLF001 - this is the other half of Trial

    def _hand_over(self, metrics: Metrics) -> None:
        if not self._stopped:
            self._reports.put(("metrics", metrics))
            self._stopped = not self._verdicts.get()
        if self._stopped:
            msg = "the trial is to end"
            raise TrialStopped(msg)

    def _run(self) -> None:
        train, config, trial = self._call
        try:
            self._reports.put(("returned", train(config, trial)))
        except TrialStopped:
            self._reports.put(("returned", None))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            self._reports.put(("raised", error))

    def iterate(self) -> Generator[Metrics, None, None]:
        thread = threading.Thread(target=self._run, name="objective", daemon=True)
        thread.start()
        try:
            while True:
                kind, value = self._reports.get()
                if kind == "raised":
                    raise value
                if kind == "returned":
                    if isinstance(value, Iterator):  # a function that made a generator and returned it
                        yield from value
                    return
                yield value
                self._verdicts.put(True)
        finally:
            self._verdicts.put(False)
            thread.join(_JOIN_TIMEOUT_S)
