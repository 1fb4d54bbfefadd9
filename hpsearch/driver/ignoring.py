"""Keeps the directory of studies out of git, as pytest does with its cache."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from hpsearch.store.folders import study_folders
from hpsearch.system.git import is_open_to_git, tracks_any

_FILE = ".gitignore"
_CONTENT = "# Studies are output. hpsearch wrote this file, because git did not ignore them.\n*\n"


def keep_out_of_git(folder: Path) -> str:
    """Let git ignore a directory of studies, if it holds nothing else and git tracks nothing there.

    Args:
        folder: Of a study that was just made.

    Returns:
        What to tell the user; empty if git ignores the study already, or the directory is in no working tree.
    """
    studies = folder.parent
    if not is_open_to_git(folder):
        return ""
    others = {path.name for path in studies.iterdir()} - {path.name for path in study_folders(studies)}
    if not others and not tracks_any(studies):
        with suppress(OSError), (studies / _FILE).open("x") as file:
            file.write(_CONTENT)
            return f"git did not ignore {studies}: {_FILE} was written there"
    return f"git does not ignore {folder}: add it to a {_FILE}"


def forget_own_ignore(studies: Path) -> None:
    """Remove the file that was written here if nothing else is left in the directory.

    Raises:
        OSError: The directory can't be read, or the file can't be removed.
    """
    path = studies / _FILE
    if list(studies.iterdir()) == [path] and path.read_text() == _CONTENT:
        path.unlink()
