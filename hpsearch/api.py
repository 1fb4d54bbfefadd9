"""`run`, `resume`, `load_study`: what the command line and notebooks call."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpsearch.config.budget import as_overrides
from hpsearch.config.config import StudyConfig
from hpsearch.config.file import find_space
from hpsearch.driver.creation import study_attributes
from hpsearch.driver.edits import WRITTEN, Edit, drift, edit_of
from hpsearch.driver.goals import Goals, check_limits
from hpsearch.driver.pipeline import run_pipeline
from hpsearch.driver.session import Publish, locked, nothing, prepared, silent, watching
from hpsearch.driver.snapshot import FOLDER as CODE_FOLDER
from hpsearch.driver.snapshot import place_of, relocated, take_snapshot, working_in
from hpsearch.driver.warm_start import EarlierTrials, earlier_trials
from hpsearch.errors import InputError, StudyExistsError, StudyNotFoundError
from hpsearch.executors.planning import claimed_resources
from hpsearch.executors.resources import ResourceRequest, Resources
from hpsearch.objectives.loading import check_objective, code_folder
from hpsearch.objectives.space_files import file_content, load_space_file
from hpsearch.store.folders import (
    check_writable,
    is_half_made,
    making,
    new_folder,
    unused_name,
)
from hpsearch.store.store import Store
from hpsearch.study.outcome import limits_of
from hpsearch.study.study import DEFAULT_STUDIES, Study, list_studies, load_study
from hpsearch.system.git import code_state
from hpsearch.system.place import Place
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import Notice, StudyOpened

__all__ = ["DEFAULT_STUDIES", "Study", "list_studies", "load_study", "resume", "run", "smoke"]


def run(  # noqa: PLR0913 - named options of one command, each with a default
    space: str | Path,
    *,
    name: str | None = None,
    resume: bool = False,
    force: bool = False,
    overrides: Sequence[str] = (),
    budget: str | None = None,
    snapshot: bool = False,
    request: ResourceRequest | None = None,
    studies: str | Path = DEFAULT_STUDIES,
    storage: str | None = None,
    publish: Publish = silent,
    opened: Callable[[Study], None] = nothing,
) -> Study:
    """Make a study and run it to its end.

    Args:
        space: A space file, or the name of one that ships with the package.
        name: The study's; else the space file's, with a number if it is taken.
        resume: Go on with the study if the name is taken.
        force: Then draw the trials to come from new bounds that the space file has by now.
        overrides: `PATH=VALUE`, set in the space file's content.
        budget: What it may spend, such as `2h` or `gpu_hours=8,epochs=5000`; in a study that is there, the new total.
        snapshot: Run all of it from a copy of the code that is taken now; the process works in it meanwhile.
        request: Workers; None for idle GPUs, or else CPU workers.
        studies: The directory that gets the study's folder.
        storage: URL of the store, or `sqlite` or `journal` for a file in the folder; None for what suits that.
        publish: Takes events.
        opened: Takes the study once it is there and locked: whatever ends it from then on, it can be resumed.

    Raises:
        InputError: Nothing was started.
        StudyError: The study failed; it can be resumed.
        Interrupted: A signal came; it can be resumed.
    """
    if force and not resume:
        raise InputError("--force: takes an edited space file for a study that is there; allowed: beside --resume")
    path = find_space(str(space))
    limited = [] if budget is None else as_overrides(budget)
    config = load_space_file(path, [*overrides, *limited])
    chosen = name or config.study
    folder = new_folder(Path(studies), chosen)
    if resume and _is_taken(folder, storage):
        study = load_study(folder, storage=storage)
        asked = any(text.startswith("search.trials=") for text in overrides)
        edit = edit_of(study.store, study.config, config, path, budget=budget, trials_asked=asked, force=force)
        if edit.changes:
            publish(Notice(message=f"{path} has changed: {edit}"))
        return _drive(replace(study, config=edit.config), request or ResourceRequest(), publish, opened, edit=edit)
    if not snapshot:  # the copy's code is checked instead
        check_objective(config, str(path.parent.resolve()))
    if _is_taken(folder, storage):
        if name is not None:
            raise StudyExistsError(
                f"--name {name}: {folder} exists; allowed: another name, --resume, or hpsearch resume {name}"
            )
        chosen = unused_name(Path(studies), chosen)
        folder = new_folder(Path(studies), chosen)
    earlier = earlier_trials(config, Path(studies), storage)
    request, interrupts = request or ResourceRequest(), Interrupts()
    claimed = claimed_resources(request, config.search.total, chosen)
    with claimed as resources, interrupts.listening():  # from here on a signal waits until the study can be resumed
        study = _create(folder, chosen, config, path, storage, earlier, publish if snapshot else None)
        if earlier.notice:
            publish(Notice(message=earlier.notice))
        if name is None and chosen != config.study:
            publish(Notice(message=_renamed(Path(studies), config.study, chosen, storage)))
        return _drive(study, request, publish, opened, resources, interrupts=interrupts)


def resume(
    study: str | Path,
    *,
    trials: int | None = None,
    budget: str | None = None,
    request: ResourceRequest | None = None,
    studies: str | Path = DEFAULT_STUDIES,
    storage: str | None = None,
    publish: Publish = silent,
    opened: Callable[[Study], None] = nothing,
) -> Study:
    """Go on with a study where it stopped.

    Args:
        trials: The search's new total; fewer than done finish it now.
        budget: What it may spend in all, such as `3h`; limits that are not named stay.

    Raises:
        InputError: Nothing was started.
        StudyError: The study failed; it can be resumed.
        Interrupted: A signal came; it can be resumed.
    """
    goals = Goals.given(trials, budget)
    loaded = load_study(study, studies=studies, storage=storage)
    if changed := drift(loaded.store):
        publish(Notice(message=changed))
    return _drive(loaded, request or ResourceRequest(), publish, opened, edit=Edit(loaded.config, goals))


def smoke(
    space: str | Path,
    *,
    overrides: Sequence[str] = (),
    request: ResourceRequest | None = None,
    publish: Publish = silent,
    opened: Callable[[Study], None] = nothing,
) -> dict[str, Any]:
    """Run all stages of a space small, in a temporary directory that is removed.

    Two trials of two epochs, one finalist with two seeds, and the ensemble.

    Returns:
        The study's document.

    Raises:
        InputError: Nothing was started.
        StudyError: Something does not work.
        Interrupted: A signal came.
    """
    config = load_space_file(find_space(str(space)), overrides)
    trials = max(2, len(config.search.first))
    small = [*overrides, f"search.trials={trials}", "objective.epochs=2"]
    small += ["search.rounds=[]", "search.expand=null", "search.warm_start=null", "budget=null"]
    if config.finalists is not None:
        small.append("finalists={configs: 1, seeds: 2}")
    folder = tempfile.mkdtemp(prefix="hpsearch-smoke-")
    try:
        study = run(space, overrides=small, request=request, studies=folder, publish=publish, opened=opened)
        document = study.document()
        study.close()
        return document
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_taken(folder: Path, storage: str | None) -> bool:
    """Whether a study is there; a folder that a kill left before its store was made is not one."""
    if not folder.exists():
        return False
    try:
        load_study(folder, storage=storage).close()
    except StudyNotFoundError:
        return not is_half_made(folder)
    except InputError:
        return True
    return True


def _renamed(studies: Path, name: str, chosen: str, storage: str | None) -> str:
    """Return what there is to say of a study that got another name than its space file has."""
    hint = ""
    with suppress(InputError):
        earlier = load_study(studies / name, storage=storage)
        place = "" if studies == DEFAULT_STUDIES else f" --studies {shlex.quote(str(studies))}"
        if earlier.state != "done":
            hint = f"; {name} is unfinished: hpsearch resume {name}{place} goes on with it"
        earlier.close()
    return f"study {name} exists, so this one is {chosen}{hint}"


def _create(
    folder: Path,
    name: str,
    config: StudyConfig,
    path: Path,
    storage: str | None,
    earlier: EarlierTrials,
    told: Publish | None,
) -> Study:
    """Make the folder and the store, or neither.

    Args:
        earlier: What the study starts from.
        told: Takes a notice of the copy of the code that is to be taken; None for no copy.
    """
    code = code_folder(config.objective, str(Path.cwd()), str(path.parent.resolve()))
    attributes = study_attributes(config, path, earlier, code_state(code, [folder.parent]))
    attributes[WRITTEN] = None if (written := file_content(path)) == config.raw else written
    with making(folder):
        if told is not None:
            taken = take_snapshot(code, folder, folder.parent)
            attributes |= taken.attributes()
            told(Notice(message=f"{taken} copied to {folder / CODE_FOLDER}, where all trials run"))
        store = Store.create(folder, name, storage, config.direction, attributes)
    return Study(name, folder, config, store)


def _drive(
    study: Study,
    request: ResourceRequest,
    publish: Publish,
    opened: Callable[[Study], None],
    resources: Resources | None = None,
    edit: Edit | None = None,
    interrupts: Interrupts | None = None,
) -> Study:
    """Run a study under its lock; whatever happens, the workers are gone and the lock is given back.

    Args:
        resources: What was found for the request; None for a study that was there before.
        edit: How the space file has changed since then, and how far the study is to go.
        interrupts: Signals that came while the study was made.
    """
    new = resources is not None
    interrupts = interrupts or Interrupts()
    try:
        place = place_of(study.store, study.folder)
        with working_in(place):
            _drive_there(study, request, publish, opened, resources, edit or Edit(study.config), interrupts, place)
    except BaseException as error:
        study.close()
        if new and isinstance(error, InputError) and study.store.is_empty:
            _remove(study)
        raise
    return study


def _drive_there(
    study: Study,
    request: ResourceRequest,
    publish: Publish,
    opened: Callable[[Study], None],
    resources: Resources | None,
    edit: Edit,
    interrupts: Interrupts,
    place: Place,
) -> None:
    """Run a study from the folder that its code is to run from."""
    config, module_folder = relocated(study.config, place), study.store.get("module_folder")
    if resources is None:
        check_writable(study.folder)
    if resources is None or place.top is not None:
        check_objective(config, module_folder and place.of(module_folder))
    goals, total = edit.goals, edit.goals.total(study.store, config)
    claimed = nullcontext(resources) if resources else claimed_resources(request, total, study.name)
    # Between the stages' own handlers a signal waits: it must not break off what is being written.
    with interrupts.listening(), claimed as taken, locked(study.store) as lock:
        study.store.check_whole()
        notice = check_limits(goals.limits(study.store, config), config, gpus=taken.gpus_per_slot > 0)
        opened(study)
        total = goals.settle(study.store, config)
        edit.settle(study.store, total)
        _announce(study, total, taken, publish, notice)
        interrupts.check()
        watched = watching(publish, lambda: lock.lost, study.name)
        arguments = (study.store, config, study.folder, request, taken, total, watched, interrupts)
        with prepared(*arguments) as context:
            run_pipeline(context, taken.slots, taken.gpus_per_slot)


def _remove(study: Study) -> None:
    """Remove a new study whose workers can't be had: else each try would leave one more."""
    study.store.remove()
    shutil.rmtree(study.folder)
    with suppress(OSError):  # others lie there
        study.folder.parent.rmdir()


def _announce(study: Study, total: int, resources: Resources, publish: Publish, notice: str) -> None:
    from hpsearch.report.tables import plan_line

    plan = plan_line(study.config, total, resources.text, limits=limits_of(study.store))
    publish(StudyOpened(name=study.name, plan=plan))
    for message in filter(None, (resources.notice, notice)):
        publish(Notice(message=message))
