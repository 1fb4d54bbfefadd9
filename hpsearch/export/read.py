"""Reading a config back from an exported file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hpsearch.errors import InputError
from hpsearch.space.distributions import Choice, Range
from hpsearch.space.space import Space
from hpsearch.system.documents import SUFFIXES
from hpsearch.system.documents.encoding import decoded
from hpsearch.system.documents.places import bare_name
from hpsearch.system.documents.python_document import PythonDocument
from hpsearch.system.documents.reading import YAML_ERRORS, load_lenient, load_text
from hpsearch.text import reason_of
from hpsearch.trial.trial import Params

_ABSENT = object()


def read_config(
    path: Path,
    key: str,
    names: Mapping[str, str],
    space: Space,
    *,
    only: Collection[str] = (),
    otherwise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the config in a file, by the names of the space.

    Args:
        path: A YAML, JSON, TOML or Python file.
        key: The mapping with the values, as keys joined by dots, or `.` for the top level.
        names: Names in the file by names in the config; dots lead into mappings. An empty one is not in the file.
        space: Which names to look for, and their types.
        only: The names that are in the file; empty for all.
        otherwise: The values of names that are not in the file by `names` or `only`.

    Raises:
        InputError: The file can't be read, does not have the mapping, lacks a parameter, or has one of the wrong type.
    """
    for option, name in (*(("--map", name) for name in names), *(("--only", name) for name in only)):
        if name not in space.names:
            raise InputError(f"{option} {name}: is not in the space; allowed: {', '.join(space.names)}")
    content = _load(path)
    place = content if key == "." else _at(content, key, path)
    if not isinstance(place, Mapping):
        raise InputError(f"{path}: has no mapping at {key}; allowed: one that has the parameters (--key)")
    places = {name: names.get(name, bare_name(name)) for name in space.names if not only or name in only}
    found = {name: _at(place, where, path) for name, where in places.items() if where}
    found = {name: value for name, value in found.items() if value is not _ABSENT}
    return whole_config(path, found, places, space, otherwise=otherwise, under="" if key == "." else f" under {key}")


def whole_config(
    path: Path,
    found: Mapping[str, Any],
    places: Mapping[str, str],
    space: Space,
    *,
    otherwise: Mapping[str, Any] | None = None,
    under: str = "",
) -> dict[str, Any]:
    """Return what was found in a file as a config, in the types that trials get.

    Args:
        path: The file, for messages.
        found: Values by name.
        places: The names that the file should have, with what they are called there; an empty one is not in the file.
        space: Names and types.
        otherwise: As in `read_config`.
        under: Where in the file, for messages.

    Raises:
        InputError: A parameter is missing, or has the wrong type.
    """
    known = {name: value for name, value in (otherwise or {}).items() if not places.get(name)}
    found = known | {name: _typed(value, name, space, path) for name, value in found.items()}
    active = space.active(_stored_names(found, space))
    wanted = [name for name in space.names if name in space.constants or name in active]
    missing = [places.get(name) or name for name in wanted if name not in found]
    if missing:
        raise InputError(
            f"{path}: lacks {', '.join(missing)}{under}; allowed: a file with all of the config, --map, or --only"
        )
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
    python = path.suffix.lower() == ".py"
    if kind is None and not python:
        raise InputError(f"{path}: can't be read back; allowed: {', '.join(SUFFIXES)}, .py, .args")
    try:
        text, _ = decoded(path.read_bytes(), str(path), kind or "python-assign")
        if kind is None:
            return PythonDocument(text, str(path)).content()
        text = text.removeprefix("\ufeff")  # json and tomllib refuse a byte order mark
        return load_lenient(text) if kind == "yaml" else load_text(text, kind)
    except (OSError, *YAML_ERRORS) as error:
        reason = " ".join(reason_of(error).split())
        raise InputError(f"{path}: can't be read: {reason}") from None


def _at(place: Any, dotted: str, path: Path) -> Any:
    """Return the value of a dotted name. Its dots may be part of a key, or lead into mappings and lists."""
    found = list(_all_at(place, dotted.split(".")))
    if len(found) > 1:
        raise InputError(f"{path}: {dotted!r} is there twice; allowed: once")
    return found[0] if found else _ABSENT


def _all_at(place: Any, parts: Sequence[str]) -> Iterator[Any]:
    if isinstance(place, list) and parts[0].isascii() and parts[0].isdigit() and int(parts[0][:9]) < len(place):
        item = place[int(parts[0][:9])]
        yield from _all_at(item, parts[1:]) if parts[1:] else (item,)
    if not isinstance(place, Mapping):
        return
    keys = {_key_text(key): key for key in place}
    for count in range(1, len(parts) + 1):
        head = ".".join(parts[:count])
        if head in keys:
            inner = place[keys[head]]
            yield from _all_at(inner, parts[count:]) if parts[count:] else (inner,)


def _key_text(key: Any) -> str:
    """Return a key as its file has it: YAML's may be numbers, booleans and null."""
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(key)


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
