"""One driver of one study: its lock, its workers, its signals; whatever happens, none of them outlives the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from hpsearch.config.config import StudyConfig
from hpsearch.driver.context import Context
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


@contextmanager
def locked(store: Store) -> Iterator[DriverLock]:
    """Hold a study's lock, with what the store holds from then on.

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
def prepared(
    store: Store,
    config: StudyConfig,
    folder: Path,
    request: ResourceRequest,
    resources: Resources,
    trials: int,
    publish: Publish,
    interrupts: Interrupts,
) -> Iterator[Context]:
    """Give what stages need; whatever happens, the workers are gone at the exit.

    Args:
        folder: The study's, absolute.
        resources: What was found for the request.
        trials: The search's total.
        interrupts: Those that the caller listens to.

    Raises:
        InputError: The workers can't be had.
    """
    place, module_folder = place_of(store, folder), store.get("module_folder")
    if module_folder is not None:
        module_folder = place.of(module_folder)
    workplace = Workplace(
        objective=config.objective,
        folder=str(Path.cwd()),
        module_folder=module_folder,
        threads=resources.cpus_per_slot or 1,
        gpu=resources.gpus_per_slot > 0,
        fresh_process=request.fresh_process,
        studies=str(folder.parent),
        place=None if place.top is None else place,
        copied_code=store.get("code"),
    )
    with _swept(store, folder), _lazily(request, resources, workplace, interrupts) as executor:
        yield Context(
            config=config,
            trials=trials,
            store=store,
            folder=folder,
            executor=executor,
            publish=publish,
            interrupts=interrupts,
            check=interrupts.check,
            can_predict=load_objective(config.objective, module_folder).can_predict,
        )


@contextmanager
def _swept(store: Store, folder: Path) -> Iterator[None]:
    """Remove, once the workers are gone, what one of them was writing when it was ended."""
    try:
        yield
    finally:
        running = (r for stage in Stage for r in store.records(stage) if r.state is State.RUNNING)
        for record in running:
            for path in attempt_folder(folder, record.stage, record.number, record.attempt).glob(".*.tmp"):
                with suppress(OSError):  # the first error says more
                    path.unlink(missing_ok=True)


@contextmanager
def _lazily(
    request: ResourceRequest, resources: Resources, workplace: Workplace, interrupts: Interrupts
) -> Iterator[Callable[[], Executor]]:
    """Give a function that starts the workers at its first call; end them at the exit."""
    with ExitStack() as stack:
        started: list[Executor] = []

        def executor() -> Executor:
            if not started:
                started.append(start_executor(request, resources, workplace, interrupts))
                stack.callback(started[0].close)
                interrupts.install()
            return started[0]

        yield executor


def watching(publish: Publish, lost: Callable[[], bool], name: str) -> Publish:
    """Return a publisher that ends the study when another driver has taken its lock: there is one writer.

    Args:
        lost: Whether the lock is.
        name: The study's.
    """

    def watched(event: Event) -> None:
        if lost():
            raise StudyError(
                f"study {name}: another driver has taken it over, for this one was not heard of for too long"
            )
        publish(event)

    return watched
