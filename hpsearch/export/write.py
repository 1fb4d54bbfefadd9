"""Writing the best config: a new file with its provenance, or values merged into an existing file."""

from __future__ import annotations

import difflib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.config.config import ExportFormat
from hpsearch.errors import InputError
from hpsearch.export.formats import FORMATS, SUFFIXES, frozen_trial, nested, new_file
from hpsearch.export.into import merged_into
from hpsearch.export.place import ASSIGNMENTS, Place, chosen, placed
from hpsearch.system.documents import FILE_FORMATS
from hpsearch.system.files import STDOUT, atomic_write, unwritable
from hpsearch.system.git import commit_files, committed_file

_WRITABLE = "a file that can be"


@dataclass(frozen=True, slots=True)
class Export:
    """What an export will write.

    Attributes:
        path: The file, with links followed.
        before: The file's content; None for a new one.
        after: What the file will hold.
        mode: The permission bits to keep; None for a new file.
        beside: Files with the provenance of merged values, and their content.
        added: The places that an existing file did not have.
        alike: Places that were there already and have the key of an added one, by the added place.
        replaced: The texts of replaced values that were computed from others, by place.
        left_out: The parameters that are not written.
    """

    path: Path
    before: bytes | None
    after: bytes
    mode: int | None
    beside: Mapping[Path, bytes]
    added: tuple[str, ...] = ()
    alike: Mapping[str, str] = field(default_factory=dict)
    replaced: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether the file's content will change."""
        return self.before != self.after

    def diff(self) -> str:
        """Return the change as a unified diff; empty if nothing changes."""
        before = (self.before or b"").decode(errors="replace").splitlines(keepends=True)
        after = self.after.decode(errors="replace").splitlines(keepends=True)
        here = Path.cwd()
        name = str(self.path.relative_to(here) if here in self.path.parents else self.path)
        lines = difflib.unified_diff(before, after, name if self.before is not None else "/dev/null", name)
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)

    def write(self) -> None:
        """Write the files, each whole or not at all; none if nothing changes.

        Raises:
            InputError: A file can't be written.
        """
        if not self.changes:
            return
        try:
            with atomic_write(self.path) as file:
                file.write(self.after)
                if self.mode is not None:
                    os.fchmod(file.fileno(), self.mode)
            for path, data in self.beside.items():
                with atomic_write(path) as file:
                    file.write(data)
        except OSError as error:
            raise unwritable(self.path, error, allowed=_WRITABLE) from None

    def commit(self, branch: str, message: str) -> str:
        """Commit the files on a new branch of their repository. The working tree stays as it is.

        Returns:
            The commit's short hash.

        Raises:
            InputError: The commit fails, or nothing changes.
        """
        if not self.changes:
            raise InputError(f"--branch {branch}: {self.path} has these values already; nothing to commit")
        beside = {path: (content, None) for path, content in self.beside.items()}
        return commit_files({self.path: (self.after, self.mode), **beside}, branch, message)


def plan_export(
    config: Mapping[str, Any],
    target: Path,
    place: Place | None = None,
    *,
    provenance: Mapping[str, Any],
    trial: Mapping[str, Any] | None = None,
) -> Export:
    """Return what an export would write.

    A new file gets the config and its provenance: as a comment at the top, or under `_hpsearch` in JSON.

    In an existing file the values of the mapping at `place.key` are set. A name with dots leads into mappings, and is
    never made a key. What the file does not have yet is added to the mapping that `place.key` names, or with
    `place.add`. All else stays byte for byte. The provenance then goes into a file beside it, `NAME.hpsearch.json`.

    Args:
        config: Values by name.
        target: The file to write; a link is followed. `-` is standard output, which counts as a new file.
        place: How the config goes into it; None for a new file of the suffix's format.
        provenance: Study, trial, metric, seeds, and so on, by name.
        trial: For `optuna`: what `frozen_trial` takes.

    Raises:
        NoPlaceError: The file has no place for some of the names.
        InputError: The target does not have the format, can't be written, exists though nothing says where the values
            go, or has no mapping at the key that can be edited by itself. Or a name is not a parameter's.
    """
    place = place or Place()
    kind = place.format or _format_of(target)
    written = chosen(config, place)
    if kind == "optuna" and len(written) < len(config):
        raise InputError("--format optuna: holds a whole trial; allowed: no --only, and no --map NAME=")
    left_out = tuple(name for name in config if name not in written)
    places = placed(written, place, target, kind)
    try:
        path = target if target == STDOUT else _followed(target)
        there = None if target == STDOUT else committed_file(path) if place.to_commit else _on_disk(path, target)
        if there is None:
            text = _new(places, target, kind, place, provenance, trial)
            return Export(path, None, text.encode(), None, {}, left_out=left_out)
        before, mode = there
        if kind == "python" and place.format is None and place.merges:
            kind = ASSIGNMENTS
        after, merged, alike = merged_into(before, places, target, kind, place)
        beside = path.with_name(f"{path.name}.hpsearch.json")
        content = json.dumps(dict(provenance), indent=2, ensure_ascii=False, default=str) + "\n"
        files = {beside: content.encode()}
        return Export(path, before, after, mode, files, merged.added, alike, merged.replaced, left_out)
    except OSError as error:
        raise unwritable(target, error, allowed=_WRITABLE) from None


def _format_of(target: Path) -> ExportFormat:
    kind = SUFFIXES.get(target.suffix.lower()) or SUFFIXES.get(target.name.lower())
    if kind is None:
        found = f"the suffix {target.suffix!r}" if target.suffix else "no suffix"
        raise InputError(f"{target}: has {found}; allowed: {', '.join(SUFFIXES)}, or --format {', '.join(FORMATS)}")
    return kind


def _new(
    places: Mapping[str, tuple[str, Any]],
    target: Path,
    kind: ExportFormat,
    place: Place,
    provenance: Mapping[str, Any],
    trial: Mapping[str, Any] | None,
) -> str:
    if place.key is not None:
        raise InputError(f"{target}: is not there to merge into at {place.key}; allowed: an existing file, or no --key")
    if target != STDOUT and not target.resolve().parent.is_dir():
        raise InputError(f"{target}: its folder {target.parent} is not there; allowed: a file in an existing folder")
    if kind == "optuna":
        return frozen_trial(trial or {}, str(target), provenance)
    values = {where: value for where, (_, value) in places.items()}
    mapped = {where for where, (name, _) in places.items() if name in place.names}
    if kind in FILE_FORMATS and any("." in name for name in mapped):
        own = {name: value for name, value in values.items() if name not in mapped}
        led = nested({name: value for name, value in values.items() if name in mapped}, str(target))
        if both := next((name for name in led if name in own), None):
            raise InputError(f"{target}: {both} would be a value and a mapping; allowed: another --map")
        values = own | led
    return new_file(kind, values, str(target), provenance)


def _followed(target: Path) -> Path:
    try:
        return target.resolve()
    except (RuntimeError, ValueError) as error:  # the path has a circle of links or a null character
        raise InputError(f"{target}: is no file's path: {error}; allowed: a file") from None


def _on_disk(path: Path, target: Path) -> tuple[bytes, int] | None:
    """Return a file's content and permission bits; None if it does not exist."""
    if not path.exists():
        return None
    if not path.is_file():
        raise InputError(f"{target}: is {'a directory' if path.is_dir() else 'no regular file'}; allowed: a file")
    return path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
