"""Finding out what a file is, and reading it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

from hpsearch.errors import FieldError, InputError
from hpsearch.system.documents.yaml_document import YAML_ERRORS
from hpsearch.system.plain import plain

Kind = Literal["wandb", "nni", "ray"]
_LARGEST = 4 << 20  # bytes
_LONGEST_NAME = 200  # characters of a module and a name in it
_MODULE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_ALLOWED = (
    "a W&B sweep (a file with method and parameters), an NNI search space (a file with NAME: {_type: ..., "
    "_value: ...}), or module:name of a Ray Tune param_space"
)


def is_module(source: str) -> bool:
    """Return whether a source is `module:name` rather than a file."""
    return len(source) <= _LONGEST_NAME and _MODULE.fullmatch(source) is not None and not Path(source).is_file()


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the content of a YAML or JSON file, as JSON's types.

    Raises:
        InputError: It can't be read, or is no mapping.
    """
    text = _text(path)
    try:
        # Characters beyond 16 bits are two escapes in JSON, which YAML takes for two characters.
        raw = json.loads(text) if text.lstrip().startswith("{") else YAML(typ="safe", pure=True).load(text)
    except ValueError:
        raw = _yaml(text, path)
    except YAML_ERRORS as error:
        raise _invalid(path, error) from None
    if not isinstance(raw, dict) or not raw:
        raise InputError(f"{path}: holds no mapping; allowed: {_ALLOWED}")
    try:
        content: dict[str, Any] = plain(raw)
    except FieldError as error:
        raise InputError(f"{path}: {error}") from None
    return content


def _yaml(text: str, path: Path) -> Any:
    """Return what is YAML after all, such as a mapping in braces that JSON does not know."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAML_ERRORS as error:
        raise _invalid(path, error) from None


def _invalid(path: Path, error: Exception) -> InputError:
    problem = (getattr(error, "problem", None) or str(error) or type(error).__name__).splitlines()[0]
    mark = getattr(error, "problem_mark", None)
    return InputError(f"{path}{f':{mark.line + 1}' if mark is not None else ''}: not valid YAML or JSON: {problem}")


def _text(path: Path) -> str:
    try:
        if path.is_file() and path.stat().st_size > _LARGEST:
            raise InputError(f"{path}: has {path.stat().st_size} bytes; allowed: at most {_LARGEST}")
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: can't be read: {reason}; allowed: {_ALLOWED}") from None


def kind_of(raw: Mapping[str, Any], source: str) -> Kind:
    """Return what a file is, by its content.

    Raises:
        InputError: It is nothing that can be imported.
    """
    if "parameters" in raw or raw.get("method") in ("grid", "random", "bayes"):
        return "wandb"
    if any(isinstance(value, Mapping) and "_type" in value for value in raw.values()):
        return "nni"
    found = f"has {', '.join(name[:_LONGEST_NAME] for name in list(raw)[:5])}"
    if {"searchSpaceFile", "searchSpacePath", "searchSpace"} & set(raw):
        found = "is an NNI experiment: its search space is what is read, in a file of its own"
    elif {"study", "space", "objective"} <= set(raw):
        found = "is a space file already"
    raise InputError(f"{source}: {found}; allowed: {_ALLOWED}")
