"""From another tool's search space to the text of a space file, checked before anything is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from hpsearch.drafting.from_tuners.document import document
from hpsearch.drafting.from_tuners.draft import Draft, Setting
from hpsearch.drafting.from_tuners.nni import read_search_space
from hpsearch.drafting.from_tuners.ray_tune import read_param_space
from hpsearch.drafting.from_tuners.source import Kind, is_module, kind_of, read_mapping
from hpsearch.drafting.from_tuners.wandb import read_sweep
from hpsearch.errors import FieldError, InputError
from hpsearch.objectives.command.line import check_command
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.space_files import parse_config

_LONGEST_STUDY = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportPlan:
    """A space file that is not written yet.

    Attributes:
        searched: Names of the parameters.
        constants: Names of the constants.
        notes: What could not be carried over, or differs from there.
        checks: What the user has to set before the first study.
    """

    text: str
    searched: tuple[str, ...]
    constants: tuple[str, ...]
    notes: tuple[str, ...]
    checks: tuple[str, ...]


def plan_import(source: str, kind: Kind | None = None) -> ImportPlan:
    """Return a space file for the search space of another tool.

    Args:
        source: A file, which is read; or `module:name`, which is imported.
        kind: What it is; None to find out.

    Raises:
        InputError: It can't be read, is not what its tool allows, or has nothing to search.
    """
    if is_module(source) and kind in (None, "ray"):
        draft = read_param_space(source, _study_name(source.partition(":")[0].rpartition(".")[2]))
    elif kind == "ray":
        raise InputError(f"{source}: not read; allowed: module:name of a Ray Tune param_space, such as search:space")
    else:
        raw = read_mapping(Path(source))
        draft = _read(raw, source, kind or kind_of(raw, source))
    if not draft.searched:
        raise InputError(f"{source}: nothing in it can be searched; allowed: at least one parameter with two values")
    text = document(draft)
    _check(text, source)
    return ImportPlan(
        text=text,
        searched=tuple(draft.searched),
        constants=tuple(name for name in draft.carried if name not in draft.searched),
        notes=(*draft.notes, *(f"{name}: {found.note}" for name, found in draft.found.items() if found.note)),
        checks=(*_settings(draft), *draft.checks),
    )


def _read(raw: Mapping[str, Any], source: str, kind: Kind) -> Draft:
    path = Path(source)
    read = read_sweep if kind == "wandb" else read_search_space
    try:
        draft = read(raw, path.name, path.stem)
    except FieldError as error:
        raise InputError(f"{source}: {error}") from None
    draft.study = _study_name(draft.study) or _study_name(path.stem) or "study"
    return draft


def _study_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:_LONGEST_STUDY]


def _settings(draft: Draft) -> list[str]:
    """Return what stands in the file as a guess."""
    named = {"metric": draft.metric, "direction": draft.direction, "epochs": draft.epochs, **draft.search}
    if draft.command:
        return [*_guesses(named), "the command's output: each epoch needs a line of JSON with the metric"]
    return _guesses(named | {"python": draft.python})


def _guesses(settings: Mapping[str, Setting]) -> list[str]:
    return [f"{name}, {setting.value}: {setting.note}" for name, setting in settings.items() if setting.note]


def _check(text: str, source: str) -> None:
    """Refuse a text that `hpsearch run` would refuse.

    Raises:
        InputError: It would, for a reason in the source.
    """
    try:
        config = parse_config(YAML(typ="safe", pure=True).load(text))
        if isinstance(config.objective, Command):
            check_command(config.objective, config.space)
    except (FieldError, YAMLError) as error:
        raise InputError(f"{source}: no space file can be made of it: {error}") from None
