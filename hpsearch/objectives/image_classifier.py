"""`use: image_classifier`, the built-in objective, as an entry of the registry."""

from __future__ import annotations

from pathlib import Path

from hpsearch.config.config import StudyConfig
from hpsearch.objectives.base import Objective
from hpsearch.objectives.way import Way
from hpsearch.space.space import Space
from hpsearch.vision.section import ImageClassifier


def _load(settings: ImageClassifier, extra_path: str | None) -> Objective:
    from hpsearch.vision import ImageClassifierObjective

    del extra_path  # nothing of the user's is imported
    return ImageClassifierObjective(settings)


def _check(settings: ImageClassifier, study: StudyConfig, extra_path: str | None) -> None:
    from hpsearch.vision import check_data, check_parameters

    del extra_path
    check_parameters(study.space, settings)
    check_data(settings)


def _cautions(settings: ImageClassifier, study: StudyConfig) -> list[str]:
    from hpsearch.vision.image_folder import counts_line

    del study
    return [counts_line(settings)] if settings.data == "image_folder" else []


def _check_bounds(space: Space, name: str) -> None:
    from hpsearch.vision.parameters import check_values

    check_values(space, name)


def _code_folder(settings: ImageClassifier, folder: str, module_folder: str | None) -> Path:
    del settings
    return Path(module_folder or folder)


IMAGE_CLASSIFIER = Way(
    key="use",
    section=ImageClassifier,
    load=_load,
    code_folder=_code_folder,
    check=_check,
    check_bounds=_check_bounds,
    cautions=_cautions,
)
