"""Importing the user's Python by `package.module:name`, and looking at what it can be called with."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from hpsearch.errors import FieldError
from hpsearch.objectives.base import FORMS
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
    sys.path[:] = [*dict.fromkeys(folders), *(entry for entry in sys.path if entry not in folders)]
    module = _import(module_name, folders, field)
    if not hasattr(module, name):
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        problem = f"{module_name} ({module.__file__}) has no {name!r}"
        raise FieldError(field, problem, ", ".join(public) or allowed, nearest(name, public))
    return getattr(module, name)


def _import(name: str, folders: list[str], field: tuple[str, ...]) -> ModuleType:
    importlib.invalidate_caches()  # the file may be younger than the last look into its folder
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise _import_failed(name, error, field) from error  # it was found, and imports something that is not there
        parent, _, leaf = missing.rpartition(".")
        searched = list(sys.modules[parent].__path__) if hasattr(sys.modules.get(parent), "__path__") else folders
        near = nearest(leaf, [module.name for module in pkgutil.iter_modules(searched)])
        problem = f"there is no module {missing!r}; searched {', '.join(searched)}, and what is installed"
        allowed = "package.module:name, importable from the working directory or the space file's folder"
        raise FieldError(field, problem, allowed, f"{parent}.{near}" if near and parent else near) from None
    except (Exception, SystemExit) as error:
        raise _import_failed(name, error, field) from error


def _import_failed(name: str, error: BaseException, field: tuple[str, ...]) -> FieldError:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    place = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames[2:] else ""  # the first two import it
    reason = " ".join(line.strip() for line in traceback.format_exception_only(error))
    return FieldError(field, f"importing {name} failed: {place}{reason}", "a module that imports without errors")


def check_arguments(target: Any, field: tuple[str, ...], text: str, arguments: tuple[str, ...]) -> None:
    """Refuse what can't be called with so many arguments, or only awaited.

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
        return  # compiled code that does not say; it is seen when it is called
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise FieldError(field, f"{text}{signature} does not fit: {error}", allowed) from None
