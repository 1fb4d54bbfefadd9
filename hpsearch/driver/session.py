"""`Session`: a study in motion, with its workers and its signals; none of them outlives the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hpsearch.driver.driven import DrivenStudy
from hpsearch.driver.snapshot import place_of
from hpsearch.errors import StudyError
from hpsearch.executors.base import Executor, Workplace
from hpsearch.executors.resources import ResourceRequest, Resources
from hpsearch.executors.starting import start_executor
from hpsearch.objectives.loading import load_objective
from hpsearch.store.lock import DriverLock
from hpsearch.store.store import Store
from hpsearch.study.study import Study
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import Event
from hpsearch.trial.folder import attempt_folder
from hpsearch.trial.trial import Stage, State

Publish = Callable[[Event], None]


def silent(_: Event) -> None:
    """Show nothing."""


def nothing(_: Study) -> None:
    """Do nothing with a study that was opened."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who drives a study: a command, or a notebook.

    Attributes:
        request: The workers that it asks for.
        publish: Takes events.
        opened: Takes the study once it is there and locked. Whatever ends it from then on, it can be resumed.
        interrupts: Its signals.
    """

    request: ResourceRequest = field(default_factory=ResourceRequest)
    publish: Publish = silent
    opened: Callable[[Study], None] = nothing
    interrupts: Interrupts = field(default_factory=Interrupts)


def _always_room(stage: Stage, number: int, epochs: int) -> str:
    """Give room without a budget."""
    del stage, number, epochs
    return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A study that is being run: what every stage takes.

    Attributes:
        study: With the paths of the copy of its code, if it has one.
        trials: The search's total, which a resume may have changed.
        resources: What the workers take.
        executor: Returns the executor; the first call starts the workers.
        publish: Takes events for whoever shows them.
        interrupts: The signals of the command.
        check: Called again and again while work is out; raises when the command is to end.
        can_predict: Whether the objective has `predict`.
        no_room: Says why the budget has no room for another trial of a stage, with its number and epochs. It returns
            an empty text if there is room, and then counts the trial as begun.
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


@contextmanager
def locked(store: Store) -> Iterator[DriverLock]:
    """Hold a study's lock; on entry the store reads what other drivers have written.

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
def in_session(study: DrivenStudy, resources: Resources, trials: int, caller: Caller) -> Iterator[Session]:
    """Give the session of a study; the workers are gone at the exit, whatever happens.

    Args:
        study: As `relocated` gives it.
        resources: What was found for the caller's request.
        trials: The search's total.

    Raises:
        InputError: The workers can't be had.
    """
    place, module_folder = place_of(study), study.store.get("module_folder")
    if module_folder is not None:
        module_folder = place.of(module_folder)
    workplace = Workplace(
        objective=study.config.objective,
        folder=str(Path.cwd()),
        module_folder=module_folder,
        threads=resources.cpus_per_slot or 1,
        gpu=resources.gpus_per_slot > 0,
        fresh_process=caller.request.fresh_process,
        studies=str(study.folder.parent),
        place=None if place.top is None else place,
        copied_code=study.store.get("code"),
    )
    with _swept(study), _lazily(resources, workplace, caller) as executor:
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
    """Remove, once the workers are gone, what one of them was writing when it was ended."""
    try:
        yield
    finally:
        running = (r for stage in Stage for r in study.store.records(stage) if r.state is State.RUNNING)
        for record in running:
            for path in attempt_folder(study.folder, record.stage, record.number, record.attempt).glob(".*.tmp"):
                with suppress(OSError):  # the first error says more
                    path.unlink(missing_ok=True)


@contextmanager
def _lazily(resources: Resources, workplace: Workplace, caller: Caller) -> Iterator[Callable[[], Executor]]:
    """Give a function that starts the workers at its first call; end them at the exit."""
    with ExitStack() as stack:
        started: list[Executor] = []

        def executor() -> Executor:
            if not started:
                started.append(start_executor(caller.request, resources, workplace, caller.interrupts))
                stack.callback(started[0].close)
                caller.interrupts.install()
            return started[0]

        yield executor


def watching(publish: Publish, lost: Callable[[], bool], name: str) -> Publish:
    """Return a publisher that ends the study when another driver has taken its lock: there is one writer.

    Args:
        lost: Whether the lock is lost.
        name: The study's.
    """

    def watched(event: Event) -> None:
        if lost():
            raise StudyError(
                f"study {name}: another driver has taken it over, for this one was not heard of for too long"
            )
        publish(event)

    return watched
