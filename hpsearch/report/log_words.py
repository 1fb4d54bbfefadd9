"""The words of a failed trial's log, for a study that is not kept."""

from __future__ import annotations

import re
from pathlib import Path

from hpsearch.errors import CheckpointError
from hpsearch.trial.events import Notice
from hpsearch.trial.folder import LOG, MANIFEST, read_manifest

_LINES = 20
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ ")  # the time and level of a line


def words_of_failed(studies: Path) -> Notice | None:
    """Return the last lines of the log of the first trial that has failed, or else of the first; None for no lines.

    Args:
        studies: A directory with one study.
    """
    folders = sorted(path.parent for path in studies.glob(f"*/trials/*/*/{MANIFEST}"))
    for folder in [*filter(_failed, folders), *folders]:
        lines = _words(folder)
        if lines:
            return Notice(message=f"the log of trial {int(folder.parent.name)} ends so:", detail="\n".join(lines))
        if _failed(folder):
            return None  # its traceback is all that there is
    return None


def _failed(folder: Path) -> bool:
    try:
        manifest = read_manifest(folder)
    except CheckpointError:
        return False
    return manifest is not None and manifest.traceback is not None


def _words(folder: Path) -> list[str]:
    """Return the last lines of a trial's log before its traceback, which was shown; none if it has these lines too."""
    try:
        text = (folder / LOG).read_text(encoding="utf-8", errors="replace")
        manifest = read_manifest(folder)
    except (OSError, CheckpointError):
        return []
    trace = (manifest.traceback or "") if manifest is not None else ""
    if trace and trace in text:
        text = text[: text.rindex(trace)]
        text = text[: text.rfind("\n") + 1]  # without the time and the level before it
    lines = [_STAMP.sub("", line) for line in text.splitlines()[-_LINES:]]
    return [] if all(line in trace for line in lines) else lines
