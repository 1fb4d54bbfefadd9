"""An executor that follows a script, for tests of the loops that poll it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hpsearch.driver.driven import DrivenStudy
from hpsearch.driver.session import Session
from hpsearch.executors.base import Task
from hpsearch.executors.resources import Resources
from hpsearch.store.store import Store
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import Event, Notice, PredictionsReady, TrialEnded, TrialEvent, WorkerLost
from hpsearch.trial.trial import Answer, Key, StopReason
from support.factories import sample_config

Script = Callable[["Scripted"], Iterator[list[TrialEvent]]]


class Scripted:
    """An executor that follows a generator: each poll returns the next events that it yields."""

    def __init__(self, script: Script, slots: int = 1) -> None:
        self.slots = slots
        self.submitted: list[Any] = []
        self.answers: list[tuple[Key, Answer]] = []
        self.ended: list[tuple[Key, StopReason, str]] = []
        self.on_submit: Callable[[Task], None] = lambda _: None
        self._out: set[Key] = set()
        self._script = script(self)

    @property
    def free(self) -> int:
        return self.slots - len(self._out)

    def submit(self, task: Task) -> None:
        assert self.free
        self.on_submit(task)
        self.submitted.append(task)
        self._out.add(task.key)

    def poll(self, timeout_s: float) -> list[TrialEvent]:
        del timeout_s
        happened = next(self._script, None)
        assert happened is not None, "the loop polls on"
        for event in happened:
            if isinstance(event, Notice):
                continue
            current = [s for s in self.submitted if s.key == event.key][-1]
            if isinstance(event, TrialEnded | PredictionsReady | WorkerLost) and event.attempt == current.attempt:
                self._out.discard(current.key)
        return happened

    def answer(self, key: Key, answer: Answer) -> None:
        self.answers.append((key, answer))

    def end(self, key: Key, reason: StopReason, detail: str) -> None:
        self.ended.append((key, reason, detail))

    def close(self) -> None:
        pass

    @property
    def sent(self) -> list[tuple[int, int]]:
        """Number and attempt of all submitted tasks."""
        return [(spec.number, spec.attempt) for spec in self.submitted]


class ScriptedStudy:
    """A study in a store, for a scripted executor and a clock that tests set."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self.folder = folder
        self.config = sample_config(**({"objective": {"epochs": 3}} | changes))
        self.store = Store.create(folder, "sample", None, self.config.direction, {})
        self.events: list[Event] = []
        self.interrupts = Interrupts()
        self.now = 0.0

    def session(self, executor: Scripted | None) -> Session:
        def start() -> Scripted:
            assert executor is not None, "workers were started"
            return executor

        return Session(
            study=DrivenStudy("sample", self.folder, self.config, self.store),
            trials=3,
            resources=Resources(slots=1, text="1 CPU worker"),
            executor=start,
            publish=self.events.append,
            interrupts=self.interrupts,
            check=self.interrupts.check,
            can_predict=False,
        )

    def of(self, kind: type[Event]) -> list:
        return [event for event in self.events if isinstance(event, kind)]
