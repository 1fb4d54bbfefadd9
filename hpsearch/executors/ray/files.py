"""Which files of a study the machines of a cluster must see, and code that is sent to those that don't."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hpsearch.errors import InputError, ResourceError
from hpsearch.executors import code
from hpsearch.executors.base import Workplace
from hpsearch.executors.machine.processes import is_left_over
from hpsearch.system.place import Place

_PREFIX = ".visible-"
_TRIES, _PAUSE_S = 4, 0.5  # a network file system may show a new file late
_SHARED = "allowed: a path that all machines share"
_NOT_CODE = (".git", ".venv", "__pycache__")


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What a worker must see before it gets a task.

    Attributes:
        version: The version of hpsearch.
        folders: Absolute paths of the folders that code runs from, by what they are.
        token: A file that this driver made in the studies directory; None if there is no such directory.
        sent_from: The driver's working directory if Ray has sent it to the worker, which starts in the copy.
    """

    version: str = field(default_factory=lambda: version("hpsearch"))
    folders: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None
    sent_from: str | None = None

    def problem(self) -> str:
        """Return what is wrong on this machine; empty if nothing is."""
        if (here := version("hpsearch")) != self.version:
            return f"has hpsearch {here}, the command runs {self.version}; allowed: the same version on all machines"
        for what, folder in self.folders.items():
            if not _is_filled(Path(folder)):
                return f"can't see {folder}, {what}; {_SHARED}, or --ship-code"
        return "" if self.token is None else _token_problem(Path(self.token))


def _is_filled(folder: Path) -> bool:
    """Return whether a path is a folder with something in it: without its file system it would be empty."""
    try:
        return any(True for _ in folder.iterdir())
    except OSError:
        return False


def _token_problem(token: Path) -> str:
    studies = token.parent
    for attempt in range(_TRIES):
        if token.exists():
            break
        time.sleep(_PAUSE_S if attempt < _TRIES - 1 else 0)
    else:
        there = "another directory is there" if studies.is_dir() else "no directory is there"
        return f"can't see {studies}, the studies directory: {there}; {_SHARED}"
    if not os.access(studies, os.R_OK | os.W_OK | os.X_OK):
        return (
            f"can't write to {studies}, the studies directory; allowed: the same user, or its rights, on all machines"
        )
    return ""


class Token:
    """A file that shows whether another machine has the same studies directory under its path.

    Args:
        studies: The directory, which is there.

    Raises:
        ResourceError: It can't be written.
    """

    def __init__(self, studies: Path) -> None:
        _sweep(studies)
        name = f"{_PREFIX}{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(8)}"
        self.path = studies / name
        try:
            self.path.touch(exist_ok=False)
        except OSError as error:
            raise ResourceError(
                f"{studies} can't be written: {error.strerror}; allowed: a writable --studies"
            ) from None

    def close(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


def _sweep(studies: Path) -> None:
    """Remove the tokens of drivers that were killed on this machine."""
    host = f"{_PREFIX}{socket.gethostname()}-"
    for path in studies.glob(f"{host}*"):
        if is_left_over(path.name, host):
            path.unlink(missing_ok=True)


def needs_of(workplace: Workplace, token: Token | None, *, ship_code: bool) -> Needs:
    """Return what the workers of a cluster must see."""
    name = None if token is None else str(token.path)
    if ship_code:
        return Needs(token=name, sent_from=workplace.folder)
    folders = {"the working directory": workplace.folder}
    folder = str(code.folder_of(workplace))
    ours = [Path(folder) for folder in (workplace.folder, workplace.module_folder) if folder is not None]
    if not workplace.objective.built_in and any(own in (Path(folder), *Path(folder).parents) for own in ours):
        folders["the folder of the code"] = folder  # else it is installed, and other machines may have it elsewhere
    return Needs(token=name, folders={what: path for what, path in folders.items() if _is_filled(Path(path))})


def check_shipping(workplace: Workplace) -> None:
    """Refuse to send code that is not in the working directory.

    Raises:
        InputError: It says where the code lies.
    """
    if workplace.objective.built_in:
        raise InputError("--ship-code: the built-in objective has no code to send; allowed: without --ship-code")
    if workplace.place is not None:
        raise InputError(
            f"--ship-code: the study runs from its copy of the code, {workplace.place.copy}, in the studies directory, "
            "which all machines share; allowed: without --ship-code"
        )
    folder = code.folder_of(workplace).resolve()
    if Path(workplace.folder) not in (folder, *folder.parents):
        raise InputError(
            f"--ship-code: the code lies in {folder}, outside of the working directory {workplace.folder}, which is "
            "what is sent; allowed: the command given in a folder that holds the code"
        )


def runtime_environment(workplace: Workplace) -> dict[str, Any]:
    """Return what Ray sends: the working directory without the studies and without what git ignores."""
    excludes = list(_NOT_CODE)
    if workplace.studies is not None and Path(workplace.folder) in Path(workplace.studies).parents:
        excludes.append(f"/{Path(workplace.studies).relative_to(workplace.folder).as_posix()}")
    return {"working_dir": workplace.folder, "excludes": excludes}


def stamped(workplace: Workplace) -> Workplace:
    """Return the workplace with the state of the code that is sent: its copies do not know it."""
    return replace(workplace, copied_code=code.found_state(workplace))


def in_copy(workplace: Workplace, sent_from: str, copy: str) -> Workplace:
    """Return the workplace of a worker that works in a copy of the driver's working directory.

    Args:
        sent_from: The driver's working directory.
        copy: The worker's.
    """
    place = Place(Path(sent_from), Path(copy))
    module_folder = None if workplace.module_folder is None else place.of(workplace.module_folder)
    objective = workplace.objective.relocated(place)
    return replace(workplace, folder=copy, module_folder=module_folder, objective=objective, place=place)
