"""Reading a config back from arguments that `export --format args` wrote."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping
from contextlib import suppress
from itertools import dropwhile
from pathlib import Path
from typing import Any

from hpsearch.errors import InputError
from hpsearch.export.read import whole_config
from hpsearch.objectives.arguments import Arguments
from hpsearch.objectives.command.arguments import CommandArguments
from hpsearch.objectives.command.line import as_text
from hpsearch.objectives.command.splitting import unbroken
from hpsearch.space.distributions import Range
from hpsearch.space.formulas import possible_values
from hpsearch.space.space import Space
from hpsearch.text import reason_of

_NONE = object()


def read_arguments(
    path: Path,
    arguments: Arguments | None,
    names: Mapping[str, str],
    space: Space,
    *,
    only: Collection[str] = (),
    otherwise: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the config in a file, by the names of the space, and which of its values are not from the file.

    Args:
        path: Comments, then arguments as a shell reads them.
        arguments: What the study's command takes; None for an option for each value.
        names: Names in the file by names in the config. With any, the file has an option for each value. An empty one
            is not in the file.
        space: Which names to look for, and their types.
        only: The names that are in the file; empty for all.
        otherwise: The values of names that are not in the file by `names` or `only`, or that the command does not take
            as arguments of its script.

    Raises:
        InputError: The file can't be read, has another argument, lacks a parameter, or has one of the wrong type.
    """
    for option, name in (*(("--map", name) for name in names), *(("--only", name) for name in only)):
        if name not in space.names:
            raise InputError(f"{option} {name}: is not in the space; allowed: {', '.join(space.names)}")
    if arguments is None or any(names.values()):
        arguments = CommandArguments()
    called = {name: names.get(name) or name for name in space.names}
    values = {called[name]: some for name, some in possible_values(space).items()}
    taken = arguments.names(values)
    places = {
        name: place if place in taken and names.get(name) != "" and (not only or name in only) else ""
        for name, place in called.items()
    }
    try:
        texts = arguments.read(_words(path), values)
    except (OSError, ValueError, InputError) as error:  # ValueError: quotes without an end
        raise InputError(f"{path}: can't be read: {reason_of(error)}") from None
    found = {name: _value(texts[place], name, space) for name, place in places.items() if place in texts}
    config = whole_config(path, found, places, space, otherwise=otherwise)
    return config, tuple(name for name in config if not places[name])


def _words(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    return shlex.split(unbroken("".join(dropwhile(_is_comment, lines))))


def _is_comment(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _value(text: str, name: str, space: Space) -> Any:
    """Return the value that an argument's text stands for; the text itself if it stands for none."""
    axis = space.parameters.get(name)
    if not isinstance(axis, Range):
        known = axis.values if axis is not None else (space.constants[name],)
        if (match := next((one for one in known if as_text(one) == text), _NONE)) is not _NONE:
            return match
    for kind in (int, float, json.loads):
        with suppress(ValueError):
            return kind(text)
    return text
