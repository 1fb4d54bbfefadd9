"""What a Ray actor runs: a worker process that runs tasks as streams of events. Ray has imported it."""

from __future__ import annotations

import math
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from hpsearch.errors import Interrupted
from hpsearch.executors.base import Task, Workplace
from hpsearch.executors.ray.files import Needs, in_copy
from hpsearch.executors.worker.worker import Events, Worker
from hpsearch.objectives.importing import import_from_copy
from hpsearch.trial.events import LegEnded, TrialEvent, TrialMeasured
from hpsearch.trial.folder import LOG
from hpsearch.trial.trial import Answer, PredictSpec

_SHORT_S, _TOGETHER_S = 0.02, 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """Where a worker runs.

    Attributes:
        node: Ray's name for the machine.
        gpus: The ids of its GPUs there, as Ray names them.
        problem: Why no trial can run there; empty if one can.
    """

    node: str
    host: str
    pid: int
    gpus: tuple[str, ...] = ()
    problem: str = ""


class Actor:
    """A worker process; Ray makes an actor class of it.

    Args:
        workplace: What all workers of the study share.
        needs: Which files of the study it must see.
    """

    def __init__(self, workplace: Workplace, needs: Needs) -> None:
        if not workplace.gpu:
            # Ray leaves it unset for CPU workers, which would then see every GPU.
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # the order by which the command finds idle GPUs
        os.environ["OMP_NUM_THREADS"] = str(workplace.process_threads)
        self._needs = needs
        if needs.sent_from is not None:
            workplace = in_copy(workplace, needs.sent_from, str(Path.cwd()))
        with suppress(OSError):  # `ready` reports it
            os.chdir(workplace.folder)
        if workplace.place is not None:
            import_from_copy(workplace.place)
        self._worker = Worker(workplace, own_process=True, check=_Termination().check)
        self._log: Path | None = None  # of the trial; None for predictions

    def ready(self) -> Home:
        """Return where the process runs, once it is up."""
        import ray

        context = ray.get_runtime_context()
        gpus = tuple(context.get_accelerator_ids().get("GPU", ()))
        return Home(
            node=context.get_node_id(),
            host=socket.gethostname(),
            pid=os.getpid(),
            gpus=gpus,
            problem=self._needs.problem(),
        )

    def run(self, task: Task) -> Iterator[list[TrialEvent]]:
        """Run a task as a stream of messages, each with some events. The end of a leg ends the stream too.

        Raises:
            SystemExit: This process was told to end. For Ray it is lost, and the task goes to another.
        """
        self._log = None if isinstance(task, PredictSpec) else Path(task.folder) / LOG
        self._events = self._worker.run(task)
        yield from self._stream(None)

    def answer(self, answer: Answer) -> Iterator[list[TrialEvent]]:
        """Go on with the trial whose leg has ended; as `run`."""
        yield from self._stream(answer)

    def _stream(self, answer: Answer | None) -> Iterator[list[TrialEvent]]:
        with nullcontext() if self._log is None else _output_to(self._log):
            try:
                yield from messages(leg(self._events, answer))
            except Interrupted as told:
                sys.exit(128 + told.signal_number)


class _Termination:
    """Whether SIGTERM has told this process to end: from a node that shuts down, `scancel`, or Ray as it ends.

    Ray's handler raises SystemExit, which an objective may catch, or raise by itself. A trial that the signal ends has
    not failed, so the signal is kept here.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._before = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, self._handle)

    def check(self) -> None:
        """Raise if the signal has come.

        Raises:
            Interrupted: It has.
        """
        if self._number is not None:
            raise Interrupted(self._number)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._number = number
        if callable(self._before):
            self._before(number, frame)
        sys.exit(128 + number)


def leg(events: Events, answer: Answer | None) -> Iterator[TrialEvent]:
    """Yield the events of a task up to the end of a leg, or to its own.

    Args:
        events: All of them; they are held open at the end of a leg.
        answer: To the leg that ended before; None for the first leg.
    """
    with suppress(StopIteration):
        event = events.send(answer)
        while not isinstance(event, LegEnded):
            yield event
            event = next(events)
        yield event


def messages(events: Iterable[TrialEvent], clock: Callable[[], float] = time.monotonic) -> Iterator[list[TrialEvent]]:
    """Send events together if nobody waits for them one by one: a message costs the driver a millisecond.

    The last epoch goes with the end of the trial, unless processes have yet to end. Epochs shorter than 20 ms go
    together, up to 0.1 s of them.

    Args:
        events: The events of one task.
        clock: Seconds, monotonic.
    """
    together: list[TrialEvent] = []
    before_s, told = math.inf, clock()
    for event in events:
        together.append(event)
        if isinstance(event, TrialMeasured):
            longer_s, before_s = max(before_s, event.measurement.seconds), event.measurement.seconds
            short = longer_s < _SHORT_S and clock() - told < _TOGETHER_S
            if not event.ending_s and (event.last or short):
                continue
        yield together
        together, told = [], clock()


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Append what this process and its children print to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    saved = [os.dup(1), os.dup(2)]
    with path.open("ab") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # an objective may have closed or replaced it
                stream.flush()
        for descriptor, before in zip((1, 2), saved, strict=True):
            os.dup2(before, descriptor)
            os.close(before)
