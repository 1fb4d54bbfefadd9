"""How many trials share a GPU, and which worker may take a task: pure rules on what an executor has seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from hpsearch.trial.events import GpuUse, TrialEnded, TrialMeasured
from hpsearch.trial.trial import State, StopReason

HEADROOM = 0.9
"""The part of a GPU's memory that is given out: later trials may take more than the first ones."""
MOST = 8
"""The most trials on one GPU: more would wait for its processors, not for its memory."""
TRIALS = 3
"""How many trials are measured before trials share a GPU."""
EPOCHS = 2
"""How many epochs measure a trial, unless it ends before: the second has what optimizer and validation add."""

_UNITS = 10_000  # Ray counts shares of a GPU in units of 1/10,000; rounded up, the last worker would not fit
_LEAK_BYTES = 64 << 20  # cuDNN and cuBLAS keep some tens of MiB, which are no leak
_LEAK_PART = 0.05


def share_of(trials_per_gpu: int) -> float:
    """Return the share of a GPU that each worker asks Ray for if so many share it."""
    return _UNITS // trials_per_gpu / _UNITS


def trials_that_fit(uses: Iterable[GpuUse], most: int = MOST) -> int:
    """Return how many trials can share a GPU, at least 1, if each takes as much as the largest.

    Args:
        uses: What the measured trials took.
        most: Another limit, such as one CPU thread for each.
    """
    fits = (int(HEADROOM * use.room_bytes // use.peak_bytes) if use.peak_bytes else most for use in uses)
    return max(1, min([most, *fits]))


def is_leak(use: GpuUse, trials_per_gpu: int) -> bool:
    """Return whether a worker keeps so much memory between trials that it must be replaced.

    The limit is 64 MiB, and 5 % of its share of the GPU.
    """
    return use.kept_bytes > max(_LEAK_BYTES, _LEAK_PART * use.room_bytes / trials_per_gpu)


class PeakWatch:
    """Collects what trials took until enough are measured.

    Args:
        trials: How many are enough.
        most: As in `trials_that_fit`.
    """

    def __init__(self, trials: int = TRIALS, most: int = MOST) -> None:
        self._trials, self._most = trials, most
        self._open: dict[Hashable, tuple[int, GpuUse]] = {}
        self._measured: dict[Hashable, GpuUse] = {}

    def saw(self, event: TrialMeasured | TrialEnded) -> None:
        """Take in what a trial took up to the end of one more epoch, or to its own end.

        A trial that failed early says nothing. One that ran out of memory says only that it was too large.
        """
        key = event.stage, event.number
        epochs, before = self._open.pop(key, (0, event.gpu))
        if event.gpu is None or before is None:
            return
        largest = max(before, event.gpu, key=lambda use: use.peak_bytes)
        reason = event.reason if isinstance(event, TrialEnded) else None
        trained = epochs + 1 if reason is None else epochs
        done = reason is not None and reason.state is not State.FAIL
        if key in self._measured or trained >= EPOCHS or done:
            self._measured[key] = max(self._measured.get(key, largest), largest, key=lambda use: use.peak_bytes)
        elif reason is None:
            self._open[key] = (trained, largest)
        if reason is StopReason.OOM:
            self._measured.pop(key, None)

    @property
    def fits(self) -> int | None:
        """How many trials can share a GPU; None until enough are measured."""
        if len(self._measured) < self._trials:
            return None
        return trials_that_fit([*self._measured.values(), *(use for _, use in self._open.values())], self._most)

    @property
    def text(self) -> str:
        """What was measured and what follows from it, for people."""
        uses = self._measured.values()
        largest = max(uses, key=lambda use: use.peak_bytes / max(1, use.room_bytes))
        took = f"the largest of the first {len(uses)} took {in_gib(largest.peak_bytes, largest.room_bytes)}"
        fits = self.fits
        return f"one trial on each GPU: {took}" if fits == 1 else f"{fits} trials on each GPU: {took}"


def in_gib(part_bytes: int, whole_bytes: int | None = None) -> str:
    """Return memory for people: `5.2 GiB`, `5.2 of 24 GiB`."""
    part = f"{part_bytes / 2**30:.3g}" if part_bytes >= 2**30 else f"{part_bytes / 2**30:.2f}"
    return f"{part} GiB" if whole_bytes is None else f"{part} of {whole_bytes / 2**30:.3g} GiB"


@dataclass(frozen=True, slots=True)
class Seat:
    """A worker, as far as it matters for what it may be given.

    Attributes:
        group: The name of its GPU, which all workers of that GPU share; None for a CPU worker, and until it is known.
        idle: Whether it is up and has no task.
        busy: Whether it has a task. A worker that is starting is neither idle nor busy.
    """

    group: Hashable | None
    idle: bool
    busy: bool = False


def usable(seats: Sequence[Seat], held: Iterable[Hashable]) -> list[int]:
    """Return the positions of the workers that may take a task, those on the least crowded GPUs first.

    Args:
        seats: All workers.
        held: The GPUs that a trial has alone, or waits to have alone.
    """
    closed, crowd = set(held), _crowd(seats)
    found = [position for position, seat in enumerate(seats) if seat.idle and seat.group not in closed]
    return sorted(found, key=lambda position: crowd[seats[position].group])


def group_to_hold(seats: Sequence[Seat], held: Iterable[Hashable]) -> Hashable | None:
    """Return the GPU that a trial can have alone soonest; None if all are held."""
    closed, crowd = set(held), _crowd(seats)
    groups = [seat.group for seat in seats if seat.group is not None and seat.group not in closed]
    return min(groups, key=lambda group: crowd[group], default=None)


def seat_alone(seats: Sequence[Seat], group: Hashable) -> int | None:
    """Return the position of an idle worker on a GPU where nothing runs; None while something runs there."""
    if _crowd(seats)[group]:
        return None
    return next((position for position, seat in enumerate(seats) if seat.group == group and seat.idle), None)


def _crowd(seats: Sequence[Seat]) -> Counter[Hashable]:
    return Counter(seat.group for seat in seats if seat.busy and seat.group is not None)
