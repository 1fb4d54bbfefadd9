"""Reading a config back from an exported file."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from contextlib import suppress
from itertools import dropwhile
from pathlib import Path
from typing import Any

from hpsearch.errors import InputError
from hpsearch.objectives.arguments import Arguments
from hpsearch.objectives.command.arguments import CommandArguments
from hpsearch.objectives.command.checks import possible_values
from hpsearch.objectives.command.line import as_text
from hpsearch.objectives.command.splitting import unbroken
from hpsearch.space.distributions import Choice, Range
from hpsearch.space.space import Space
from hpsearch.system.documents import SUFFIXES
from hpsearch.system.documents.reading import YAML_ERRORS, load_text
from hpsearch.text import reason_of
from hpsearch.trial.trial import Params

_ABSENT = object()


def read_config(path: Path, key: str, names: Mapping[str, str], space: Space) -> dict[str, Any]:
    """Return the config in a file, by the names of the space.

    Args:
        path: A YAML, JSON or TOML file.
        key: The mapping with the values, as keys joined by dots, or `.` for the top level.
        names: Names in the file by names in the config; dots lead into mappings.
        space: Which names to look for, and their types.

    Raises:
        InputError: The file can't be read, does not have the mapping, lacks a parameter, or has one of the wrong type.
    """
    _check_map(names, space)
    content = _load(path)
    place = content if key == "." else _at(content, key)
    if not isinstance(place, Mapping):
        raise InputError(f"{path}: has no mapping at {key}; allowed: one that has the parameters (--key)")
    found = {name: _at(place, names.get(name, name)) for name in space.names}
    found = {name: _typed(value, name, space, path) for name, value in found.items() if value is not _ABSENT}
    return _complete(found, f"{path}: lacks", "" if key == "." else f" under {key}", names, space)


def read_arguments(path: Path, names: Mapping[str, str], space: Space, arguments: Arguments | None) -> dict[str, Any]:
    """Return the config in a file that `export --format args` wrote, by the names of the space.

    Args:
        path: Comments, then arguments as a shell reads them.
        names: Names in the file by names in the config. With any, the file has an option for each value.
        space: Which names to look for, and their types.
        arguments: What the study's command takes; None for an option for each value.

    Raises:
        InputError: The file can't be read, has another argument, lacks a parameter, or has one of the wrong type.
    """
    _check_map(names, space)
    if names or arguments is None:
        arguments = CommandArguments()
    written = {names.get(name, name): name for name in space.names}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
        words = shlex.split(unbroken("".join(dropwhile(_is_comment, lines))))
        texts = arguments.read(words, {names.get(name, name): known for name, known in possible_values(space).items()})
    except (OSError, ValueError, InputError) as error:  # ValueError: quotes without an end
        raise InputError(f"{path}: can't be read: {reason_of(error)}") from None
    found = {}
    for place, text in texts.items():
        name = written[place]
        found[name] = _typed(_value_of(text, name, space), name, space, path)
    return _complete(found, f"{path}: lacks", "", names, space)


def _is_comment(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _value_of(text: str, name: str, space: Space) -> Any:
    """Return the value that an argument's text stands for; the text itself if it stands for none."""
    axis = space.parameters.get(name)
    if not isinstance(axis, Range):
        known = axis.values if axis is not None else (space.constants[name],)
        if (match := next((one for one in known if as_text(one) == text), _ABSENT)) is not _ABSENT:
            return match
    for kind in (int, float, json.loads):
        with suppress(ValueError):
            return kind(text)
    return text


def _check_map(names: Mapping[str, str], space: Space) -> None:
    for name in names:
        if name not in space.names:
            raise InputError(f"--map {name}: is not in the space; allowed: {', '.join(space.names)}")


def _complete(
    found: Mapping[str, Any], lacks: str, where: str, names: Mapping[str, str], space: Space
) -> dict[str, Any]:
    """Return the values of constants and active parameters; refuse a config without one of them."""
    active = space.active(_stored_names(found, space))
    wanted = [name for name in space.names if name in space.constants or name in active]
    missing = [names.get(name, name) for name in wanted if name not in found]
    if missing:
        raise InputError(f"{lacks} {', '.join(missing)}{where}; allowed: a file with all of the config, or --map")
    return {name: value for name, value in found.items() if name in wanted}


def _stored_names(found: Mapping[str, Any], space: Space) -> Params:
    """Return values with each choice as its name, which conditions use."""
    params = {}
    for name, value in found.items():
        axis = space.parameters.get(name)
        if isinstance(axis, Choice):
            pairs = zip(axis.names, axis.values, strict=True)
            params[name] = next((known for known, one in pairs if type(one) is type(value) and one == value), value)
        else:
            params[name] = value
    return Params(params)


def _load(path: Path) -> Any:
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: can't be read back; allowed: {', '.join(SUFFIXES)}, .args")
    try:
        text = path.read_text(encoding="utf-8-sig")  # json and tomllib refuse a byte order mark
        return load_text(text, kind)
    except (OSError, *YAML_ERRORS) as error:
        reason = " ".join(reason_of(error).split())
        raise InputError(f"{path}: can't be read: {reason}") from None


def _at(place: Any, dotted: str) -> Any:
    """Return the value of a dotted name. Its dots may be part of a key, or lead into mappings."""
    if isinstance(place, Mapping) and dotted in place:
        return place[dotted]
    parts = dotted.split(".")
    for count in range(1, len(parts)):
        head, rest = ".".join(parts[:count]), ".".join(parts[count:])
        if isinstance(place, Mapping) and head in place:
            found = _at(place[head], rest)
            if found is not _ABSENT:
                return found
    return _ABSENT


def _typed(value: Any, name: str, space: Space, path: Path) -> Any:
    """Return a value in the type that trials get."""
    distribution = space.parameters.get(name)
    if isinstance(distribution, Range):
        allowed = "an integer" if distribution.integer else "a number"
        if isinstance(value, bool) or not isinstance(value, int if distribution.integer else int | float):
            raise InputError(f"{path}: {name} is {value!r}; allowed: {allowed}")
        return value if distribution.integer else float(value)
    known = distribution.values if isinstance(distribution, Choice) else (space.constants[name],)
    return next((one for one in known if one == value and isinstance(one, bool) == isinstance(value, bool)), value)
