"""Values merged into an existing file, and what to say where the file has no place for them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpsearch.config.config import ExportFormat
from hpsearch.errors import InputError, NoPlaceError
from hpsearch.export.hydra_groups import defaults_of, group_file, is_overridden
from hpsearch.export.place import Place
from hpsearch.system.documents import (
    FILE_FORMATS,
    TOP,
    Document,
    Merged,
    MergeFormat,
    Placing,
    candidates,
    find_places,
    merge,
    open_document,
)
from hpsearch.system.documents.document import Member
from hpsearch.system.documents.encoding import decoded
from hpsearch.system.documents.places import bare_name, find

_MERGED: tuple[MergeFormat, ...] = (*FILE_FORMATS, "python-assign")


def merged_into(
    before: bytes, places: Mapping[str, tuple[str, Any]], target: Path, kind: ExportFormat, place: Place
) -> tuple[bytes, Merged, dict[str, str]]:
    """Return an existing file's new content.

    Args:
        before: The file's content.
        places: Names in the config with their values, by names in the file.
        target: The file as the user named it.

    Returns:
        The content, what the merge did, and places that have the key of an added name, by that name.

    Raises:
        NoPlaceError: The file has no place for some of the names.
        InputError: The file is not to be merged into, or can't be.
    """
    known = next((one for one in _MERGED if one == kind), None)
    if kind == "python" and not place.merges:
        raise InputError(
            f"{target}: is there already; allowed: --format python-assign to set its assignments, or another path"
        )
    if known is None:
        raise InputError(f"{target}: is there already; allowed: {', '.join(_MERGED)} to merge into it, or another path")
    if not place.merges:
        raise InputError(
            f"{target}: is there already; allowed: --key a.b to merge into its mapping a.b (--key . for its top), "
            "--map NAME=PLACE to merge where you say, or another path"
        )
    if target.exists() and not os.access(target, os.W_OK):  # a rename would replace even a read-only file
        raise InputError(f"{target}: is read-only; allowed: a file that can be written")
    text, encoding = decoded(before, str(target), known)
    document = open_document(text, str(target), known)
    values = {name: value for name, (_, value) in places.items()}
    placing = _places(document, TOP if place.key is None else place.key, values)
    lacking = {*placing.lacking(keyed=place.key is not None, add=place.add), *_elsewhere(document, placing, place)}
    lacking |= set() if place.add else _deeper(placing)
    if lacking:
        names = {where: name for where, (name, _) in places.items() if where in lacking}
        raise _no_place(document, placing, names, place)
    merged = merge(document, placing, values)
    try:
        return merged.text.encode(encoding), merged, _alike(placing, merged.added)
    except UnicodeEncodeError as error:
        raise InputError(f"{target}: is in {encoding}, which has no {error.object[error.start]!r}") from None


def _alike(placing: Placing, added: tuple[str, ...]) -> dict[str, str]:
    """Return a place with the same key for each added name that has one: it may be the one that was meant."""
    found = {name: candidates(placing.target, name, placing.there)[:1] for name in added}
    return {
        name: where
        for name, places in found.items()
        for where in places
        if where.rpartition(".")[2] == name.rpartition(".")[2]
    }


def _deeper(placing: Placing) -> set[str]:
    """Return the dotted names whose key is not there but deeper: model.lr, and the file has model.init_args.lr."""
    found = set()
    for name in placing.gaps:
        above, _, key = name.rpartition(".")
        places = candidates(placing.target, name, placing.there) if above else ()
        if any(one.startswith(f"{above}.") and one.endswith(f".{key}") for one in places):
            found.add(name)
    return found


def _places(document: Document, key: str, values: Mapping[str, Any]) -> Placing:
    try:
        return find_places(document, key, values)
    except InputError as error:
        found = [group_file(Path(document.file), document.text, f"{key}.{where}") for where in values]
        files = dict.fromkeys(str(path) for path, _ in filter(None, found))
        if not files:
            raise
        raise InputError(f"{error}; Hydra takes {key} from {', '.join(files)}: --to that file") from None


def _elsewhere(document: Document, placing: Placing, place: Place) -> list[str]:
    """Return the names that a Hydra config has elsewhere: in its defaults list, or in a group's file."""
    path, at = Path(document.file), "" if place.key in (None, TOP) else f"{place.key}."
    groups = set() if at else set(defaults_of(document.text))
    known = (*placing.there, *placing.gaps)
    overridden = (name for name in known if is_overridden(path, document.text, f"{at}{name}"))
    return [*(name for name in placing.gaps if name in groups), *overridden]


def _no_place(document: Document, placing: Placing, lacking: Mapping[str, str], place: Place) -> NoPlaceError:
    """Return the error that names all of them, with what to write.

    Args:
        lacking: The names in the config, by the names in the file.
    """
    at = "" if place.key in (None, TOP) else f"{place.key}."
    lines = [_advice(document, placing, where, name, at) for where, name in lacking.items()]
    under = f" under {place.key}" if at else ""
    more = "--map NAME= leaves one out, --only NAME writes only some"
    if any(where in placing.gaps for where in lacking):
        more += ", --add adds what is not there"
    return NoPlaceError(f"{document.file}: has no place{under} for {', '.join(lacking.values())}", (*lines, more))


def _advice(document: Document, placing: Placing, where: str, name: str, at: str) -> str:
    """Return the line for one name: the option to write, and what was found."""
    group = group_file(Path(document.file), document.text, f"{at}{where}")
    if group is not None:
        path, key = group
        options = shlex.join(("--to", str(path), "--key", TOP, "--only", name, "--map", f"{name}={key}"))
        return f"{options} (Hydra takes {at}{where} from that file)"
    tried = dict.fromkeys((where, bare_name(name)))  # a place that was mapped wrongly, and the name itself
    found = next(filter(None, (candidates(placing.target, one, placing.there) for one in tried)), [])
    outside = "" if found or not at else _outside(document, where)
    gap = placing.gaps.get(where)
    why = [
        f"or {' or '.join(found[1:])}" if found[1:] else "",
        "nothing has such a name" if not found and not outside and where not in placing.nowhere else "",
        f"{outside} is there, but not under {at[:-1]}" if outside else "",
        f"{where} is not there" if where != name and where not in placing.nowhere else "",
        placing.nowhere.get(where, ""),
        f"{gap.name} has a merge key (<<), which may have it" if gap is not None and gap.inherits else "",
    ]
    shown = "; ".join(filter(None, why))
    line = shlex.join(("--map", f"{name}={found[0] if found else 'PLACE'}"))
    return f"{line} ({shown})" if shown else line


def _outside(document: Document, name: str) -> str:
    """Return the place from the top level that a name may mean; empty if there is none."""
    if document.root is None:
        return ""
    return (
        name
        if isinstance(find(document, document.root, name), Member)
        else "".join(candidates(document.root, name)[:1])
    )
