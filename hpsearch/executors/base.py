"""What an executor is. It runs what it is given; it decides nothing, and never sees pruning, sampling or the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.executors.machine.memory import Meter
from hpsearch.system.place import Place
from hpsearch.trial.events import Notice, TrialEvent
from hpsearch.trial.trial import PredictSpec, Stage, StopReason, TrialSpec

Task = TrialSpec | PredictSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Workplace:
    """What every worker of a study is given.

    Attributes:
        objective: What to load once per worker.
        folder: Absolute path of the working directory that the command was given in.
        module_folder: Absolute path that modules are looked for in after the working directory; the space file's.
        threads: CPU threads of one worker.
        gpu: Whether a worker has a GPU, or a share of one.
        fresh_process: Whether each trial gets a process of its own.
        trials_per_gpu: How many workers share a GPU.
        measures_memory: Whether to tell what trials take of it after each epoch.
        meter: Makes what reads that memory, once in each worker; None for torch and the GPU's driver.
        studies: Absolute path of the directory that studies lie in, whose files are no code.
        place: Where a copy of the code lies; None if the code runs where it lies.
        copied_code: The state of the repository when it was copied.
    """

    objective: ObjectiveSection
    folder: str
    module_folder: str | None = None
    threads: int = 1
    gpu: bool = False
    fresh_process: bool = False
    trials_per_gpu: int = 1
    measures_memory: bool = False
    meter: Callable[[], Meter] | None = None
    studies: str | None = None
    place: Place | None = None
    copied_code: Mapping[str, Any] | None = None


class Executor(Protocol):
    """Runs tasks on workers and hands back what happens, in the order in which it happened for each trial."""

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

    def poll(self, timeout_s: float) -> Sequence[TrialEvent | Notice]:
        """Return what has happened since; waits for at most the timeout if nothing has."""
        ...

    def end(self, key: tuple[Stage, int], reason: StopReason, detail: str) -> None:
        """End a task's worker; `WorkerLost` with this reason follows. In-process nothing can be ended."""
        ...

    def close(self) -> None:
        """End all workers and leave nothing behind."""
        ...
