"""`Session`: a study in motion, with its workers and signal handlers. None of them outlives the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.driver.driven import DrivenStudy
from hpsearch.driver.snapshot import place_of
from hpsearch.errors import StudyError
from hpsearch.executors.base import Executor, Workplace
from hpsearch.executors.resources import ResourceRequest, Resources
from hpsearch.executors.starting import begin_executor, start_executor
from hpsearch.objectives.loading import load_objective
from hpsearch.study.study import Study
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import Event
from hpsearch.trial.folder import attempt_folder
from hpsearch.trial.trial import Stage, State

if TYPE_CHECKING:
    from hpsearch.executors.ray.start import Connection
    from hpsearch.store.lock import DriverLock
    from hpsearch.store.store import Store

Publish = Callable[[Event], None]


def silent(_: Event) -> None:
    """Show nothing."""


def nothing(_: Study) -> None:
    """Do nothing with an opened study."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """The driver of a study: a command or a notebook.

    Attributes:
        request: The requested workers.
        publish: Takes events.
        opened: Takes the study once it is locked. From then on it can be resumed, whatever ends it.
        interrupts: The signals of the command.
    """

    request: ResourceRequest = field(default_factory=ResourceRequest)
    publish: Publish = silent
    opened: Callable[[Study], None] = nothing
    interrupts: Interrupts = field(default_factory=Interrupts)


class Start:
    """The start of a study's executor.

    Args:
        caller: Says which executor.
        resources: Found for the caller's request.
    """

    def __init__(self, caller: Caller, resources: Resources) -> None:
        self._caller, self.resources = caller, resources
        self._begun: Connection | None = None

    def begin(self, objective: ObjectiveSection) -> None:
        """Let begin what takes its time, while the driver does other things.

        Args:
            objective: What the workers will be given.

        Raises:
            InputError: Ray is not installed.
        """
        self._begun = begin_executor(self._caller.request, self.resources, objective)

    def executor(self, workplace: Workplace) -> Executor:
        """Start the workers; the caller ends them.

        Raises:
            InputError: They can't be started.
            Interrupted: A signal came.
        """
        request, interrupts = self._caller.request, self._caller.interrupts
        executor = start_executor(request, self.resources, workplace, interrupts, self._begun)
        interrupts.install()
        return executor

    def close(self) -> None:
        """End what has begun."""
        if self._begun is not None:
            self._begun.close()


def _always_room(stage: Stage, number: int, epochs: int) -> str:
    """Return an empty text: without a budget there is always room."""
    del stage, number, epochs
    return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A study in motion, as every stage takes it.

    Attributes:
        study: With the paths of the copy of its code, if it has one.
        trials: The search's total, which a resume may have changed.
        resources: Of the workers.
        executor: Returns the executor; the first call starts the workers.
        publish: Takes events.
        interrupts: The signals of the command.
        check: Called again and again while trials run; raises when the command must end.
        can_predict: Whether the objective has `predict`.
        no_room: Takes a stage, a trial's number and its epochs, and returns why the budget has no room for the trial.
            If there is room, it returns an empty text and counts the trial as begun.
        told: What objectives have said of their trials; it is told once.
    """

    study: DrivenStudy
    trials: int
    resources: Resources
    executor: Callable[[], Executor]
    publish: Publish
    interrupts: Interrupts
    check: Callable[[], None]
    can_predict: bool
    no_room: Callable[[Stage, int, int], str] = _always_room
    told: set[str] = field(default_factory=set)


@contextmanager
def locked(store: Store) -> Iterator[DriverLock]:
    """Hold a study's lock. On entry the store reads the changes of other drivers.

    Raises:
        StudyLockedError: Another driver holds it.
        StudyError: The database can't be written.
    """
    lock = store.lock()
    lock.acquire()
    try:
        store.reload()  # another driver may have written until a moment ago
        yield lock
    finally:
        lock.release()


@contextmanager
def in_session(study: DrivenStudy, start: Start, trials: int, caller: Caller) -> Iterator[Session]:
    """Give the session of a study. At the exit the workers are ended, whatever happens.

    Args:
        study: From `relocated`.
        start: Of the executor, with the resources.
        trials: The search's total.

    Raises:
        InputError: The workers can't be started.
    """
    resources = start.resources
    place, module_folder = place_of(study), study.store.get("module_folder")
    if module_folder is not None:
        module_folder = place.of(module_folder)
    workplace = Workplace(
        objective=study.config.objective,
        folder=str(Path.cwd()),
        module_folder=module_folder,
        threads=resources.cpus_per_slot or 1,
        gpu=resources.gpus_per_slot > 0,
        gpus_per_trial=max(1, int(resources.gpus_per_slot)),
        fresh_process=caller.request.fresh_process,
        studies=str(study.folder.parent),
        place=None if place.top is None else place,
        copied_code=study.store.get("code"),
    )
    with _swept(study), _lazily(start, workplace) as executor:
        yield Session(
            study=study,
            trials=trials,
            resources=resources,
            executor=executor,
            publish=caller.publish,
            interrupts=caller.interrupts,
            check=caller.interrupts.check,
            can_predict=load_objective(study.config.objective, module_folder).can_predict,
        )


@contextmanager
def _swept(study: Study) -> Iterator[None]:
    """At the exit, when the workers are gone, remove files that they left half written."""
    try:
        yield
    finally:
        running = (r for stage in Stage for r in study.store.records(stage) if r.state is State.RUNNING)
        for record in running:
            for path in attempt_folder(study.folder, record.stage, record.number, record.attempt).glob(".*.tmp"):
                with suppress(OSError):  # the first error says more
                    path.unlink(missing_ok=True)


@contextmanager
def _lazily(start: Start, workplace: Workplace) -> Iterator[Callable[[], Executor]]:
    """Give a function that starts the workers at its first call; end them at the exit."""
    with ExitStack() as stack:
        started: list[Executor] = []

        def executor() -> Executor:
            if not started:
                started.append(start.executor(workplace))
                stack.callback(started[0].close)
            return started[0]

        yield executor


def watching(publish: Publish, lost: Callable[[], bool], name: str) -> Publish:
    """Return a publisher that ends the study when another driver has taken its lock, for only one may write.

    Args:
        lost: Returns whether the lock is lost.
        name: The study's.
    """

    def watched(event: Event) -> None:
        if lost():
            raise StudyError(
                f"study {name}: another driver has taken it over, for this one did not renew its lock in time"
            )
        publish(event)

    return watched
