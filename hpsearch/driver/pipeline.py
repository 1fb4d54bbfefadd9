"""The stages in order. Each skips work that is done, so running a finished study changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from hpsearch.driver.ledger import Ledger
from hpsearch.driver.session import Session
from hpsearch.driver.stages.ensemble import ensemble
from hpsearch.driver.stages.finalists import finalists
from hpsearch.driver.stages.search import search
from hpsearch.errors import BudgetSpentError, Interrupted, StudyError
from hpsearch.executors.base import Executor
from hpsearch.trial.events import Event, TrialScored

CLOCK = time.monotonic


def run_pipeline(session: Session) -> None:
    """Run a study to its end, or to the end of its budget.

    Raises:
        StudyError: The study can't go on.
        BudgetSpentError: The budget is spent while trials run.
        Interrupted: A signal came.
    """
    executors: list[Executor] = []
    slots = session.resources.slots  # an estimate until the workers have started

    def executor() -> Executor:
        if not executors:
            executors.append(session.executor())
        return executors[0]

    def workers() -> int:
        return executors[0].slots if executors else slots

    def gpu_share() -> float:
        # Packing may add workers while the study runs; they share the same GPUs.
        return session.resources.gpus_per_slot * min(1.0, slots / max(1, workers()))

    ledger = Ledger(session, workers, gpu_share, CLOCK)
    try:
        _run_stages(_budgeted(replace(session, executor=executor), ledger))
    except (BudgetSpentError, Interrupted):
        ledger.save()
        raise
    except OSError as error:  # never from an objective, where it ends only the trial
        where = error.filename or session.study.folder
        raise StudyError(
            f"study {session.study.name}: {where}: {error.strerror or error}; fix that, then resume"
        ) from error
    if executors:
        ledger.save()
    session.study.store.put("done", True)  # noqa: FBT003 - an attribute's value


def _run_stages(session: Session) -> None:
    session.check()
    search(session)
    finalists(session)
    ensemble(session)


def _budgeted(session: Session, ledger: Ledger) -> Session:
    """Return a session that keeps its budget, and publishes a forecast after each trial once a few have ended."""

    def check() -> None:
        session.check()
        ledger.check()

    return replace(session, check=check, no_room=ledger.no_room, publish=_counting(session.publish, ledger))


def _counting(publish: Callable[[Event], None], ledger: Ledger) -> Callable[[Event], None]:
    def counted(event: Event) -> None:
        publish(event)
        ledger.saw(event)
        if isinstance(event, TrialScored):
            forecast = ledger.forecast()
            if forecast is not None:
                publish(forecast)

    return counted
