"""What every stage is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hpsearch.config.config import StudyConfig
from hpsearch.executors.base import Executor
from hpsearch.store.store import Store
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import Event
from hpsearch.trial.trial import Stage


def _always_room(stage: Stage, number: int, epochs: int) -> str:
    """Give room without a budget."""
    del stage, number, epochs
    return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """A study that is being run.

    Attributes:
        trials: The search's total, which a resume may have changed.
        folder: The study's directory, absolute.
        executor: Called when a stage has something to run; starts the workers at the first call.
        publish: Takes events for whoever shows them.
        check: Called again and again while work is out: raises when the command is to end.
        can_predict: Whether the objective has `predict`.
        no_room: Says why the budget has no room for another trial of a stage, with its number and epochs; empty if it
            has, and then the trial is taken to begin.
    """

    config: StudyConfig
    trials: int
    store: Store
    folder: Path
    executor: Callable[[], Executor]
    publish: Callable[[Event], None]
    interrupts: Interrupts
    check: Callable[[], None]
    can_predict: bool
    no_room: Callable[[Stage, int, int], str] = _always_room
