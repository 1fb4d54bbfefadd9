"""Which worker of a Ray executor takes a task if several share a GPU, and when they begin to share."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from hpsearch.executors.base import Task
from hpsearch.executors.machine.packing import (
    PeakWatch,
    Seat,
    group_to_hold,
    in_gib,
    is_leak,
    seat_alone,
    usable,
)
from hpsearch.executors.ray.slots import Slot
from hpsearch.executors.resources import Resources
from hpsearch.trial.events import GpuUse, Notice, TrialEnded, TrialEvent, TrialMeasured, TrialPaused, WorkerLost
from hpsearch.trial.trial import Key, State, StopReason, TrialSpec

_TOLD_LEAKS = 3  # an objective that leaks does so in every trial


@dataclass(slots=True, eq=False)
class _Alone:
    """A task that has its GPU alone, or waits for that. It runs once it has a slot."""

    task: Task
    group: Hashable | None = None
    slot: Slot | None = None


class Packer:
    """Chooses a worker for each task, and follows what trials that share a GPU take.

    Args:
        resources: What the executor has.
        most: The most trials on one GPU if their number is to be found out; 1 if it is given.

    Attributes:
        trials_per_gpu: How many workers share a GPU; it changes at most once.
    """

    def __init__(self, resources: Resources, most: int = 1) -> None:
        self.trials_per_gpu = resources.trials_per_gpu
        self._told: list[Notice | TrialEvent] = []
        self._has_gpus = resources.gpus_per_slot > 0
        self._watch = PeakWatch(most=most) if most > 1 else None
        self._alone: list[_Alone] = []
        self._leaks = 0

    @property
    def measures(self) -> bool:
        """Whether it still finds out how many trials fit on a GPU."""
        return self._watch is not None

    def free(self, slots: Sequence[Slot]) -> int:
        """Return how many tasks could start right now."""
        if not self._alone:
            return sum(slot.idle for slot in slots)
        waiting = sum(alone.group is None for alone in self._alone)  # these come first
        return max(0, len(usable(_seats(slots), self._held())) - waiting)

    def place(self, slots: Sequence[Slot], task: Task) -> Slot | None:
        """Return the worker that runs a task; None if the task waits for a GPU of its own (`due`)."""
        if isinstance(task, TrialSpec) and task.alone and any(slot.group for slot in slots):
            self._alone.append(_Alone(task))
            return None
        if not self._has_gpus:
            return next(slot for slot in slots if slot.idle)
        return slots[usable(_seats(slots), self._held())[0]]

    def due(self, slots: Sequence[Slot]) -> list[tuple[Slot, Task]]:
        """Return the tasks that can now have a GPU alone, each with its worker; the caller starts them."""
        found = []
        for alone in self._alone:
            if alone.slot is not None:
                continue
            seats = _seats(slots)
            if all(seat.group != alone.group for seat in seats):
                alone.group = None  # its workers are gone
            if alone.group is None:
                alone.group = group_to_hold(seats, self._held())
            position = None if alone.group is None else seat_alone(seats, alone.group)
            if position is not None:
                alone.slot = slots[position]
                found.append((alone.slot, alone.task))
        return found

    def task_ended(self, slot: Slot) -> None:
        """Give the other workers of its GPU tasks again."""
        self._alone = [alone for alone in self._alone if alone.slot is not slot]

    def withdraw(self, key: Key, reason: StopReason, detail: str) -> None:
        """Give up a task that waits for its GPU; if there is one with this key, `told` has its `WorkerLost`."""
        for alone in [alone for alone in self._alone if alone.slot is None and alone.task.key == key]:
            self._alone.remove(alone)
            stage, number = key
            lost = WorkerLost(stage=stage, number=number, attempt=alone.task.attempt, reason=reason, detail=detail)
            self._told.append(lost)

    def told(self) -> list[Notice | TrialEvent]:
        """Return the events and notices since the last call."""
        told, self._told = self._told, []
        return told

    def saw(self, slot: Slot, events: Sequence[TrialEvent]) -> bool:
        """Look at what a worker has said.

        Returns:
            Whether `trials_per_gpu` has changed.
        """
        if not self._has_gpus:
            return False
        before = self.trials_per_gpu
        for event in events:
            if isinstance(event, TrialEnded | TrialPaused) and event.gpu is not None:
                self._look_for_leak(slot, event, event.gpu)
            if self._watch is not None and isinstance(event, TrialMeasured | TrialEnded):
                self._measure(self._watch, event)
        return self.trials_per_gpu != before

    def _look_for_leak(self, slot: Slot, event: TrialEnded | TrialPaused, use: GpuUse) -> None:
        if not is_leak(use, slot.trials_per_gpu):
            return
        slot.leaks = True
        self._leaks += 1
        if self._leaks <= _TOLD_LEAKS:
            last = "; it is not told again" if self._leaks == _TOLD_LEAKS else ""
            kept = f"worker {event.worker} kept {in_gib(use.kept_bytes)} of GPU memory after trial {event.number}"
            self._told.append(Notice(message=f"{kept}: replaced{last}"))

    def _measure(self, watch: PeakWatch, event: TrialMeasured | TrialEnded) -> None:
        if isinstance(event, TrialEnded) and event.gpu is None and event.reason.state is not State.FAIL:
            self._watch = None
            self._told.append(
                Notice(message="one trial on each GPU: --trials-per-gpu auto can't read the memory that trials take")
            )
            return
        watch.saw(event)
        fits = watch.fits
        if fits is not None:
            self.trials_per_gpu, self._watch = fits, None
            self._told.append(Notice(message=watch.text))

    def _held(self) -> list[Hashable]:
        return [alone.group for alone in self._alone if alone.group is not None]


def _seats(slots: Sequence[Slot]) -> list[Seat]:
    return [Seat(slot.group, slot.idle, slot.task is not None) for slot in slots]
