"""From the `objective` section of a space file to an objective, and the checks before anything runs."""

from __future__ import annotations

from pathlib import Path

from hpsearch.config.config import StudyConfig
from hpsearch.config.objectives import ObjectiveSection
from hpsearch.objectives.base import Objective
from hpsearch.objectives.registry import way_of
from hpsearch.space.space import Space


def load_objective(settings: ObjectiveSection, extra_path: str | None = None) -> Objective:
    """Return the objective that a worker trains.

    Args:
        settings: The `objective` section.
        extra_path: A folder to import the user's Python from, after the working directory: the space file's.

    Raises:
        FieldError: The user's Python is not there, or can't train.
    """
    return way_of(settings).load(settings, extra_path)


def code_folder(settings: ObjectiveSection, folder: str, module_folder: str | None) -> Path:
    """Return the folder of an objective's code: its module's once that is imported, or a command's.

    Args:
        settings: The `objective` section.
        folder: The working directory.
        module_folder: The space file's folder.
    """
    return way_of(settings).code_folder(settings, folder, module_folder)


def check_bounds(settings: ObjectiveSection, space: Space, name: str) -> None:
    """Refuse bounds of a parameter that the objective is known not to take; imports neither torch nor the user's code.

    Raises:
        FieldError: It says what is allowed.
    """
    check = way_of(settings).check_bounds
    if check is not None:
        check(space, name)


def check_objective(config: StudyConfig, extra_path: str | None = None) -> None:
    """Refuse, before anything runs, an objective that can't train the configs of its space.

    Args:
        config: The study.
        extra_path: As in `load_objective`.

    Raises:
        FieldError: It says what is wrong, and what is allowed.
        InputError: The data set is not there.
    """
    way = way_of(config.objective)
    if way.check is None:
        way.load(config.objective, extra_path)
    else:
        way.check(config.objective, config, extra_path)


def cautions(config: StudyConfig) -> list[str]:
    """Return what to know of an objective before anything is trained, a line each."""
    way = way_of(config.objective)
    return [] if way.cautions is None else way.cautions(config.objective, config)
