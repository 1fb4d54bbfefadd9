"""The name of a new study: whether it is taken, which one is free, and what to tell the user about it."""

from __future__ import annotations

import shlex
from contextlib import closing, suppress
from pathlib import Path

from hpsearch.errors import InputError, StudyExistsError, StudyNotFoundError
from hpsearch.store.folders import is_half_made, unused_name
from hpsearch.study.study import DEFAULT_STUDIES, load_study


def is_taken(folder: Path, storage: str | None) -> bool:
    """Return whether a study is in this folder; what a kill left before its store was made is none.

    Args:
        storage: The URL of the study's store, if that is not in its folder.
    """
    if not folder.exists():
        return False
    try:
        load_study(folder, storage=storage).close()
    except StudyNotFoundError:
        return not is_half_made(folder)
    except InputError:
        return True
    return True


def free_name(folder: Path, *, asked: bool, storage: str | None) -> str:
    """Return the folder's name for a new study, with a number if it is taken.

    Args:
        asked: Whether the user asked for this name; then no other one will do.
        storage: The URL of the study's store, if that is not in its folder.

    Raises:
        StudyExistsError: The name was asked for, and is taken.
    """
    if not is_taken(folder, storage):
        return folder.name
    if asked:
        raise StudyExistsError(
            f"--name {folder.name}: {folder} exists; allowed: another name, --resume, or hpsearch resume {folder.name}"
        )
    return unused_name(folder.parent, folder.name)


def renamed_in_words(name: str, chosen: str, studies: Path, storage: str | None) -> str:
    """Return what the user is told when a new study gets another name than its space file has.

    Args:
        name: The space file's.
        chosen: The study's.
        studies: The directory of both studies, as the user gave it.
        storage: The URL of their stores, if those are not in their folders.
    """
    hint = ""
    with suppress(InputError), closing(load_study(studies / name, storage=storage)) as earlier:
        place = "" if studies == DEFAULT_STUDIES else f" --studies {shlex.quote(str(studies))}"
        if earlier.state != "done":
            hint = f"; {name} is unfinished: hpsearch resume {name}{place} goes on with it"
    return f"study {name} exists, so this one is {chosen}{hint}"
