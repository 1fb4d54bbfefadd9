"""Hydra's config groups: which file of a group has the value that a config takes from there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpsearch.system.documents.reading import YAML_ERRORS, load_yaml

_DEPTH = 4  # a group's file may take from groups too
_SUFFIXES = (".yaml", ".yml")


def group_file(config: Path, text: str, name: str) -> tuple[Path, str] | None:
    """Return the file that a config's defaults list takes a value from, or could, and the value's name in it.

    Args:
        config: The file with the defaults list. Its groups are folders beside it, or beside one of the folders above.
        text: The file's content.
        name: The value's name, with dots.
    """
    if config.suffix.lower() not in _SUFFIXES or "defaults" not in text:
        return None
    try:
        found = list(_found(config, load_yaml(text), name, (), _DEPTH))
    except (OSError, *YAML_ERRORS):
        return None
    path, key, _ = next((one for one in found if one[2]), None) or next(iter(found), (None, "", False))
    return None if path is None else (path, key)


def is_overridden(config: Path, text: str, name: str) -> bool:
    """Return whether a group's file sets a config's own value anew: it comes after `_self_` in the defaults list.

    Args:
        config: As in `group_file`, and so are the others.
    """
    if config.suffix.lower() not in _SUFFIXES or "_self_" not in text:
        return False
    try:
        content = load_yaml(text)
        entries = content["defaults"]
        later = [one for one in entries[entries.index("_self_") + 1 :] if not _is_override(one)]
        return any(has for _, _, has in _found(config, {"defaults": later}, name, (), _DEPTH))
    except (OSError, *YAML_ERRORS):
        return False


def _is_override(entry: Any) -> bool:
    """Return whether an entry only chooses an option of a group that another one places."""
    return isinstance(entry, dict) and any(str(key).startswith("override ") for key in entry)


def defaults_of(text: str) -> list[str]:
    """Return the groups that a config's defaults list has options for; none if it is no Hydra config."""
    if "defaults" not in text:
        return []
    try:
        return [group.strip("/") for group, _, _ in _defaults(load_yaml(text)) if group]
    except YAML_ERRORS:
        return []


def _found(
    config: Path, content: Any, name: str, package: tuple[str, ...], depth: int
) -> Iterator[tuple[Path, str, bool]]:
    """Yield the files that the defaults list of a config leads to, with the value's name, and whether they have it.

    Args:
        package: Where the config's own values belong.
    """
    for group, option, given in _defaults(content):
        path = next(filter(Path.is_file, _paths(config, group, option)), None)
        if path is None:
            continue
        inner = path.read_text(encoding="utf-8-sig")
        own = _package(inner, given, group, package)
        parts = tuple(name.split("."))
        try:
            loaded = load_yaml(inner)
        except YAML_ERRORS:
            continue
        here = parts[: len(own)] == own and len(parts) > len(own)
        has = here and _has(loaded, parts[len(own) :])
        if has or (here and own):
            yield path, ".".join(parts[len(own) :]), has
        if depth and not has:
            yield from _found(path, loaded, name, own, depth - 1)


def _defaults(content: Any) -> Iterator[tuple[str, str, str | None]]:
    """Yield group, option and package (None if unsaid) of each entry of a defaults list."""
    entries = content.get("defaults") if isinstance(content, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        group, option = next(iter(entry.items()), ("", "")) if isinstance(entry, dict) and entry else ("", entry)
        if not isinstance(group, str) or not isinstance(option, str) or option == "_self_":
            continue
        words = group.split() or [""]
        if not group:  # `- base` is a file beside, `- optimizer/sgd` one of a group
            option, _, package = option.partition("@")
            folder, _, option = option.rpartition("/")
            yield folder, option, package or ("_here_" if not folder else None)
            continue
        where, _, package = words[-1].partition("@")
        yield where, option, package or None


def _paths(config: Path, group: str, option: str) -> Iterator[Path]:
    folders = [config.parent] if not group.startswith("/") else [config.parent, *config.parent.parents][:_DEPTH]
    for folder in folders:
        for suffix in ("", *_SUFFIXES):
            yield folder / group.strip("/") / f"{option}{suffix}"


def _package(text: str, given: str | None, group: str, above: tuple[str, ...]) -> tuple[str, ...]:
    """Return where the values of a group's file belong: as the entry says, as its header says, or by its folder."""
    header = next((line.split()[2:3] for line in text.splitlines() if line.startswith("# @package ")), None)
    said = given if given is not None else header[0] if header else None
    if said == "_global_":
        return ()
    if said == "_here_":
        return above
    if said is None or said == "_group_":
        said = group.strip("/").replace("/", ".")
    if said.startswith("_global_."):
        return tuple(said.removeprefix("_global_.").split("."))
    return (*above, *filter(None, said.split(".")))


def _has(content: Any, parts: tuple[str, ...]) -> bool:
    for part in parts:
        if not isinstance(content, dict) or part not in content:
            return False
        content = content[part]
    return bool(parts)
