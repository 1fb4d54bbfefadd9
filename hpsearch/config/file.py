"""Reading a space file: text, `--set` overrides, the lines of its fields, and the files that ship with the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.reader import ReaderError

from hpsearch.config.config import StudyConfig, study_config
from hpsearch.config.objectives import Sections
from hpsearch.config.paths import FileFields
from hpsearch.errors import FieldError, InputError, SpaceFileError
from hpsearch.system.documents.reading import YAML_ERRORS, load_yaml, problem_of
from hpsearch.system.files import read_text
from hpsearch.system.plain import plain
from hpsearch.text import did_you_mean, shown


def shipped_spaces() -> dict[str, Path]:
    """Return the space files that ship with the package, by name."""
    package = Path(__file__).parent.parent
    # A wheel carries them inside the package; a checkout has them beside it.
    folder = next((f for f in (package / "spaces", package.parent / "spaces") if f.is_dir()), None)
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))} if folder else {}


def find_space(name: str) -> Path:
    """Return the file that `hpsearch run NAME` means: a path, or the name of a shipped one.

    Raises:
        InputError: There is no such file.
    """
    path = Path(name)
    with suppress(OSError):  # a name that is too long, a folder that may not be entered
        if path.is_file():
            return path
    shipped = shipped_spaces()
    if name in shipped:
        return shipped[name]
    hint = did_you_mean(name, list(shipped))
    msg = (
        f"{name}: no such space file; allowed: a YAML file, or one that ships with hpsearch: {', '.join(shipped)}{hint}"
    )
    raise InputError(msg)


def read_space_file(path: Path, sections: Sections, overrides: Sequence[str] = ()) -> StudyConfig:
    """Return the study that a file describes.

    Args:
        path: The YAML file.
        sections: The ways that an objective may be described, by key.
        overrides: `PATH=VALUE`, such as `search.trials=8`; files in them are relative to the working directory.

    Raises:
        SpaceFileError: With file, line, field, what was found, and what is allowed.
        InputError: The file can't be read.
    """
    text, fields = read_text(path), FileFields(sections)
    raw, node = _parse_yaml(text, str(path))
    try:
        raw = plain(raw)
        fields.resolve_all(raw, path.parent)
    except FieldError as error:
        raise SpaceFileError(str(path), _line(node, error.path), str(error)) from None
    changed = _apply_overrides(raw, overrides, fields) if isinstance(raw, dict) else {}
    try:
        return study_config(raw, sections)
    except FieldError as error:
        culprit = "" if not changed else _culprit(error, changed, text, sections)
        if culprit:
            raise SpaceFileError(culprit, None, str(error)) from None
        raise SpaceFileError(str(path), _line(node, error.path), str(error)) from None


def read_content(path: Path, sections: Sections) -> Any:
    """Return a space file's content without `--set`: JSON types, absolute paths, and no check of the rest.

    Args:
        path: The YAML file.
        sections: As in `read_space_file`.

    Raises:
        InputError: It can't be read, or holds what JSON can't.
    """
    raw = plain(_parse_yaml(read_text(path), str(path))[0])
    FileFields(sections).resolve_all(raw, path.parent)
    return raw


def _culprit(error: FieldError, changed: Mapping[tuple[str, ...], str], text: str, sections: Sections) -> str:
    """Return the overrides to blame for an error, or an empty string if it is the file's own."""
    for key, override in changed.items():
        shared = min(len(key), len(error.path))
        if shared and error.path[:shared] == key[:shared]:
            return f"--set {override}"
    try:
        study_config(_parse_yaml(text, "")[0], sections)
    except FieldError:
        return ""
    return " ".join(f"--set {override}" for override in changed.values())


def _parse_yaml(text: str, file: str) -> tuple[Any, Node | None]:
    try:
        return load_yaml(text), YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise SpaceFileError(file, line, f"not valid YAML: {problem_of(error)}") from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = chr(error.character) if isinstance(error.character, int) else error.character
        raise SpaceFileError(file, line, f"not valid YAML: the character {found!r} is not allowed") from None
    except YAML_ERRORS as error:
        raise SpaceFileError(file, None, f"not valid YAML: {problem_of(error)}") from None


def _line(node: Node | None, path: Sequence[str | int]) -> int | None:
    """Return the line, from 1, of the deepest part of a path that the file has."""
    if node is None:
        return 1
    line: int = node.start_mark.line + 1
    for part in path:
        if isinstance(node, MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value in (str(part), shown(part))]
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            pairs = [(node.value[part], node.value[part])]
        else:
            pairs = []
        if not pairs:
            break
        line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
    return line


def _apply_overrides(raw: Any, overrides: Sequence[str], fields: FileFields) -> dict[tuple[str, ...], str]:
    """Set values in place and return the texts of the overrides by path."""
    changed = {}
    for text in overrides:
        name, equals, value_text = text.partition("=")
        keys = tuple(name.split("."))
        if not equals or not all(keys):
            raise SpaceFileError(f"--set {text}", None, "allowed: PATH=VALUE, such as search.trials=8")
        value = fields.resolved(keys, _parse_override(value_text, f"--set {text}"), Path())
        _assign(raw, keys, value, text)
        changed[keys] = text
    return changed


def _parse_override(text: str, option: str) -> Any:
    try:
        return _parse_yaml(text, option)[0]
    except SpaceFileError as error:
        raise SpaceFileError(option, None, error.message) from None  # an option has no lines


def _assign(raw: Any, keys: tuple[str, ...], value: object, text: str) -> None:
    target = raw
    for position, key in enumerate(keys[:-1]):
        # A name may hold dots itself (optimizer.lr): the rest as one key, where the file has it.
        rest = ".".join(keys[position:])
        if isinstance(target, dict) and rest in target:
            target[rest] = value
            return
        if not isinstance(target, dict):
            break
        if target.get(key) is None:
            target[key] = {}
        target = target[key]
    if not isinstance(target, dict):
        raise SpaceFileError(
            f"--set {text}",
            None,
            f"{'.'.join(keys[:-1])} is not a section of the file; allowed: PATH=VALUE, such as search.trials=8",
        )
    target[keys[-1]] = value
