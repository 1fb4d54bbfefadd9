"""The source of an import: which tool it comes from, and what it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.nodes import ScalarNode

from hpsearch.config.section import MODULE_AND_NAME
from hpsearch.errors import FieldError, InputError
from hpsearch.system.documents.reading import YAML_ERRORS, problem_of
from hpsearch.system.files import read_text
from hpsearch.system.plain import plain

Kind = Literal["wandb", "nni", "ray"]
_SPACE_OF_NNI = {"searchSpaceFile", "searchSpacePath", "searchSpace"}  # in the config of an experiment
_BOOLEANS = {"yes": True, "on": True, "no": False, "off": False}
_LONGEST_NAME = 200  # characters of `module:name`, and of a key in a message
_ALLOWED = (
    "a W&B sweep (a file with method and parameters), an NNI search space (a file with NAME: {_type: ..., "
    "_value: ...}) or experiment, or module:name of a Ray Tune param_space"
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
    return _unwrapped(content)


def _unwrapped(content: dict[str, Any]) -> dict[str, Any]:
    """Return the sweep of a file that has it below a key of its own, such as `sweep:`; any other content as it is."""
    inner = [value for value in content.values() if isinstance(value, dict) and "parameters" in value]
    return inner[0] if len(inner) == 1 and not {"parameters", "method"} & content.keys() else content


def _parsed(text: str, path: Path) -> Any:
    try:
        if text.lstrip().startswith("{"):
            with suppress(ValueError):  # a mapping in braces can be YAML that is not JSON
                # JSON writes a character beyond 16 bits as two escapes; YAML would read two characters.
                return json.loads(text)
        return _with_booleans(_loader().load(text))
    except YAML_ERRORS as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f":{mark.line + 1}"
        raise InputError(f"{path}{line}: not valid YAML or JSON: {problem_of(error)}") from None


class _Word(str):
    """A word without quotes that is true or false in YAML 1.1, which these tools read."""

    __slots__ = ()


class _Constructor(SafeConstructor):
    """Builds what YAML 1.2 says, and marks the words that the tools read as true or false."""

    def construct_yaml_str(self, node: ScalarNode) -> str:
        text = str(super().construct_yaml_str(node))
        return _Word(text) if node.style is None and text.lower() in _BOOLEANS else text


_Constructor.add_constructor("tag:yaml.org,2002:str", _Constructor.construct_yaml_str)


def _loader() -> YAML:
    # YAML 1.2 reads 1e-4 as the number that is meant; to YAML 1.1, which these tools read, it is text.
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    return yaml


def _with_booleans(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key) if isinstance(key, _Word) else key: _with_booleans(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_booleans(one) for one in value]
    return _BOOLEANS[value.lower()] if isinstance(value, _Word) else value


def kind_of(raw: Mapping[str, Any], source: str) -> Kind:
    """Return which tool a file comes from, by its content.

    Raises:
        InputError: The file is from none of them.
    """
    if "parameters" in raw or raw.get("method") in ("grid", "random", "bayes"):
        return "wandb"
    if any(isinstance(value, Mapping) and "_type" in value for value in raw.values()) or _SPACE_OF_NNI & raw.keys():
        return "nni"
    found = f"has {', '.join(name[:_LONGEST_NAME] for name in list(raw)[:5])}"
    if {"study", "space", "objective"} <= set(raw):
        found = "is a space file already"
    raise InputError(f"{source}: {found}; allowed: {_ALLOWED}")
