"""Groups of images that must not be parted by a split: which image is in which, and a split that keeps them whole."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from hpsearch.errors import FieldError
from hpsearch.text import counted, nearest
from hpsearch.trial.seeding import permutation

if TYPE_CHECKING:
    import numpy as np

_FILE = "file"
_PATH = ("objective", "group")


def groups_of(folder: Path, files: Sequence[str], column: str) -> list[str]:
    """Return the group of each image, from the one CSV file in a folder.

    Its first line names the columns. One of them is `file`, with paths below the folder such as `cat/001.png`. Rows of
    other files are left out.

    Args:
        folder: The images'.
        files: Paths below it, with `/`.
        column: The name of the column that has the groups.

    Raises:
        FieldError: There is not one CSV file, it lacks a column or an image, or an image has no group or two of them.
    """
    tables = sorted(path for path in folder.glob("*.csv") if not path.name.startswith("."))
    if len(tables) != 1:
        found = f"{counted(len(tables), 'CSV file')} in {folder}"
        raise FieldError(_PATH, found, f"one, with the columns {_FILE} and {column}")
    groups = _table(tables[0], column)
    missing = [file for file in files if file not in groups]
    if missing:
        found = f"{tables[0]} has no row for {counted(len(missing), 'image')}, such as {missing[0]}"
        raise FieldError(_PATH, found, f"a row for each image, with its path below {folder} in the column {_FILE}")
    return [groups[file] for file in files]


def _table(path: Path, column: str) -> dict[str, str]:
    groups: dict[str, str] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as opened:
            rows = csv.DictReader(opened)
            _check_columns(path, rows.fieldnames or [], column)
            for row in rows:
                file = PurePosixPath((row[_FILE] or "").strip().replace("\\", "/")).as_posix()
                group = (row[column] or "").strip()
                if not group:
                    raise FieldError(_PATH, f"{path}, line {rows.line_num}: {file} has no {column}", "a group for each")
                if groups.setdefault(file, group) != group:
                    found = f"{path}, line {rows.line_num}: {file} is in {groups[file]!r} and in {group!r}"
                    raise FieldError(_PATH, found, "one group for each image")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FieldError(_PATH, f"{path} can't be read: {error}", "a CSV file in UTF-8") from error
    return groups


def _check_columns(path: Path, columns: Sequence[str], column: str) -> None:
    for name in (_FILE, column):
        if name not in columns:
            found = f"{path} has no column {name!r}"
            raise FieldError(_PATH, found, ", ".join(columns), nearest(name, tuple(columns)))


def grouped(labels: np.ndarray, groups: Sequence[str], shares: list[float], seed: int) -> list[np.ndarray]:
    """Cut a data set so that no group is in two parts, and each part has about its share of every class.

    Groups are dealt out one after the other, the largest first. Each goes where it lowers most, or raises least, the
    sum of (found - expected)^2 / expected over all parts and classes.

    Args:
        labels: (n_samples,).
        groups: Of the samples, in their order.
        shares: Of the parts; scaled to sum to 1.
        seed: Decides the order of groups of one size.

    Returns:
        The indices of each part, ascending. Every index is in exactly one part.
    """
    import numpy as np

    totals = np.bincount(labels).tolist()
    aims = [[share / sum(shares) * total for total in totals] for share in shares]
    lacks = [list(aim) for aim in aims]
    parts: list[list[int]] = [[] for _ in shares]
    for indices in _members(groups, seed):
        found, counts = np.unique(labels[indices], return_counts=True)
        some = list(zip(found.tolist(), counts.tolist(), strict=True))
        changes = [_change(some, lack, aim) for lack, aim in zip(lacks, aims, strict=True)]
        chosen = changes.index(min(changes))
        parts[chosen] += indices
        for label, count in some:
            lacks[chosen][label] -= count
    return [np.array(sorted(part), dtype=np.int64) for part in parts]


def _change(some: list[tuple[int, int]], lack: list[float], aim: list[float]) -> float:
    """Return how a part's sum of squares changes with a group, given as pairs of class and count."""
    # fsum is exact, so a tie is a tie on every machine.
    return math.fsum(count * (count - 2 * lack[label]) / aim[label] for label, count in some)


def _members(groups: Sequence[str], seed: int) -> list[list[int]]:
    """Return the indices of each group, the largest group first; groups of one size are shuffled."""
    by_name = sorted(range(len(groups)), key=lambda index: groups[index])
    members = [list(indices) for _, indices in groupby(by_name, key=lambda index: groups[index])]
    shuffled = [members[place] for place in permutation(len(members), "groups", seed)]
    return sorted(shuffled, key=len, reverse=True)
