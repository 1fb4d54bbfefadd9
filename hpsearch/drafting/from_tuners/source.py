"""The source of an import: which tool it comes from, and what it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from hpsearch.config.section import MODULE_AND_NAME
from hpsearch.errors import FieldError, InputError
from hpsearch.system.documents.reading import YAML_ERRORS, load_yaml, problem_of
from hpsearch.system.files import read_text
from hpsearch.system.plain import plain

Kind = Literal["wandb", "nni", "ray"]
_LONGEST_NAME = 200  # characters of `module:name`, and of a key in a message
_ALLOWED = (
    "a W&B sweep (a file with method and parameters), an NNI search space (a file with NAME: {_type: ..., "
    "_value: ...}), or module:name of a Ray Tune param_space"
)


def is_module(source: str) -> bool:
    """Return whether a source is `module:name` and not a file."""
    return (
        len(source) <= _LONGEST_NAME
        and re.fullmatch(MODULE_AND_NAME, source) is not None
        and not Path(source).is_file()
    )


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the content of a YAML or JSON file, in JSON's types.

    Raises:
        InputError: The file can't be read, or is not a mapping.
    """
    raw = _parsed(read_text(path, allowed=_ALLOWED), path)
    if not isinstance(raw, dict) or not raw:
        raise InputError(f"{path}: holds no mapping; allowed: {_ALLOWED}")
    try:
        content: dict[str, Any] = plain(raw)
    except FieldError as error:
        raise InputError(f"{path}: {error}") from None
    return content


def _parsed(text: str, path: Path) -> Any:
    try:
        if text.lstrip().startswith("{"):
            with suppress(ValueError):  # a mapping in braces can be YAML that is not JSON
                # JSON writes a character beyond 16 bits as two escapes; YAML would read two characters.
                return json.loads(text)
        return load_yaml(text)
    except YAML_ERRORS as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f":{mark.line + 1}"
        raise InputError(f"{path}{line}: not valid YAML or JSON: {problem_of(error)}") from None


def kind_of(raw: Mapping[str, Any], source: str) -> Kind:
    """Return which tool a file comes from, by its content.

    Raises:
        InputError: The file is from none of them.
    """
    if "parameters" in raw or raw.get("method") in ("grid", "random", "bayes"):
        return "wandb"
    if any(isinstance(value, Mapping) and "_type" in value for value in raw.values()):
        return "nni"
    found = f"has {', '.join(name[:_LONGEST_NAME] for name in list(raw)[:5])}"
    if {"searchSpaceFile", "searchSpacePath", "searchSpace"} & set(raw):
        found = "is an NNI experiment, and its search space is in another file"
    elif {"study", "space", "objective"} <= set(raw):
        found = "is a space file already"
    raise InputError(f"{source}: {found}; allowed: {_ALLOWED}")
