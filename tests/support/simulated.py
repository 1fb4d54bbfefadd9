"""A study of `sampler: auto` on curves that a function gives: workers that train an epoch at each tick."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hpsearch.samplers.auto import AutoChooser, Choice, Seen

Curve = Callable[[Mapping[str, Any], int], float]
"""The metric of params after an epoch."""


@dataclass
class SimulatedStudy:
    """Trials so far, and workers.

    Args:
        chooser: Asked whenever a worker is free.
        curve: What a training gives.
        epochs: Of a full training.
        workers: How many.
        most: Trials.
    """

    chooser: AutoChooser
    curve: Curve
    epochs: int
    workers: int = 4
    most: int = 10**9
    params: list[Mapping[str, Any]] = field(default_factory=list)
    values: list[dict[int, float]] = field(default_factory=list)
    until: dict[int, int] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    choices: list[Choice] = field(default_factory=list)
    trained: int = 0

    def seen(self) -> list[Seen]:
        """Return the trials as the chooser sees them."""
        return [
            Seen(
                number=number,
                params=params,
                values=dict(self.values[number]),
                until=self.until.get(number),
                ended=number in self.ended,
            )
            for number, params in enumerate(self.params)
        ]

    def hand_out(self) -> None:
        """Ask what the free workers train."""
        free = self.workers - len(self.until)
        for choice in self.chooser.choose(self.seen(), free, most_new=self.most - len(self.params)):
            number = choice.number
            if number is None:
                number = len(self.params)
                self.params.append(choice.params)
                self.values.append({})
            assert number not in self.ended
            assert number not in self.until
            assert max(self.values[number], default=0) < choice.until <= self.epochs
            self.until[number] = choice.until
            self.choices.append(choice)

    def tick(self) -> None:
        """Train an epoch of each running trial."""
        for number, until in sorted(self.until.items()):
            epoch = max(self.values[number], default=0) + 1
            value = self.curve(self.params[number], epoch)
            self.values[number][epoch] = value
            self.trained += 1
            if epoch == self.epochs or not math.isfinite(value):
                self.ended.add(number)
            if epoch == until or number in self.ended:
                del self.until[number]

    def train(self, trainings: float) -> SimulatedStudy:
        """Go on until so many full trainings' epochs are spent, or nothing is left to train."""
        while self.trained < trainings * self.epochs:
            self.hand_out()
            if not self.until:
                break
            self.tick()
        return self

    def best(self) -> float:
        """Return the largest finite value."""
        return max(value for one in self.values for value in one.values() if math.isfinite(value))
