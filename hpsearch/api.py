"""The main journey: `run`, `resume`, `smoke` and `load_study`, which the command line and notebooks call."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpsearch.config.budget import as_overrides
from hpsearch.config.config import StudyConfig
from hpsearch.config.file import find_space
from hpsearch.driver.driving import drive
from hpsearch.driver.edits import Beside, Edit, drift, edit_of
from hpsearch.driver.goals import Goals
from hpsearch.driver.new_study import NewStudy
from hpsearch.driver.session import Caller, Publish, nothing, silent
from hpsearch.driver.warm_start import earlier_trials
from hpsearch.errors import InputError, StudyExistsError, StudyNotFoundError
from hpsearch.executors.planning import claimed_resources
from hpsearch.executors.resources import ResourceRequest
from hpsearch.objectives.loading import check_objective
from hpsearch.objectives.space_files import load_space_file
from hpsearch.store.folders import is_half_made, new_folder, unused_name
from hpsearch.study.study import DEFAULT_STUDIES, Study, list_studies, load_study
from hpsearch.trial.events import Notice

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
    caller = Caller(request=request or ResourceRequest(), publish=publish, opened=opened)
    path = find_space(str(space))
    limited = [] if budget is None else as_overrides(budget)
    config = load_space_file(path, [*overrides, *limited])
    folder = new_folder(Path(studies), name or config.study)
    if resume and _is_taken(folder, storage):
        asked = any(text.startswith("search.trials=") for text in overrides)
        beside = Beside(budget=budget, trials=asked, force=force)
        return _go_on(load_study(folder, storage=storage), config, path, beside, caller)
    if not snapshot:  # the copy's code is checked instead
        check_objective(config, str(path.parent.resolve()))
    chosen = _free_name(folder, name, config, storage)
    new = NewStudy(
        name=chosen,
        folder=new_folder(Path(studies), chosen),
        config=config,
        path=path,
        storage=storage,
        earlier=earlier_trials(config, Path(studies), storage),
        snapshot=snapshot,
    )
    return _begin(new, caller, "" if name or chosen == config.study else _renamed(new, Path(studies)))


def _go_on(study: Study, config: StudyConfig, path: Path, beside: Beside, caller: Caller) -> Study:
    """Drive a study that is there, with what it takes of its space file as it is now."""
    try:
        edit = edit_of(study, config, path, beside)
    except BaseException:
        study.close()
        raise
    if edit.changes:
        caller.publish(Notice(message=f"{path} has changed: {edit}"))
    return drive(replace(study, config=edit.config), caller, edit)


def _begin(new: NewStudy, caller: Caller, renamed: str) -> Study:
    """Make a study and drive it.

    Args:
        renamed: What there is to say of its name.
    """
    claimed = claimed_resources(caller.request, new.config.search.total, new.name)
    with claimed as resources, caller.interrupts.listening():  # a signal waits until the study can be resumed
        study = new.make(lambda message: caller.publish(Notice(message=message)))
        for message in filter(None, (new.earlier.notice, renamed)):
            caller.publish(Notice(message=message))
        return drive(study, caller, resources=resources)


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
    caller = Caller(request=request or ResourceRequest(), publish=publish, opened=opened)
    goals = Goals.given(trials, budget)
    loaded = load_study(study, studies=studies, storage=storage)
    if changed := drift(loaded):
        publish(Notice(message=changed))
    return drive(loaded, caller, Edit(loaded.config, goals))


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
        with closing(
            run(space, overrides=small, request=request, studies=folder, publish=publish, opened=opened)
        ) as study:
            return study.document()
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


def _free_name(folder: Path, name: str | None, config: StudyConfig, storage: str | None) -> str:
    """Return the name of a study to make: the space file's gets a number if it is taken.

    Raises:
        StudyExistsError: The name was asked for, and is taken.
    """
    if not _is_taken(folder, storage):
        return name or config.study
    if name is not None:
        raise StudyExistsError(
            f"--name {name}: {folder} exists; allowed: another name, --resume, or hpsearch resume {name}"
        )
    return unused_name(folder.parent, config.study)


def _renamed(new: NewStudy, studies: Path) -> str:
    """Return what there is to say of a study that got another name than its space file has."""
    name, hint = new.config.study, ""
    with suppress(InputError), closing(load_study(studies / name, storage=new.storage)) as earlier:
        place = "" if studies == DEFAULT_STUDIES else f" --studies {shlex.quote(str(studies))}"
        if earlier.state != "done":
            hint = f"; {name} is unfinished: hpsearch resume {name}{place} goes on with it"
    return f"study {name} exists, so this one is {new.name}{hint}"
