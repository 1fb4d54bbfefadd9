"""Where studies lie: names to folders, and no name that leaves the studies directory."""

from __future__ import annotations

import re
from pathlib import Path

from hpsearch.errors import InputError, StudyNotFoundError
from hpsearch.space import nearest
from hpsearch.store import STUDY_FILE

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def new_folder(studies: Path, name: str) -> Path:
    """Return the folder that a study of this name has.

    Raises:
        InputError: The name is not one.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"--name {name!r}: not a study's name; allowed: letters, digits, '.', '_' and '-', "
            "a letter or digit first, 100 at most"
        )
    return studies.resolve() / name


def find_folder(studies: Path, study: str) -> Path:
    """Return the folder of a study that is there, by name or path.

    Raises:
        StudyNotFoundError: There is none; the message names those that there are.
    """
    candidates = [new_folder(studies, study)] if _NAME.fullmatch(study) else []
    candidates.append(Path(study).resolve())
    for folder in candidates:
        if (folder / STUDY_FILE).is_file():
            return folder
    known = [folder.name for folder in study_folders(studies)]
    near = nearest(study, known)
    hint = f"; did you mean {near!r}?" if near else ""
    raise StudyNotFoundError(
        f"{study}: no such study in {studies}; allowed: {', '.join(known) or 'none is there yet'}, or a path{hint}"
    )


def study_folders(studies: Path) -> list[Path]:
    """Return the folders of all studies in a directory, by name."""
    if not studies.is_dir():
        return []
    return sorted(path for path in studies.resolve().iterdir() if (path / STUDY_FILE).is_file())


def unused_name(studies: Path, name: str) -> str:
    """Return the name, or the first of name-2, name-3, ... that no folder has."""
    number, found = 1, name
    while new_folder(studies, found).exists():
        number += 1
        found = f"{name}-{number}"
    return found
