"""Every way to describe an objective. A new one is a module with section, class and entry, and a line here."""

from __future__ import annotations

from typing import Any

from hpsearch.config.objectives import ObjectiveSection
from hpsearch.objectives.command.way import COMMAND
from hpsearch.objectives.frameworks.lightning_objective import LIGHTNING
from hpsearch.objectives.frameworks.optuna_style import OPTUNA
from hpsearch.objectives.frameworks.tune import TUNE
from hpsearch.objectives.image_classifier import IMAGE_CLASSIFIER
from hpsearch.objectives.python import PYTHON
from hpsearch.objectives.way import Way

_ALL: tuple[Way[Any], ...] = (
    IMAGE_CLASSIFIER,
    PYTHON,
    COMMAND,
    OPTUNA,
    TUNE,
    LIGHTNING,
)
WAYS = {way.key: way for way in _ALL}


def sections() -> dict[str, type[ObjectiveSection]]:
    """Return the models of the `objective` section by the key that tells them apart."""
    return {key: way.section for key, way in WAYS.items()}


def way_of(settings: ObjectiveSection) -> Way[Any]:
    """Return the entry of a section."""
    return next(way for way in WAYS.values() if way.section is type(settings))
