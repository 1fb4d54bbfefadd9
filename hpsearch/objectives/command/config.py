"""The config file that a command reads: a copy of the user's, with the values of a trial in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpsearch.errors import FieldError, InputError
from hpsearch.objectives.command.section import ConfigFile
from hpsearch.objectives.own_values import OWN_VALUES, OwnValues
from hpsearch.space.space import Space
from hpsearch.system.documents import SUFFIXES, Placing, candidates, merge, open_document, place
from hpsearch.system.documents.document import TOP
from hpsearch.system.documents.places import bare_name
from hpsearch.system.files import atomic_write
from hpsearch.text import nearest
from hpsearch.trial.trial import Params

CONFIG_FILE = "config_file"
_FIELD = ("objective", CONFIG_FILE)


def config_file_path(settings: ConfigFile, trial_dir: str | Path) -> Path:
    """Return the path of an attempt's file."""
    return Path(trial_dir) / f"{CONFIG_FILE}{Path(settings.template or 'values.json').suffix.lower()}"


def render_config_file(settings: ConfigFile, values: Mapping[str, Any], own: OwnValues) -> str:
    """Return the template's text with values merged into it.

    Args:
        values: Parameters and constants by name.
        own: The trial's own values; those that `map` names go in.

    Raises:
        FieldError: The template can't be read, or the values don't fit into it.
    """
    merged = {settings.map.get(name, bare_name(name)): value for name, value in values.items()}
    merged |= {settings.map[name]: value for name, value in own.as_dict().items() if name in settings.map}
    if settings.template is None:
        return json.dumps(_nested(merged, settings.key), indent=2) + "\n"
    template = Path(settings.template)
    kind = SUFFIXES.get(template.suffix.lower())
    if kind is None:
        allowed = f"a file that ends in {', '.join(SUFFIXES)}"
        raise FieldError((*_FIELD, "template"), f"found {settings.template!r}", allowed)
    try:
        text = template.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{settings.template} can't be read: {getattr(error, 'strerror', None) or error}"
        raise FieldError((*_FIELD, "template"), problem, "a text file that is there") from None
    try:
        document = open_document(text, settings.template, kind)
        placing = place(document, settings.key, merged)
        lacking = placing.lacking(keyed=False, add=settings.add)
        if not lacking:
            return merge(document, placing, merged).text
        problem = f"{settings.template} has no place for {', '.join(lacking)}"
    except InputError as error:
        raise FieldError(_FIELD, str(error), "values that the template has a place for") from None
    raise FieldError(_FIELD, problem, _advice(placing, lacking, {name: name for name in values} | settings.map))


def _advice(placing: Placing, lacking: Sequence[str], places: Mapping[str, str]) -> str:
    """Return what to write for places that a template does not have.

    Args:
        places: Places by name.
    """
    named = {where: name for name, where in places.items()}
    found = {where: candidates(placing.target, where, tuple(placing.there)) for where in lacking}
    pairs = ", ".join(f"{named.get(where, where)}: {some[0] if some else 'PLACE'}" for where, some in found.items())
    why = "".join(f"; {reason}" for reason in placing.nowhere.values())
    return f"map: {{{pairs}}}, or add: true for what the program takes though the template has none{why}"


def _nested(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return values in the mappings that the dots of their names lead into, below a key."""
    top: dict[str, Any] = {}
    for name, value in values.items():
        *groups, last = (name if key == TOP else f"{key}.{name}").split(".")
        inner = top
        for group in groups:
            inner = inner.setdefault(group, {})
            if not isinstance(inner, dict):
                raise FieldError(_FIELD, f"{name!r} would lie inside a value", "a place for each value, by map")
        if last in inner:
            raise FieldError(_FIELD, f"two values go to {name!r}", "a place for each value, by map")
        inner[last] = value
    return top


def check_config_file(settings: ConfigFile, space: Space) -> None:
    """Refuse a template that can't take the configs of a space.

    Raises:
        FieldError: For the reasons of `render_config_file`; or `map` has an unknown name, or names a place twice.
    """
    known = (*space.names, *OWN_VALUES)
    for name in settings.map:
        if name not in known:
            raise FieldError(
                (*_FIELD, "map", name), f"{name!r} is not a parameter", ", ".join(known), nearest(name, known)
            )
    places = [
        settings.map.get(name, bare_name(name))
        for name in (*space.names, *(n for n in OWN_VALUES if n in settings.map))
    ]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise FieldError((*_FIELD, "map"), f"two values go to {twice!r}", "a place for each")
    own = OwnValues(seed=0, epochs=1, trial_dir="", number=0)
    everything = replace(space, conditions={})
    values = everything.config_of(Params({name: axis.draw(0.5) for name, axis in space.parameters.items()}))
    render_config_file(settings, values, own)


def write_config_file(settings: ConfigFile, values: Mapping[str, Any], own: OwnValues) -> None:
    """Write an attempt's config file into its folder.

    Raises:
        FieldError: For the reasons of `render_config_file`.
    """
    with atomic_write(config_file_path(settings, own.trial_dir)) as file:
        file.write(render_config_file(settings, values, own).encode())
