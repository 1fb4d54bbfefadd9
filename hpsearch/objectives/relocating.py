"""An objective whose code lies elsewhere than its study says: in a copy of the repository, or on another machine."""

from __future__ import annotations

from typing import Any

from hpsearch.config.objectives import Command, Objective
from hpsearch.system.place import Place


def relocated_objective(objective: Objective, place: Place) -> Objective:
    """Return an objective with the paths of a command's code in the copy."""
    if place.top is None or not isinstance(objective, Command):
        return objective
    paths = {"cwd": objective.cwd, "interpreter": objective.interpreter}
    changes: dict[str, Any] = {name: place.of(path) for name, path in paths.items() if path is not None}
    if objective.config_file is not None:
        template = place.of(objective.config_file.template)
        changes["config_file"] = objective.config_file.model_copy(update={"template": template})
    return objective.model_copy(update=changes)
