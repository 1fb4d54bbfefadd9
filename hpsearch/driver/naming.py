"""The name of a new study: whether it is taken, a free one, and the message to the user."""

from __future__ import annotations

import shlex
from contextlib import closing, suppress
from pathlib import Path

from hpsearch.errors import InputError, StudyExistsError, StudyNotFoundError
from hpsearch.store.folders import is_half_made, unused_name
from hpsearch.study.study import DEFAULT_STUDIES, load_study


def is_taken(folder: Path, storage: str | None) -> bool:
    """Return whether a study is in this folder. A folder that a kill left without a store is free.

    Args:
        storage: The URL of the study's store, if it is not in the folder.
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
    """Return the folder's name for a new study, with a number if the name is taken.

    Args:
        asked: Whether the user gave this name, so that no other will do.
        storage: The URL of the study's store, if it is not in the folder.

    Raises:
        StudyExistsError: The user gave the name, and it is taken.
    """
    if not is_taken(folder, storage):
        return folder.name
    if asked:
        raise StudyExistsError(
            f"--name {folder.name}: {folder} exists; allowed: another name, --resume, or hpsearch resume {folder.name}"
        )
    return unused_name(folder.parent, folder.name)


def renamed_in_words(name: str, chosen: str, studies: Path, storage: str | None) -> str:
    """Return the message to the user when a new study's name is not its space file's.

    Args:
        name: The space file's.
        chosen: The study's.
        studies: The directory of both studies, as the user gave it.
        storage: The URL of the stores, if they are not in the studies' folders.
    """
    hint = ""
    with suppress(InputError), closing(load_study(studies / name, storage=storage)) as earlier:
        place = "" if studies == DEFAULT_STUDIES else f" --studies {shlex.quote(str(studies))}"
        if earlier.state != "done":
            hint = f"; {name} is unfinished: hpsearch resume {name}{place} goes on with it"
    return f"study {name} exists, so this one is {chosen}{hint}"
