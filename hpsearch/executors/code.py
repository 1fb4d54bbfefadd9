"""Which code the workers of a study run: where it lies, and in what state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpsearch.errors import ObjectiveError
from hpsearch.executors.base import Workplace
from hpsearch.objectives.loading import code_folder
from hpsearch.system.git import code_state


def folder_of(workplace: Workplace) -> Path:
    """Return the folder that the objective's code lies in."""
    return code_folder(workplace.objective, workplace.folder, workplace.module_folder)


def state_of(workplace: Workplace) -> Mapping[str, Any] | None:
    """Return the state of the user's code as JSON types; None outside of a repository, and for hpsearch's own code."""
    if workplace.place is not None:
        return workplace.copied_code
    return None if workplace.objective.built_in else found_state(workplace)


def found_state(workplace: Workplace) -> Mapping[str, Any] | None:
    """Return the state of the repository that the code lies in, studies left out; None outside of one."""
    state = code_state(folder_of(workplace), [] if workplace.studies is None else [Path(workplace.studies)])
    return None if state is None else state.as_dict()


def check_copy(workplace: Workplace) -> None:
    """Refuse a module that was imported from elsewhere than the study's copy of the code.

    Raises:
        ObjectiveError: It says from where.
    """
    if workplace.place is None or workplace.objective.own_processes:
        return
    folder = folder_of(workplace)
    if workplace.place.copy not in (folder, *folder.parents):
        msg = (
            f"the objective was imported from {folder}, not from the study's copy of the code, {workplace.place.copy}; "
            "allowed: a module that is found from the working directory or the space file's folder"
        )
        raise ObjectiveError(msg)
