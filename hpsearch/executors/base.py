"""What an executor is. It runs what it is given. It decides nothing, and never sees rules, samplers or the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.executors.machine.memory import Meter
from hpsearch.system.place import Place
from hpsearch.trial.events import Notice, TrialEvent
from hpsearch.trial.trial import Answer, Key, PredictSpec, StopReason, TrialSpec

Task = TrialSpec | PredictSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Workplace:
    """What every worker of a study is given.

    Attributes:
        objective: The objective, which each worker loads once.
        folder: Absolute path of the command's working directory.
        module_folder: Absolute path of the space file's folder, which imports search after the working directory.
        threads: CPU threads of one worker.
        gpu: Whether a worker has a GPU, or a share of one.
        fresh_process: Whether each trial gets a process of its own.
        gpus_per_trial: How many GPUs a worker has, if it has whole ones; 1 otherwise.
        trials_per_gpu: How many workers share a GPU.
        measures_memory: Whether workers report how much of its memory a trial takes, after each epoch.
        meter: Makes the meter of that memory, once in each worker; None for one that asks torch and the GPU's driver.
        studies: Absolute path of the directory of studies, whose files are no code.
        place: Where a copy of the code lies; None if the code is not copied.
        copied_code: The state of the repository when the code was copied.
    """

    objective: ObjectiveSection
    folder: str
    module_folder: str | None = None
    threads: int = 1
    gpu: bool = False
    fresh_process: bool = False
    gpus_per_trial: int = 1
    trials_per_gpu: int = 1
    measures_memory: bool = False
    meter: Callable[[], Meter] | None = None
    studies: str | None = None
    place: Place | None = None
    copied_code: Mapping[str, Any] | None = None

    @property
    def process_threads(self) -> int:
        """CPU threads of one process of a trial, which has one for each GPU, as torchrun starts them."""
        return max(1, self.threads // self.gpus_per_trial)


class Executor(Protocol):
    """Runs tasks on workers and returns what happens; the events of a trial come in their order."""

    @property
    def slots(self) -> int:
        """How many tasks can run at once, as far as is known."""
        ...

    @property
    def free(self) -> int:
        """How many tasks could start right now."""
        ...

    def submit(self, task: Task) -> None:
        """Start a task on a free worker."""
        ...

    def answer(self, key: Key, answer: Answer) -> None:
        """Tell a trial whose leg has ended whether it goes on. Nothing happens if its worker is gone."""
        ...

    def poll(self, timeout_s: float) -> Sequence[TrialEvent | Notice]:
        """Return what has happened since the last call; if nothing has, wait for at most the timeout."""
        ...

    def end(self, key: Key, reason: StopReason, detail: str) -> None:
        """End a task's worker; `WorkerLost` with this reason follows. In this process nothing can be ended."""
        ...

    def close(self) -> None:
        """End all workers and leave nothing behind."""
        ...
