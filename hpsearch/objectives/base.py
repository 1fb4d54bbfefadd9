"""What an objective is, and how one that only reports is made to yield."""

from __future__ import annotations

import inspect
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol

from hpsearch.errors import ObjectiveError, TrialStopped
from hpsearch.trial.handle import Metrics, Trial, inside
from hpsearch.trial.trial import Config

if TYPE_CHECKING:
    import numpy as np

FORMS = "a generator function or a function, each of (config, trial), or a class with train(self, config, trial)"
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


class TrainsOnly:
    """What an objective is that needs no setup and can't be asked for predictions, so there is no ensemble.

    Attributes:
        what: The objective in words, for messages.
    """

    can_predict = False
    what: ClassVar[str]

    def setup(self, device: str) -> None:
        """Do nothing: all is made for each trial."""

    def predict(self, checkpoint: Any, split: str) -> NoReturn:
        """Refuse.

        Raises:
            ObjectiveError: Always.
        """
        del checkpoint, split  # of no use here
        msg = f"{self.what} can't predict"
        raise ObjectiveError(msg)


Train = Callable[[Config, Trial], Any]


def iterate(train: Train, config: Config, trial: Trial) -> Generator[Metrics, None, None]:
    """Yield what a training function yields, or reports.

    A generator runs in the caller's thread. A plain function may call `trial.report` at any depth, so it runs in a
    thread of its own. The two take turns: while one works, the other waits.

    Raises:
        ObjectiveError: It ended without a measurement.
    """
    generates = inspect.isgeneratorfunction(train)
    measured = False
    with closing(train(config, trial) if generates else _Reporting(train, config, trial).iterate()) as steps:
        for metrics in steps:
            measured = True
            yield metrics
    if not measured:
        inside(trial).check_trained()


class _Reporting:
    """A plain function as a generator."""

    def __init__(self, train: Train, config: Config, trial: Trial) -> None:
        self._call = (train, config, trial)
        self._reports: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._verdicts: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._stopped = False
        self._log = trial.log
        self._report_to = inside(trial).report_to
        self._report_to(self._hand_over)

    def _hand_over(self, metrics: Metrics) -> None:
        if not self._stopped:
            self._reports.put(("metrics", metrics))
            self._stopped = not self._verdicts.get()
        if self._stopped:
            msg = "the trial has to end"
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
                        self._report_to(None)  # it runs in this thread, where a report would wait for itself
                        yield from value
                    return
                yield value
                self._verdicts.put(item=True)
        finally:
            self._verdicts.put(item=False)
            thread.join(_JOIN_TIMEOUT_S)
            if thread.is_alive():
                self._log.warning("the objective still trains although its trial has ended; don't catch TrialStopped")
