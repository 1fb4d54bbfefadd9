"""The user's Python: importing `package.module:name`, and checking what it can be called with."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.objectives.base import FORMS
from hpsearch.system.libraries import is_library
from hpsearch.system.place import Place
from hpsearch.text import nearest


def find(text: str, extra_path: str | None, field: tuple[str, ...], allowed: str) -> Any:
    """Import what `package.module:name` names.

    Args:
        extra_path: A folder to import from, after the working directory: the space file's.
        field: Where in the space file the text stands.
        allowed: What it may name, for messages.

    Raises:
        FieldError: There is no such module or name, or importing it fails.
    """
    module_name, _, name = text.partition(":")
    folders = [str(Path.cwd()), *([str(Path(extra_path).resolve())] if extra_path is not None else [])]
    _import_first_from(folders)
    module = _import(module_name, folders, field)
    if not hasattr(module, name):
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        problem = f"{module_name} ({module.__file__}) has no {name!r}"
        raise FieldError(field, problem, ", ".join(public) or allowed, nearest(name, public))
    return getattr(module, name)


def find_function(
    text: str, extra_path: str | None, field: tuple[str, ...], allowed: str, arguments: tuple[str, ...]
) -> Callable[..., Any]:
    """Import a function that `package.module:name` names.

    Args:
        extra_path: As in `find`.
        field: As there.
        allowed: As there.
        arguments: Names of what the function is given.

    Raises:
        FieldError: For the reasons of `find` and `check_arguments`; or it can't be called.
    """
    target: Callable[..., Any] = find(text, extra_path, field, allowed)
    check_callable(target, field, text, allowed)
    check_arguments(target, field, text, arguments)
    return target


def _import_first_from(folders: list[str]) -> None:
    sys.path[:] = [*dict.fromkeys(folders), *(entry for entry in sys.path if entry not in folders)]


def import_from_copy(place: Place) -> None:
    """Make Python look in the copy of a repository where it would look in the repository.

    A package of the repository that is installed in editable mode is on the path by the original.
    """
    sys.path[:] = [place.of(entry) if entry else entry for entry in sys.path]


def folder_of(text: str, folder: str, module_folder: str | None) -> Path:
    """Return where the code of `package.module:name` lies: its module's folder once that is imported.

    Args:
        folder: The working directory.
        module_folder: The space file's folder.
    """
    module = text.partition(":")[0]
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is not None:
        return Path(file).resolve().parent
    first = Path(folder, module.split(".")[0])
    found = first.is_dir() or first.with_suffix(".py").is_file()
    return Path(folder if found or module_folder is None else module_folder)


def _import(name: str, folders: list[str], field: tuple[str, ...]) -> ModuleType:
    importlib.invalidate_caches()  # the file may be newer than Python's list of its folder
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise _import_failed(name, error, field) from error  # the module is there, and imports one that is not
        parent, _, leaf = missing.rpartition(".")
        inside = getattr(sys.modules.get(parent), "__path__", None)
        searched = list(dict.fromkeys(folders if inside is None else inside))
        near = nearest(leaf, [module.name for module in pkgutil.iter_modules(searched)])
        problem = f"there is no module {missing!r}; searched {', '.join(searched)}, and what is installed"
        allowed = "package.module:name, importable from the working directory or the space file's folder"
        raise FieldError(field, problem, allowed, f"{parent}.{near}" if near and parent else near) from None
    except (Exception, SystemExit) as error:
        raise _import_failed(name, error, field) from error


def _import_failed(name: str, error: BaseException, field: tuple[str, ...]) -> FieldError:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    inside = frames[2:]  # the first two import it
    own = [frame for frame in inside if not is_library(frame.filename)] or inside
    place = f"{own[-1].filename}:{own[-1].lineno}: " if own else ""
    reason = " ".join(line.strip() for line in traceback.format_exception_only(error))
    return FieldError(field, f"importing {name} failed: {place}{reason}", "a module that imports without errors")


def check_callable(target: Any, field: tuple[str, ...], text: str, allowed: str) -> None:
    """Refuse what can't be called at all.

    Args:
        target: What was imported.
        field: Where in the space file it is named.
        text: Its name, for messages.
        allowed: What it may be, for messages.

    Raises:
        FieldError: It can't be called.
    """
    if not callable(target):
        raise FieldError(field, f"{text} is a {type(target).__name__}, which can't be called", allowed)


def check_arguments(target: Any, field: tuple[str, ...], text: str, arguments: tuple[str, ...]) -> None:
    """Refuse what can't be called with these arguments, and what is async.

    Args:
        target: What can be called.
        field: Where in the space file it is named.
        text: Its name, for messages.
        arguments: Names of what it will be given.

    Raises:
        FieldError: It says what the callable takes.
    """
    allowed = f"one that can be called with ({', '.join(arguments)})" if arguments else "a class made without arguments"
    if inspect.iscoroutinefunction(target) or inspect.isasyncgenfunction(target):
        raise FieldError(field, f"{text} is async", FORMS)
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return  # compiled code may have no signature; the first call tells
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise FieldError(field, f"{text}{signature} does not fit: {error}", allowed) from None
