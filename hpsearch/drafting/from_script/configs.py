"""The values of a config file: Hydra's, Lightning CLI's, or any YAML, JSON or TOML file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hpsearch.drafting.from_script.setting import Setting
from hpsearch.errors import InputError
from hpsearch.system.documents.reading import SUFFIXES, YAML_ERRORS, load_text, problem_of
from hpsearch.system.files import read_text

ConfigKind = Literal["hydra", "lightning", "plain"]
_MAX_DEPTH = 12
_MAX_VALUES, _MAX_VISITS = 2000, 20_000  # with aliases, a short file can be endless
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PACKAGE = re.compile(r"^#\s*@package\s+(\S+)", re.MULTILINE)
_REFERENCE = re.compile(r"\$\{([\w.:]+)\}")
_NOT_SET = "???"  # how OmegaConf marks a value that the user must give


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigSource:
    """What a config file holds.

    Attributes:
        kind: Whose config it is.
        settings: Its values.
        notes: What could not be read.
        defaults: A Hydra config's list of defaults.
        targets: What its `_target_` keys name, such as `src.module.Net`.
        folders: Its values, by dotted names, that are places in the folder of each trial.
    """

    kind: ConfigKind
    settings: tuple[Setting, ...]
    notes: tuple[str, ...] = ()
    defaults: tuple[Any, ...] = ()
    targets: tuple[str, ...] = ()
    folders: Mapping[str, str] = field(default_factory=dict)


def read_config(path: Path) -> ConfigSource:
    """Return the values of a config file. A Hydra config includes those of its groups that lie beside it.

    Raises:
        InputError: The file can't be read, or is not a mapping.
    """
    raw = _load(path)
    kind = _kind(raw)
    if kind != "hydra":
        return ConfigSource(kind=kind, settings=tuple(_flat(raw)))
    return _read_hydra(path, raw)


def hydra_config(folder: Path, name: str) -> Path:
    """Return the file of a Hydra config.

    Args:
        folder: Where `config_path` leads to.
        name: The config's name, with or without `.yaml`.

    Raises:
        InputError: The file does not exist.
    """
    for file in (name, f"{name}.yaml", f"{name}.yml"):
        if (folder / file).is_file():
            return folder / file
    raise InputError(
        f"{folder / name}.yaml: @hydra.main names this config, but it does not exist; allowed: an existing file"
    )


def _load(path: Path) -> dict[str, Any]:
    text = read_text(path)
    try:
        raw = load_text(text, SUFFIXES.get(path.suffix.lower(), "yaml"))
    except YAML_ERRORS as error:
        raise InputError(f"{path}: not a valid config: {problem_of(error)}") from None
    if not isinstance(raw, dict) or not raw:
        raise InputError(f"{path}: holds no settings; allowed: a mapping of names to values")
    return raw


def _kind(raw: Mapping[str, Any]) -> ConfigKind:
    if isinstance(raw.get("defaults"), list) or isinstance(raw.get("hydra"), Mapping):
        return "hydra"
    parts = [raw.get(name) for name in ("model", "data", "optimizer", "lr_scheduler")]
    if any(isinstance(part, Mapping) and "class_path" in part for part in parts):
        return "lightning"
    return "lightning" if isinstance(raw.get("trainer"), Mapping) and "seed_everything" in raw else "plain"


def _flat(raw: Mapping[Any, Any], prefix: str = "", kind: ConfigKind = "plain") -> Iterator[Setting]:
    for count, (name, value) in enumerate(_leaves(raw, prefix, iter(range(_MAX_VISITS)))):
        if count >= _MAX_VALUES:
            return
        if kind == "hydra" and name.split(".")[0] in {"defaults", "hydra"}:
            continue
        missing = value == _NOT_SET
        yield Setting(name=name, default=None if missing else value, required=missing)


def _leaves(raw: Mapping[Any, Any], prefix: str, visits: Iterator[int]) -> Iterator[tuple[str, Any]]:
    for key, value in raw.items():
        if next(visits, None) is None:
            return
        if not isinstance(key, str) or not _NAME.fullmatch(key):
            continue
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            if name.count(".") < _MAX_DEPTH:
                yield from _leaves(value, f"{name}.", visits)
        elif value is None or (isinstance(value, (str, int, float, bool)) and not _is_interpolated(value)):
            yield name, value


def _is_interpolated(value: object) -> bool:
    return isinstance(value, str) and "${" in value


def _read_hydra(path: Path, raw: Mapping[str, Any]) -> ConfigSource:
    """Return the values of a primary config; they override those of its groups."""
    found: dict[str, Setting] = {}
    texts: dict[str, str] = {}
    notes: list[str] = []
    entries = raw.get("defaults")
    for group, option in _groups(entries if isinstance(entries, list) else []):
        file = path.parent / group / f"{option}.yaml"
        if not file.resolve().is_relative_to(path.parent.resolve()) or not file.is_file():
            notes.append(
                f"the config group {group or option}/{option}.yaml is not beside {path.name}, so it is not read"
            )
            continue
        prefix = _package(file, group)
        values = _load(file)
        found |= {setting.name: setting for setting in _flat(values, prefix, "hydra")}
        texts |= _texts(values, prefix)
    found |= {setting.name: setting for setting in _flat(raw, "", "hydra")}
    texts |= _texts(raw)
    defaults = tuple(entries) if isinstance(entries, list) else ()
    return ConfigSource(
        kind="hydra",
        settings=tuple(found.values()),
        notes=tuple(notes),
        defaults=defaults,
        targets=tuple(dict.fromkeys(text for name, text in texts.items() if name.rpartition(".")[2] == "_target_")),
        folders=_folders(texts),
    )


def _texts(raw: Mapping[Any, Any], prefix: str = "", depth: int = 0) -> dict[str, str]:
    """Return all texts in a mapping by dotted names, also those that refer to others."""
    found: dict[str, str] = {}
    for key, value in list(raw.items())[:_MAX_VALUES]:
        if isinstance(value, Mapping) and depth < _MAX_DEPTH:
            found |= _texts(value, f"{prefix}{key}.", depth + 1)
        elif isinstance(value, str):
            found[f"{prefix}{key}"] = value
    return found


def _folders(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the values that lie in Hydra's output folder, which is the trial's, as places there."""
    found = {"hydra:runtime.output_dir": "{trial_dir}", "hydra:run.dir": "{trial_dir}"}

    def filled(reference: re.Match[str]) -> str:
        return found.get(reference[1], reference[0])

    for _ in range(_MAX_DEPTH):  # a value may refer to one that refers to the folder
        filled_in = {name: _REFERENCE.sub(filled, text) for name, text in texts.items()}
        found |= {name: text for name, text in filled_in.items() if text.startswith("{trial_dir}") and "${" not in text}
    return {name: place for name, place in found.items() if ":" not in name}


def _package(file: Path, group: str) -> str:
    """Return the prefix of a group's values: its name, or what its `@package` line says."""
    said = _PACKAGE.search(file.read_text(errors="replace"))
    if said is not None and said[1] == "_global_":
        return ""
    place = group.replace("/", ".") if said is None or said[1] == "_group_" else said[1]
    return f"{place}." if place else ""


def _groups(entries: list[Any]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        if isinstance(entry, str) and entry != "_self_":
            group, _, option = entry.strip("/").rpartition("/")
            yield group, option
        elif isinstance(entry, Mapping):
            for key, option in entry.items():
                words = str(key).split()
                group = words[-1].strip("/") if words else ""
                if isinstance(option, str) and not group.startswith("hydra/") and "@" not in group:
                    yield group, option.removesuffix(".yaml")
