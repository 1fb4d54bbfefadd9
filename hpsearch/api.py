"""`run`, `resume`, `load_study`: what the command line and notebooks call."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.budget import as_overrides
from hpsearch.config import StudyConfig, parse_config
from hpsearch.creation import study_attributes
from hpsearch.directory import check_writable, find_folder, is_half_made, making, new_folder, study_folders, unused_name
from hpsearch.driver import Publish, locked, prepared, watching
from hpsearch.edits import WRITTEN, Edit, drift, edit_of
from hpsearch.errors import FieldError, InputError, StudyExistsError, StudyNotFoundError
from hpsearch.events import Event, Notice, StudyOpened
from hpsearch.executors.resources import ResourceRequest, Resources, claimed_resources
from hpsearch.goals import Goals, check_limits
from hpsearch.interrupts import Interrupts
from hpsearch.objectives.loading import check_objective, code_folder
from hpsearch.outcome import Best, best_of, limits_of, state_of
from hpsearch.pipeline import run_pipeline
from hpsearch.relocation import Place
from hpsearch.repository import code_state
from hpsearch.snapshot import FOLDER as CODE_FOLDER
from hpsearch.snapshot import place_of, relocated, take_snapshot, working_in
from hpsearch.space_file import file_content, find_space, load_space_file
from hpsearch.storage_url import MEND
from hpsearch.store import Store
from hpsearch.warm_start import EarlierTrials, earlier_trials

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_STUDIES = Path("studies")


def _silent(_: Event) -> None:
    """Show nothing."""


def _nothing(_: Study) -> None:
    """Do nothing with a study that was opened."""


@dataclass(frozen=True, slots=True)
class Study:
    """A study as its store holds it: what `load_study` returns.

    Attributes:
        name: In the store and, unless it was moved, of its folder.
        folder: Absolute.
        config: The space file that it was made with.
    """

    name: str
    folder: Path
    config: StudyConfig
    store: Store = field(repr=False)

    @property
    def state(self) -> str:
        """`done`, or `unfinished`: it runs, or can be resumed."""
        return state_of(self.store)

    @property
    def trials(self) -> pd.DataFrame:
        """The search trials; the columns are those of `hpsearch.report.frame.trials_frame`."""
        from hpsearch.report.frame import trials_frame

        return trials_frame(self.store, self.config)

    @property
    def finalists(self) -> pd.DataFrame:
        """The finalists' trials, one for each config and seed: the columns of `trials`, and where they come from."""
        from hpsearch.report.frame import finalists_frame

        return finalists_frame(self.store, self.config)

    @property
    def best(self) -> Best | None:
        """The config to ship; None before any trial has a value."""
        return best_of(self.store, self.config)

    def document(self) -> dict[str, Any]:
        """Return what `hpsearch show --json` prints."""
        from hpsearch.report.document import study_document

        return study_document(self.store, self.config, self.folder)

    def close(self) -> None:
        """Close the store's connections."""
        self.store.close()


def load_study(study: str | Path, *, studies: str | Path = DEFAULT_STUDIES, storage: str | None = None) -> Study:
    """Return a study that is there.

    Args:
        study: Its name, or the path of its folder.
        studies: The directory that names are looked up in.
        storage: The URL of its store, if that is not in its folder.

    Raises:
        StudyNotFoundError: There is none.
        InputError: Its store can't be opened.
    """
    folder = find_folder(Path(studies), str(study))
    store = Store.open(folder, storage)
    try:
        return Study(store.name, folder, parse_config(store.get("space")), store)
    except FieldError as error:
        store.close()
        raise InputError(f"study {store.name}: the space in its store is damaged: {error}; {MEND}") from None


def list_studies(studies: str | Path = DEFAULT_STUDIES, storage: str | None = None) -> Iterator[Study | InputError]:
    """Yield the studies of a directory by name; the error instead, for one that can't be opened."""
    for folder in study_folders(Path(studies)):
        try:
            study = load_study(folder, studies=studies, storage=storage)
            study.store.reload()  # here, where one that can't be read is told apart
        except InputError as error:
            yield error
            continue
        yield study
        study.close()


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
    publish: Publish = _silent,
    opened: Callable[[Study], None] = _nothing,
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
    publish: Publish = _silent,
    opened: Callable[[Study], None] = _nothing,
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
    publish: Publish = _silent,
    opened: Callable[[Study], None] = _nothing,
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
