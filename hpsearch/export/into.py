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
    merge,
    open_document,
)
from hpsearch.system.documents import (
    place as place_in,
)
from hpsearch.system.documents.encoding import decoded

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
    key = TOP if place.key is None else place.key
    placing = place_in(document, key, values)
    lacking = {*placing.lacking(keyed=place.key is not None, add=place.add), *_elsewhere(document, placing)}
    if lacking:
        raise _no_place(
            document, placing, {where: name for where, (name, _) in places.items() if where in lacking}, place
        )
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


def _elsewhere(document: Document, placing: Placing) -> list[str]:
    """Return the names that a Hydra config has elsewhere: in its defaults list, or in a group's file."""
    if placing.target is not document.root:
        return []
    groups, path = set(defaults_of(document.text)), Path(document.file)
    overridden = (name for name in placing.there if is_overridden(path, document.text, name))
    return [*(name for name in placing.gaps if name in groups), *overridden]


def _no_place(document: Document, placing: Placing, lacking: Mapping[str, str], place: Place) -> NoPlaceError:
    """Return the error that names all of them, with what to write.

    Args:
        lacking: The names in the config, by the names in the file.
    """
    lines = [_advice(document, placing, where, name) for where, name in lacking.items()]
    under = f" under {place.key}" if place.key not in (None, TOP) else ""
    more = "--map NAME= leaves one out, --only NAME writes only some"
    if any(where in placing.gaps for where in lacking):
        more += ", --add adds what is not there"
    return NoPlaceError(f"{document.file}: has no place{under} for {', '.join(lacking.values())}", (*lines, more))


def _advice(document: Document, placing: Placing, where: str, name: str) -> str:
    """Return the line for one name: the option to write, and what was found."""
    group = group_file(Path(document.file), document.text, where)
    if group is not None:
        path, key = group
        options = shlex.join(("--to", str(path), "--key", TOP, "--only", name, "--map", f"{name}={key}"))
        return f"{options} (Hydra takes {where} from that file)"
    found = candidates(placing.target, where, placing.there)
    gap = placing.gaps.get(where)
    why = [
        f"or {' or '.join(found[1:])}" if found[1:] else "",
        "nothing has such a name" if not found and where not in placing.nowhere else "",
        f"{where} is not there" if where != name else "",
        placing.nowhere.get(where, ""),
        f"{gap.name} has a merge key (<<), which may have it" if gap is not None and gap.inherits else "",
    ]
    shown = "; ".join(filter(None, why))
    line = shlex.join(("--map", f"{name}={found[0] if found else 'PLACE'}"))
    return f"{line} ({shown})" if shown else line
