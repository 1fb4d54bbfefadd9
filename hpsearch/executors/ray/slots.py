"""A Ray executor's view of its workers, and what has come from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hpsearch.executors.base import Task
from hpsearch.executors.ray.actor import Home
from hpsearch.executors.ray.start import first_line, ray
from hpsearch.trial.events import TrialEvent, WorkerLost
from hpsearch.trial.trial import StopReason


@dataclass(slots=True, eq=False)
class Slot:
    """A worker and its task.

    Attributes:
        actor: Ray's handle of it.
        starting: What Ray returns once its process is up; None after that. It may wait for room in the cluster.
        home: Where it runs; None until it is up.
        task: What it works on; None while it is idle.
        stream: The events of its task; None while it is idle or asks.
        asks: Whether it holds its trial open at the end of a leg, until it is answered.
        ended_for: Why it was killed in the middle of its task; None if it was not.
        trials_per_gpu: How many workers share its GPU.
        beside: How many more workers start on its node once it is up.
        leaks: Whether it keeps GPU memory between trials, so that it must be replaced.
    """

    actor: Any
    starting: Any = None
    home: Home | None = None
    task: Task | None = None
    stream: Any = None
    asks: bool = False
    ended_for: tuple[StopReason, str] | None = None
    trials_per_gpu: int = 1
    beside: int = 0
    leaks: bool = False

    @property
    def group(self) -> tuple[str, ...] | None:
        """The name of its GPU, the same for all workers there; None for a CPU worker, and before it is up."""
        return (self.home.node, *self.home.gpus) if self.home is not None and self.home.gpus else None

    @property
    def idle(self) -> bool:
        """Whether it is up and has no task."""
        return self.starting is None and self.task is None

    @property
    def awaited(self) -> Any:
        """What Ray can wait for: the start of the process, or the next item of the stream; None while it is idle."""
        return self.stream if self.starting is None else self.starting


@dataclass(slots=True)
class Drained:
    """What has come from a slot's stream.

    Attributes:
        events: The events in their order.
        finished: Whether the task is over.
        error: Ray's error if the worker has died; the events are those that still came.
    """

    events: list[TrialEvent]
    finished: bool = False
    error: Exception | None = None


def heard(slots: list[Slot], timeout_s: float) -> list[Slot]:
    """Return the slots with news; if there are none, wait for at most the timeout."""
    waiting = {slot.awaited: slot for slot in slots if slot.awaited is not None}
    if not waiting:
        return []
    references = list(waiting)
    if timeout_s:
        ready, _ = ray.wait(references, num_returns=1, timeout=timeout_s, fetch_local=False)
    if not timeout_s or (ready and len(references) > 1):  # the first call returns at most one
        ready, _ = ray.wait(references, num_returns=len(references), timeout=0, fetch_local=False)
    return [waiting[reference] for reference in ready]


def drain(slot: Slot) -> Drained:
    """Take what is ready of a slot's stream, with one call of Ray for the values of all items."""
    references: list[Any] = []
    finished, error = False, None
    try:
        while slot.stream.next_ready():
            # At the end of the stream next_ready may be true once more, although nothing follows.
            reference = next(slot.stream, None)
            if reference is None:
                break
            references.append(reference)
        finished = slot.stream.is_finished()
    except ray.exceptions.RayError as caught:
        error = caught
    events: list[TrialEvent] = []
    try:
        _extend(events, ray.get(references))
    except ray.exceptions.RayError:  # one of them failed: those before it count
        try:
            for reference in references:
                _extend(events, [ray.get(reference)])
        except ray.exceptions.RayError as caught:
            error = caught
    return Drained(events, finished, error)


def _extend(events: list[TrialEvent], items: list[Any]) -> None:
    for item in items:  # a worker may send several events at once
        events.extend(item if isinstance(item, list | tuple) else (item,))


def left_alone(error: Exception) -> bool:
    """Return whether an error says that a worker's node died or can't be reached: its process is not to blame."""
    return isinstance(error, ray.exceptions.ActorUnavailableError) or "node has died" in str(error)


def reason_of(error: Exception) -> str:
    """Return why a worker did not start: the last line of its own error, or else the first line of Ray's."""
    if getattr(error, "actor_init_failed", False):
        return str(error).strip().splitlines()[-1].strip()
    return first_line(getattr(error, "cause", None) or error)


def lost(slot: Slot, error: Exception) -> WorkerLost:
    """Return the event of a task whose worker has died."""
    task = slot.task
    assert task is not None  # noqa: S101 - a stream belongs to a task
    reason, detail = slot.ended_for or (_reason(error), _how_it_ended(slot.home, error))
    return WorkerLost(stage=task.stage, number=task.number, attempt=task.attempt, reason=reason, detail=detail)


def _reason(error: Exception) -> StopReason:
    return StopReason.OOM if _is_out_of_memory(error) else StopReason.LOST


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether Ray ended the worker because its node ran out of memory. If the kernel did, nothing says so."""
    return isinstance(error, ray.exceptions.OutOfMemoryError) or "running low on memory" in str(error)


def _how_it_ended(home: Home | None, error: Exception) -> str:
    if home is not None and left_alone(error):
        return f"node {home.host} died, or can't be reached"
    if home is not None and _is_out_of_memory(error):
        return f"process {home.pid} was ended, for {home.host} ran out of memory"
    if home is not None and isinstance(error, ray.exceptions.ActorDiedError):
        return f"process {home.pid} on {home.host} died"
    return first_line(getattr(error, "cause", None) or error)
