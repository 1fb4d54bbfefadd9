"""Space files with every objective that hpsearch knows. What a study has stored is parsed without the YAML reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hpsearch.config.config import StudyConfig, study_config
from hpsearch.objectives.registry import sections


def parse_config(raw: Any) -> StudyConfig:
    """Return the study that a space file's content describes.

    Raises:
        FieldError: The first thing that is wrong.
    """
    return study_config(raw, sections())


def load_space_file(path: Path, overrides: Sequence[str] = ()) -> StudyConfig:
    """Return the study that a file describes.

    Args:
        path: The YAML file.
        overrides: `PATH=VALUE`, such as `search.trials=8`; files in them are relative to the working directory.

    Raises:
        SpaceFileError: With file, line, field, what was found, and what is allowed.
        InputError: The file can't be read.
    """
    from hpsearch.config.file import read_space_file

    return read_space_file(path, sections(), overrides)


def file_content(path: Path) -> Any:
    """Return a space file's content without `--set`: JSON types, absolute paths, and no check of the rest.

    Raises:
        InputError: It can't be read, or holds what JSON can't.
    """
    from hpsearch.config.file import read_content

    return read_content(path, sections())
