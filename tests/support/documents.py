"""Space files and configs in YAML, read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def read_yaml(source: Path | str) -> Any:
    """Return the content of a file, or of a text."""
    return YAML(typ="safe", pure=True).load(source)


def write_yaml(path: Path, content: Any) -> Path:
    """Write a file; return its path."""
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(content, file)
    return path


def with_sections(path: Path, **sections: Any) -> Path:
    """Replace or add sections of a space file; return its path."""
    return write_yaml(path, {**read_yaml(path), **sections})
