"""A study's own copy of the user's code, for all of its trials (`run --snapshot`)."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from hpsearch.errors import InputError
from hpsearch.study.study import Study
from hpsearch.system.git import GitError, ignored_paths, listed_files, top_of
from hpsearch.system.place import Place
from hpsearch.text import counted

FOLDER = "code"
_ATTRIBUTE = "snapshot"
_CACHES = ("__pycache__",)
_MEGABYTE = 1e6

StudyT = TypeVar("StudyT", bound=Study)


@dataclass(frozen=True, slots=True)
class Taken:
    """A copy of a repository.

    Attributes:
        top: The repository's top folder, absolute.
        files: The number of copied files.
        size: Of all of them, in bytes.
    """

    top: Path
    files: int
    size: int

    def attributes(self) -> dict[str, str]:
        """Return the store's attributes of the copy."""
        return {_ATTRIBUTE: str(self.top)}

    def __str__(self) -> str:
        return f"{counted(self.files, 'file')} of {self.top} ({self.size / _MEGABYTE:.1f} MB)"


def take_snapshot(code: Path, study_folder: Path, studies: Path) -> Taken:
    """Copy a repository's files into a study's folder, without files that git ignores.

    Ignored files (data, virtual environments) are no code. They are linked, so that relative paths find them.

    Args:
        code: A folder in the repository.
        study_folder: Gets the folder `code`, whole or not at all.
        studies: The directory of studies, which is never copied.

    Raises:
        InputError: The code is in no repository, or can't be copied.
    """
    top = top_of(code)
    if top is None:
        raise InputError(f"--snapshot: {code} is in no git repository; allowed: code in a git repository")
    temporary, target = study_folder / f".{FOLDER}.tmp", study_folder / FOLDER
    for left in (temporary, target):  # by a command that was killed
        shutil.rmtree(left, ignore_errors=True)
    size = 0
    try:
        names = listed_files(top, [studies])
        for name in names:
            size += _copied(top / name, temporary / name)
        for name in ignored_paths(top, [studies]):
            _link(top / name, temporary / name)
        temporary.mkdir(parents=True, exist_ok=True)
        temporary.rename(target)
    except (OSError, GitError) as error:
        raise InputError(f"--snapshot: {top} can't be copied to {target}: {error}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Taken(top.resolve(), len(names), size)


def _copied(source: Path, target: Path) -> int:
    if not source.exists() and not source.is_symlink():
        return 0  # deleted, but not committed yet
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():  # a submodule
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(".git", *_CACHES))
        return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    shutil.copy2(source, target, follow_symlinks=False)
    return target.lstat().st_size


def _link(source: Path, target: Path) -> None:
    if source.name in _CACHES or source.suffix == ".pyc":
        return  # Python makes them anew
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_symlink() and not target.exists():
        target.symlink_to(source)


def place_of(study: Study) -> Place:
    """Return the place of a study's code.

    Raises:
        InputError: Its copy is gone.
    """
    top = study.store.get(_ATTRIBUTE)
    copy = study.folder / FOLDER
    if top is not None and not copy.is_dir():
        raise InputError(f"study {study.name}: its copy of the code, {copy}, is gone; allowed: a study with its copy")
    return Place(None if top is None else Path(top), copy)


def relocated(study: StudyT, place: Place) -> StudyT:
    """Return a study whose objective has its paths in the copy."""
    config = replace(study.config, objective=study.config.objective.relocated(place))
    return replace(study, config=config)


@contextlib.contextmanager
def working_in(place: Place) -> Iterator[None]:
    """Change into the copy's folder for the working directory meanwhile."""
    here = place.of(str(Path.cwd()))
    with contextlib.chdir(here):
        yield
