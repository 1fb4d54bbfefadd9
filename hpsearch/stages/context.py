"""What every stage is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hpsearch.config import StudyConfig
from hpsearch.events import Event
from hpsearch.executors.base import Executor
from hpsearch.interrupts import Interrupts
from hpsearch.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """A study that is being run.

    Attributes:
        trials: The search's total, which a resume may have changed.
        folder: The study's directory, absolute.
        executor: Called when a stage has something to run; starts the workers at the first call.
        publish: Takes events for whoever shows them.
        can_predict: Whether the objective has `predict`.
    """

    config: StudyConfig
    trials: int
    store: Store
    folder: Path
    executor: Callable[[], Executor]
    publish: Callable[[Event], None]
    interrupts: Interrupts
    can_predict: bool
