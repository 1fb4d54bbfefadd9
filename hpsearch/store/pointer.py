"""`study.json`, which makes a folder a study's: it has the study's name, and says where its store is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hpsearch.errors import InputError, StudyNotFoundError
from hpsearch.store.location import DATABASE, FILES

STUDY_FILE = "study.json"
FORMAT = 2  # of the store. Format 1 had no rounds; its studies open too


def read_pointer(folder: Path) -> dict[str, Any]:
    """Return what a study's directory says about where its store is.

    Raises:
        StudyNotFoundError: It is no study's directory.
        InputError: It was made by a newer hpsearch.
    """
    try:
        pointer = json.loads((folder / STUDY_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StudyNotFoundError(
            f"{folder}: no study is there (it has no readable {STUDY_FILE}){_repair(folder)}"
        ) from None
    if isinstance(pointer, dict):
        check_format(str(folder), pointer.get("format"))
    if not isinstance(pointer, dict) or not {"study", "storage"} <= set(pointer):
        raise StudyNotFoundError(f"{folder}: {STUDY_FILE} is not hpsearch's{_repair(folder)}")
    pointer = {"file": DATABASE, **pointer}  # older versions knew no other file, and did not name it
    if not isinstance(pointer["study"], str) or not isinstance(pointer["storage"], str | None):
        raise StudyNotFoundError(f"{folder}: {STUDY_FILE} names no study{_repair(folder)}")
    if pointer["storage"] is None and pointer["file"] not in FILES.values():
        raise StudyNotFoundError(f"{folder}: {STUDY_FILE} names a store that this hpsearch does not know")
    return pointer


def check_format(what: str, found: Any) -> None:
    """Check that this release knows the format of a study.

    Args:
        what: The study, or its folder.
        found: The format that the study says it has.

    Raises:
        InputError: It was made by a newer hpsearch.
    """
    if isinstance(found, int) and found > FORMAT:
        raise InputError(
            f"{what}: was made by a newer hpsearch (store format {found}, this one knows {FORMAT}); "
            "allowed: upgrade hpsearch"
        )


def has_lost_its_pointer(folder: Path) -> bool:
    """Return whether a folder has a study's store and trials, and no `study.json`."""
    return (folder / "trials").is_dir() and _file_in(folder) is not None and not (folder / STUDY_FILE).is_file()


def _repair(folder: Path) -> str:
    """Return how to write a folder's `study.json` again; empty if the folder has no store."""
    file = _file_in(folder)
    if file is None:
        return ""
    content = json.dumps({"study": folder.name, "storage": None, "file": file})
    return f"; its store {file} is there: write {content} into {STUDY_FILE}"


def _file_in(folder: Path) -> str | None:
    return next((file for file in FILES.values() if (folder / file).is_file()), None)
