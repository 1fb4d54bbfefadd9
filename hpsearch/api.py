"""The main journey: `run`, `resume`, `smoke` and `load_study`, which the command line and notebooks call.

What drives a study imports Optuna. A new study imports it once Ray has begun to start.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from hpsearch.config.config import StudyConfig
from hpsearch.config.file import find_space
from hpsearch.config.small import left_out, small
from hpsearch.driver.asked import AskedResume, AskedRun, ResumeOptions, RunOptions, listing
from hpsearch.driver.edits import Beside, Edit, drift, edit_of
from hpsearch.driver.goals import Goals
from hpsearch.driver.naming import is_taken
from hpsearch.driver.new_study import NewStudy
from hpsearch.driver.session import Caller, Publish, Start, nothing, silent
from hpsearch.driver.tried import Tried, short, tried_of
from hpsearch.driver.written import WrittenFiles
from hpsearch.errors import StudyError, TrialsFailedError
from hpsearch.executors.planning import claimed_resources
from hpsearch.executors.resources import ResourceRequest
from hpsearch.objectives.space_files import load_space_file
from hpsearch.report.log_words import words_of_failed
from hpsearch.store.folders import new_folder
from hpsearch.study.study import DEFAULT_STUDIES, Study, list_studies, load_study
from hpsearch.system.escalation import removed_at_a_hard_end
from hpsearch.trial.events import Notice

__all__ = [
    "DEFAULT_STUDIES",
    "ResumeOptions",
    "RunOptions",
    "Study",
    "list_studies",
    "load_study",
    "resume",
    "run",
    "smoke",
    "try_out",
]


@listing(AskedRun)
def run(space: str | Path, **options: Unpack[RunOptions]) -> Study:
    """Make a study and run it to its end.

    Args:
        space: A space file, or the name of one that ships with the package.
        options: `hpsearch.api.RunOptions` explains them.

    Raises:
        InputError: Nothing was started.
        StudyError: The study failed; it can be resumed.
        Interrupted: A signal came; it can be resumed.
    """
    asked = AskedRun(**options)
    path = find_space(str(space))
    config = load_space_file(path, asked.all_overrides())
    folder = new_folder(Path(asked.studies), asked.name or config.study)
    if asked.resume and is_taken(folder, asked.storage):
        return _go_on(load_study(folder, storage=asked.storage), config, path, asked)
    return _begin(NewStudy.of(config, path, folder, asked), asked.caller())


@listing(AskedResume)
def resume(study: str | Path, **options: Unpack[ResumeOptions]) -> Study:
    """Go on with a study where it stopped.

    Args:
        study: Its name, or the path of its folder.
        options: `hpsearch.api.ResumeOptions` explains them.

    Raises:
        InputError: Nothing was started.
        StudyError: The study failed; it can be resumed.
        Interrupted: A signal came; it can be resumed.
    """
    asked = AskedResume(**options)
    goals = Goals.given(asked.trials, asked.budget)
    loaded = load_study(study, studies=asked.studies, storage=asked.storage)
    if changed := drift(loaded):
        asked.publish(Notice(message=changed))
    from hpsearch.driver.driving import drive

    return drive(loaded, asked.caller(), Edit(loaded.config, goals))


def smoke(
    space: str | Path,
    *,
    overrides: Sequence[str] = (),
    request: ResourceRequest | None = None,
    publish: Publish = silent,
    opened: Callable[[Study], None] = nothing,
) -> dict[str, Any]:
    """Run all stages of a space small, in a temporary directory that is removed.

    Two trials of two epochs, one finalist with two seeds, and the ensemble. An override of `objective.epochs` makes
    them longer, for metrics that come later.

    Returns:
        The study's document.

    Raises:
        InputError: Nothing was started.
        StudyError: Something does not work.
        Interrupted: A signal came.
    """
    config = load_space_file(find_space(str(space)), overrides)
    longer = [text for text in overrides if text.startswith("objective.epochs=")]
    all_overrides = [*overrides, *small(config), *longer]
    if parts := left_out(config):
        publish(Notice(message=f"the smoke test leaves out {', '.join(parts)}"))
    with (
        tempfile.TemporaryDirectory(prefix="hpsearch-smoke-", ignore_cleanup_errors=True) as folder,
        removed_at_a_hard_end(folder),
        _telling_all(Path(folder), config.metric, publish),
    ):
        written = WrittenFiles.of(config.objective, Path(folder), publish)
        told = written.pass_on
        study = run(space, overrides=all_overrides, request=request, studies=folder, publish=told, opened=opened)
        with closing(study):
            written.warn()
            return study.document()


@contextmanager
def _telling_all(folder: Path, metric: str, publish: Publish) -> Iterator[None]:
    """Publish what the log of a failed trial says, for the log is about to be removed.

    Raises:
        StudyError: Without the advice on how to go on, since nothing is kept.
    """
    try:
        yield
    except TrialsFailedError as error:
        if words := words_of_failed(folder):
            publish(words)
        later = "; if it comes only in later epochs: --set objective.epochs=N" if repr(metric) in error.problem else ""
        raise StudyError(f"{error.problem}{later}") from None


def try_out(
    space: str | Path,
    *,
    epochs: int = 2,
    request: ResourceRequest | None = None,
    publish: Publish = silent,
) -> Tried:
    """Run one short trial of a space in this process, in a temporary directory that is removed.

    Args:
        space: A space file.
        epochs: How many the trial has, at most.
        request: The workers; None for this process.
        publish: Takes events.

    Raises:
        InputError: Nothing was started.
        Interrupted: A signal came.
    """
    config = load_space_file(find_space(str(space)))
    overrides = short(min(epochs, config.objective.epochs))
    opened: list[Study] = []
    with (
        tempfile.TemporaryDirectory(prefix="hpsearch-try-", ignore_cleanup_errors=True) as folder,
        removed_at_a_hard_end(folder),
    ):
        try:
            run(
                space,
                overrides=overrides,
                request=request or ResourceRequest(executor="inline"),
                studies=folder,
                publish=publish,
                opened=opened.append,
            ).close()
        except StudyError:
            if not opened:
                raise
        finally:
            study = load_study(opened[0].folder) if opened else None
        if study is None:
            raise StudyError("the trial was not begun")
        with closing(study):
            return tried_of(study)


def _go_on(study: Study, config: StudyConfig, path: Path, asked: AskedRun) -> Study:
    """Drive an existing study with what it takes of its edited space file."""
    trials = any(text.startswith("search.trials=") for text in asked.overrides)
    try:
        edit = edit_of(study, config, path, Beside(budget=asked.budget, trials=trials, force=asked.force))
    except BaseException:
        study.close()
        raise
    if edit.changes:
        asked.publish(Notice(message=f"{path} has changed: {edit}"))
    from hpsearch.driver.driving import drive

    return drive(replace(study, config=edit.config), asked.caller(), edit)


def _begin(new: NewStudy, caller: Caller) -> Study:
    """Make a study and drive it."""
    request = caller.request.for_study(new.config.gpus_per_trial)
    claimed = claimed_resources(request, new.config.search.total, new.name)
    with (
        claimed as resources,
        caller.interrupts.listening(),  # a signal waits until the study can be resumed
        closing(Start(caller, resources)) as start,
    ):
        study = new.make(
            tell=lambda message: caller.publish(Notice(message=message)),
            begin=lambda: start.begin(new.config.objective),
        )
        for message in filter(None, (new.earlier.notice, new.renamed)):
            caller.publish(Notice(message=message))
        from hpsearch.driver.driving import drive

        return drive(study, caller, start=start)
