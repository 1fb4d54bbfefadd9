"""Reads files of a data folder, or says which one is missing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from curves import MissingDataError


def needs(path: Path) -> Path:
    """Return a path.

    Raises:
        MissingDataError: Nothing is there.
    """
    if not path.exists():
        raise MissingDataError(f"{path}: is not there; --data takes a folder with lcbench/, alexnet/ and taskset/")
    return path


def json_of(path: Path) -> Any:
    """Return what a JSON file has; it may be compressed.

    Raises:
        MissingDataError: It is not there, or is no JSON.
    """
    return _parsed(path, text_of(path))


def json_lines_of(path: Path) -> list[Any]:
    """Return what each line of a file has.

    Raises:
        MissingDataError: It is not there, or has a line that is no JSON.
    """
    return [_parsed(path, line) for line in text_of(path).splitlines() if line.strip()]


def text_of(path: Path) -> str:
    """Return a file's text.

    Raises:
        MissingDataError: It is not there, or can't be read.
    """
    try:
        content = needs(path).read_bytes()
        return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise MissingDataError(f"{path}: {error}") from error


def _parsed(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise MissingDataError(f"{path}: is no JSON: {error}") from error
