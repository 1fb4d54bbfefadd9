"""The folders of studies: from a study's name to its folder, which never lies outside of the studies directory."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hpsearch.errors import InputError, StudyLockedError, StudyNotFoundError
from hpsearch.store.location import FILES, JOURNAL
from hpsearch.store.pointer import STUDY_FILE, has_lost_its_pointer, read_pointer
from hpsearch.system.disk import why_unwritable
from hpsearch.system.names import ALLOWED_NAME, MOST_CHARACTERS, is_study_name
from hpsearch.text import did_you_mean


def new_folder(studies: Path, name: str) -> Path:
    """Return the folder for a study of this name.

    Raises:
        InputError: The name is not one.
    """
    if not is_study_name(name):
        raise InputError(f"--name {name!r}: not a study's name; allowed: {ALLOWED_NAME}")
    try:
        folder = studies.resolve() / name
        folder.exists()
    except (OSError, RuntimeError) as error:  # too long, a circle of links, a folder that may not be entered
        raise InputError(f"{studies}: can't be looked at: {error}; give another --studies") from None
    return folder


def find_folder(studies: Path, study: str) -> Path:
    """Return the folder of an existing study, by name or path.

    Raises:
        StudyNotFoundError: There is none; the message names the studies that exist.
    """
    candidates = [new_folder(studies, study)] if is_study_name(study) else []
    with suppress(OSError, ValueError):  # a name that is too long, a null character
        candidates.append(Path(study).resolve())
        for folder in candidates:
            if (folder / STUDY_FILE).is_file():
                return folder
            if has_lost_its_pointer(folder):
                read_pointer(folder)  # says how to get it back
    known = [folder.name for folder in study_folders(studies)]
    hint = did_you_mean(study, known)
    raise StudyNotFoundError(
        f"{study}: no such study in {studies}; allowed: {', '.join(known) or 'none is there yet'}, or a path{hint}"
    )


def study_folders(studies: Path) -> list[Path]:
    """Return the folders of all studies in a directory, by name."""
    try:
        folders = list(studies.resolve().iterdir()) if studies.is_dir() else []
    except OSError as error:
        raise InputError(f"{studies}: can't be looked into: {error.strerror}; give another --studies") from None
    return sorted(path for path in folders if (path / STUDY_FILE).is_file() or has_lost_its_pointer(path))


# Names of what is written first when a study is made, or how they begin.
_HALF_MADE = (STUDY_FILE, f".{STUDY_FILE}.", *FILES.values(), f".{JOURNAL}.", "code", ".code.")


def is_half_made(folder: Path) -> bool:
    """Return whether a folder without a study holds only what a command left that was killed while it made one."""
    # A link is not one either: what it leads to lies outside of the studies directory.
    return not folder.is_symlink() and all(path.name.startswith(_HALF_MADE) for path in folder.iterdir())


@contextmanager
def making(folder: Path) -> Iterator[None]:
    """Make the folder of a new study and hold it for the time of the block. After an error, remove what was made.

    Raises:
        StudyLockedError: Another process is making a study there.
        InputError: The folder can't be made.
    """
    parent_is_new = not folder.parent.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if parent_is_new:
            with suppress(OSError):
                folder.parent.rmdir()
        raise InputError(
            f"{folder}: the study's folder can't be made: {error.strerror}; give another --studies"
        ) from None
    try:
        _claim(descriptor, folder)
        for left in folder.glob(f".{STUDY_FILE}.*.tmp"):  # by a command that was killed here
            left.unlink(missing_ok=True)
        was_empty = not any(folder.iterdir())
        try:
            yield
        except BaseException:
            if was_empty:
                with suppress(OSError):  # the first error says more
                    _clear(folder, parent_is_new=parent_is_new)
            raise
    finally:
        os.close(descriptor)


def _claim(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StudyLockedError(
            f"{folder}: another process is making this study; allowed: one driver at a time"
        ) from None
    except OSError:
        return  # a network file system without locks, which matter only for two commands in the same second


def _clear(folder: Path, *, parent_is_new: bool) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    with suppress(OSError):
        folder.rmdir()
        if parent_is_new:
            folder.parent.rmdir()


def unused_name(studies: Path, name: str) -> str:
    """Return the name, or the first of name-2, name-3, ... that no folder has."""
    number, found = 1, name
    while new_folder(studies, found).exists():
        number += 1
        suffix = f"-{number}"
        found = name[: MOST_CHARACTERS - len(suffix)] + suffix
    return found


def check_writable(folder: Path) -> None:
    """Refuse a study's folder that can't be written, before any work begins.

    Raises:
        InputError: It says why.
    """
    if why := why_unwritable(folder):
        raise InputError(f"{folder}: can't be written: {why}; fix that, then resume (show works meanwhile)")
