"""Runs a study under its lock, in the folder of its code."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

from hpsearch.driver.driven import DrivenStudy
from hpsearch.driver.edits import Edit
from hpsearch.driver.foresight import foresight
from hpsearch.driver.goals import check_limits
from hpsearch.driver.new_study import remove
from hpsearch.driver.pipeline import run_pipeline
from hpsearch.driver.session import Caller, Start, in_session, locked, watching
from hpsearch.driver.snapshot import place_of, relocated, working_in
from hpsearch.errors import InputError
from hpsearch.executors.planning import claimed_resources
from hpsearch.executors.resources import Resources
from hpsearch.objectives.loading import check_objective
from hpsearch.report.tables import plan_line
from hpsearch.samplers import check_sampler
from hpsearch.store.folders import check_writable
from hpsearch.study.study import Study
from hpsearch.system.place import Place
from hpsearch.text import counted
from hpsearch.trial.events import Notice, StudyOpened
from hpsearch.trial.trial import Stage


def drive(study: Study, caller: Caller, edit: Edit | None = None, start: Start | None = None) -> Study:
    """Run a study to its end. Whatever happens, the workers are ended and the lock is released.

    Args:
        edit: The changes of the space file since the study was made, and the study's goals.
        start: Of the executor, with the resources found for the caller's request; None for a study that existed before.

    Returns:
        The same study, with its store open for writing.

    Raises:
        InputError: Nothing was started; a new study is removed.
        StudyError: The study failed; it can be resumed.
        Interrupted: A signal came; the study can be resumed.
    """
    driven = DrivenStudy.of(study)
    try:
        place = place_of(driven)
        with working_in(place):
            _drive_there(driven, caller, edit or Edit(driven.config), start, place)
    except BaseException as error:
        driven.close()
        if start is not None and isinstance(error, InputError) and driven.store.is_empty:
            remove(driven)
        raise
    return driven


def _drive_there(study: DrivenStudy, caller: Caller, edit: Edit, given: Start | None, place: Place) -> None:
    here, module_folder = relocated(study, place), study.store.get("module_folder")
    if given is None:
        check_writable(study.folder)
    if given is None or place.top is not None:
        check_objective(here.config, module_folder and place.of(module_folder))
        check_sampler(here.config, module_folder and place.of(module_folder))
    goals, interrupts = edit.goals, caller.interrupts
    claimed = (
        claimed_resources(caller.request.for_study(here.config.gpus_per_trial), goals.total(here), study.name)
        if given is None
        else nullcontext(given.resources)
    )
    # A signal waits until a stage checks for it: it must not break off a write.
    with interrupts.listening(), claimed as taken, locked(study.store) as lock:
        study.store.check_whole()
        notice = check_limits(goals.limits(here), here.config, gpus=taken.gpus_per_slot > 0)
        caller.opened(study)
        total = goals.settle(here)
        edit.settle(study, total)
        more = [_other_gpus(caller, here)] if given is None else foresight(here, total)
        _announce(study, total, taken, caller, [notice, *more])
        interrupts.check()
        watched = replace(caller, publish=watching(caller.publish, lambda: lock.lost, study.name))
        with in_session(here, given or Start(caller, taken), total, watched) as session:
            run_pipeline(session)


def _other_gpus(caller: Caller, study: DrivenStudy) -> str:
    """Return what there is to say if trials get another number of GPUs than before; several train on larger batches."""
    before, now = study.config.gpus_per_trial, caller.request.gpus_per_trial
    if now in (None, before) or not study.store.records(Stage.SEARCH):
        return ""
    return f"trials so far had {counted(before, 'GPU')} each, those from now on have {now}"


def _announce(study: Study, total: int, resources: Resources, caller: Caller, notices: Sequence[str]) -> None:
    plan = plan_line(study.config, total, resources.text, limits=study.limits)
    caller.publish(StudyOpened(name=study.name, plan=plan))
    for message in filter(None, (resources.notice, *notices)):
        caller.publish(Notice(message=message))
