"""Reading text in YAML, JSON or TOML."""

from __future__ import annotations

import json
import tomllib
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError

FileFormat = Literal["yaml", "json", "toml"]
FILE_FORMATS: tuple[FileFormat, ...] = ("yaml", "json", "toml")
SUFFIXES: dict[str, FileFormat] = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}

YAML_ERRORS = (YAMLError, ValueError, RecursionError, TypeError, LookupError, AttributeError)
"""What ruamel.yaml raises for a text that is not YAML: the last three for odd tags, anchors and empty numbers.

`load_text` raises some of them for JSON and TOML too.
"""


def load_yaml(text: str) -> Any:
    """Return the content of a text in YAML 1.2.

    Raises:
        YAML_ERRORS: The text is not YAML.
    """
    # typ="safe" builds no Python objects; pure=True is the YAML 1.2 parser, to which 1e-5 is a number.
    return YAML(typ="safe", pure=True).load(text)


class Unknown:
    """A value that a reader can't know: one with an application's own tag, or an expression of a Python file.

    Args:
        text: How messages show it.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class _Lenient(SafeConstructor):
    """Reads what has an application's tag (`!ENV`, `!!python/tuple`) as `Unknown`, for other parts of the file."""

    def _unknown(self, node: Any) -> Unknown:
        return Unknown(f"a value with the tag {node.tag}")


_Lenient.add_constructor(None, _Lenient._unknown)  # noqa: SLF001 - its own


def load_lenient(text: str) -> Any:
    """Return the content of a YAML text, with `Unknown` for values that have tags of an application.

    Raises:
        YAML_ERRORS: The text is not YAML.
    """
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _Lenient
    return reader.load(text)


def load_text(text: str, file_format: FileFormat) -> Any:
    """Return the content of a text.

    Raises:
        YAML_ERRORS: The text does not have that format.
    """
    if file_format == "json":
        return json.loads(text)
    return tomllib.loads(text) if file_format == "toml" else load_yaml(text)


def problem_of(error: Exception) -> str:
    """Return the message of one of `YAML_ERRORS`, on one line."""
    return str(getattr(error, "problem", None) or str(error) or type(error).__name__).splitlines()[0]
