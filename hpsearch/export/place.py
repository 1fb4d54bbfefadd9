"""How a config goes into a file: which of its values, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.config.config import ExportFormat
from hpsearch.errors import InputError
from hpsearch.system.documents.places import bare_name
from hpsearch.system.documents.scalars import plain, text_of, yaml_text
from hpsearch.text import did_you_mean

ASSIGNMENTS: ExportFormat = "python-assign"
_LONGEST_PLACE = 1000  # characters; YAML allows 1024 for a key on one line
_OVERRIDES = ("hydra", "args")  # a command line takes names as they are


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """How a config goes into a file.

    Attributes:
        format: The format; None to go by the suffix.
        key: The mapping to merge into, as keys joined by dots, or `.` for the top level, which it also is if a file is
            merged into without a key.
        names: Names in the file by names in the config; dots lead into mappings. An empty one leaves a value out.
        only: The names to write; empty for all.
        add: Whether an existing file gets what it does not have yet, and mappings for it.
        to_commit: Whether to merge into the file of the last commit, so that the new commit holds no other change.
    """

    format: ExportFormat | None = None
    key: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    add: bool = False
    to_commit: bool = False

    @property
    def merges(self) -> bool:
        """Whether it says enough to merge into a file that is there."""
        return self.key is not None or bool(self.names) or self.add or self.format == ASSIGNMENTS


def chosen(config: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Return the part of a config that is written.

    Raises:
        InputError: A name is not in the config, or nothing is left.
    """
    for option, name in (*(("--only", name) for name in place.only), *(("--map", name) for name in place.names)):
        if name not in config:
            shown = f"{name}={place.names[name]}" if option == "--map" else name
            hint = did_you_mean(name, list(config))
            raise InputError(f"{option} {shown}: {name!r} is not in the config; allowed: {', '.join(config)}{hint}")
    wanted = place.only or tuple(config)
    found = {name: value for name, value in config.items() if name in wanted and place.names.get(name) != ""}
    if config and not found:
        raise InputError("--only and --map NAME= leave nothing to write; allowed: at least one parameter")
    return found


def placed(config: Mapping[str, Any], place: Place, target: Path, kind: ExportFormat) -> dict[str, tuple[str, Any]]:
    """Return each name with its plain value, by the name in the file.

    Raises:
        InputError: Two values would go to one place, or a value has no form in a file.
    """
    found: dict[str, tuple[str, Any]] = {}
    for name, value in config.items():
        own = name if kind in _OVERRIDES else bare_name(name)
        where = text_of(place.names.get(name, own), f"--map {name}")
        if len(yaml_text(where)) > _LONGEST_PLACE:
            raise InputError(f"--map {name}={where}: has {len(where)} characters; allowed: a shorter place")
        if where in found:
            raise InputError(f"--map {name}={where}: another value goes there too; allowed: a place for each")
        found[where] = name, plain(value, f"{target}: {name}", finite=kind in ("json", "optuna"))
    return found
