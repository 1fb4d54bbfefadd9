"""Writing the best config: a new file with its provenance, or values merged into a file that is there."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from hpsearch.errors import InputError
from hpsearch.merging.json_document import JsonDocument
from hpsearch.merging.merge import merge
from hpsearch.merging.scalars import plain, yaml_text
from hpsearch.merging.yaml_document import YamlDocument
from hpsearch.trial_dir import atomic_write

Format = Literal["yaml", "json"]
PROVENANCE_KEY = "_hpsearch"
_SUFFIXES: dict[str, Format] = {".yaml": "yaml", ".yml": "yaml", ".json": "json"}


def write_config(
    config: Mapping[str, Any],
    target: Path,
    *,
    format: Format | None,  # noqa: A002 - the word of the command line, --format
    key: str | None,
    provenance: Mapping[str, Any],
) -> None:
    """Write a config into a training repo.

    A new file gets the config as it is, and where it comes from: in YAML as a comment on top, in JSON under
    `_hpsearch`. In an existing file the values of the mapping at `key` are set, new keys are added at its end, and
    everything else stays byte for byte. The file appears whole or not at all, and keeps its permission bits.

    Args:
        config: Values by name.
        target: The file to write; a link is followed.
        format: None to go by the suffix.
        key: The mapping to merge into, its keys joined by dots, or `.` for the top level; None for a new file.
        provenance: Study, trial, metric, seeds, and so on, by name.

    Raises:
        InputError: The target is no file of the format, can't be written, is there without a key, or has no mapping at
            the key that can be edited by itself. Nothing was changed.
    """
    kind = format or _format_of(target)
    values = {name: plain(value, f"{target}: {name}", finite=kind == "json") for name, value in config.items()}
    try:
        path = target.resolve()
        if not path.exists():
            data, mode = _new_file(values, target, kind, key, provenance), None
        else:
            data, mode = _merged(values, target, path, kind, key), stat.S_IMODE(path.stat().st_mode)
        _write(path, data, mode)
    except OSError as error:
        raise InputError(
            f"{target}: can't be written: {error.strerror or error}; allowed: a file that can be"
        ) from None


def _format_of(target: Path) -> Format:
    kind = _SUFFIXES.get(target.suffix.lower())
    if kind is None:
        found = f"the suffix {target.suffix!r}" if target.suffix else "no suffix"
        raise InputError(f"{target}: has {found}; allowed: {', '.join(_SUFFIXES)}, or --format yaml or --format json")
    return kind


def _new_file(
    config: Mapping[str, Any], target: Path, kind: Format, key: str | None, provenance: Mapping[str, Any]
) -> bytes:
    if key is not None:
        raise InputError(f"{target}: is not there to merge into at {key}; allowed: an existing file, or no --key")
    if not target.resolve().parent.is_dir():
        raise InputError(f"{target}: its folder {target.parent} is not there; allowed: a file in an existing folder")
    return (_yaml(config, provenance) if kind == "yaml" else _json(config, target, provenance)).encode()


def _yaml(config: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    comments = [f"# {name}: {_comment(value)}" for name, value in provenance.items()]
    lines = [f"{yaml_text(name)}: {yaml_text(value)}" for name, value in config.items()] or ["{}"]
    return "\n".join(["# The best config of a study of hpsearch", *comments, "", *lines, ""])


def _comment(value: Any) -> str:
    """Return a value on one line, so that nothing in it ends the comment."""
    if isinstance(value, str):
        return value if value.isprintable() else yaml_text(value)
    try:
        return yaml_text(plain(value, "", finite=False))
    except InputError:
        return _comment(str(value))


def _json(config: Mapping[str, Any], target: Path, provenance: Mapping[str, Any]) -> str:
    if PROVENANCE_KEY in config:
        raise InputError(
            f"{target}: {PROVENANCE_KEY} is a parameter, and where the provenance goes; allowed: a YAML file"
        )
    content = {**config, PROVENANCE_KEY: dict(provenance)}
    try:
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"
    except ValueError:
        raise InputError(f"{target}: the provenance has a number that is not finite; allowed in JSON: finite") from None


def _merged(config: Mapping[str, Any], target: Path, path: Path, kind: Format, key: str | None) -> bytes:
    if not path.is_file():
        raise InputError(f"{target}: is {'a directory' if path.is_dir() else 'no regular file'}; allowed: a file")
    if key is None:
        raise InputError(
            f"{target}: is there already; allowed: --key a.b to merge into its mapping a.b (--key . for its top), "
            "or another path"
        )
    if not os.access(path, os.W_OK):  # a rename would replace a read-only file all the same
        raise InputError(f"{target}: is read-only; allowed: a file that can be written")
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{target}: is not UTF-8 at byte {error.start}; allowed: text in UTF-8") from None
    document = YamlDocument(text, str(target)) if kind == "yaml" else JsonDocument(text, str(target))
    return merge(document, key, config).encode()


def _write(path: Path, data: bytes, mode: int | None) -> None:
    with atomic_write(path) as file:
        file.write(data)
        if mode is not None:
            os.fchmod(file.fileno(), mode)
