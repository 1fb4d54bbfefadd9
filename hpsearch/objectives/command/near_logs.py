"""What a log has instead of the metric, for the error of a command that measured nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hpsearch.objectives.command.fields import EPOCH
from hpsearch.objectives.command.logs import CsvReader, Logs, found_at
from hpsearch.objectives.command.names import nearest_name
from hpsearch.objectives.command.near_misses import NearMiss

_MOST_FILES = 1000
_MOST_NAMES = 20


def near_log(source: Logs, metric: str, trial_dir: Path) -> NearMiss | None:
    """Return how a log was nearly the right one; None if nothing like it was written.

    Args:
        source: The log that the space file names.
        trial_dir: The attempt's folder, in which another one may lie.
    """
    path, is_csv = found_at(source.path), isinstance(source.reader, CsvReader)
    what = "column" if is_csv else "tag"
    names = [name for name in source.reader.names(path) if name != EPOCH] if path.exists() else []
    if metric in names:
        return NearMiss(0, f"its {what} {metric!r} has no number in it", str(path), "")
    if names and (lacking := source.computed.lacking(metric, names)):
        what = f"{metric!r} is computed of {lacking[0]!r}, and its {what}s are {', '.join(names[:_MOST_NAMES])}"
        return NearMiss(1, what, str(path), "")
    if names:
        shown = ", ".join(names[:_MOST_NAMES])
        near = nearest_name(names, metric)
        return NearMiss(1, f"its {what}s are {shown}", str(path), f"metric: {near or 'one of these names'}")
    for other in _others(trial_dir, is_csv=is_csv):
        if metric in source.reader.names(other):
            place = f"{{trial_dir}}/{other.relative_to(trial_dir).as_posix()}"
            key = "csv" if is_csv else "tensorboard"
            return NearMiss(2, f"another {'file' if is_csv else 'folder'} has it", str(other), f"{key}: '{place}'")
    return None


def _others(folder: Path, *, is_csv: bool) -> Iterator[Path]:
    for number, path in enumerate(folder.rglob("*.csv" if is_csv else "*tfevents*")):
        if number >= _MOST_FILES:
            return
        yield path if is_csv else path.parent
