"""One short trial, to see what a space file's command does: what it printed, wrote and measured."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from hpsearch.config.config import StudyConfig
from hpsearch.errors import CheckpointError
from hpsearch.study.study import Study
from hpsearch.trial.folder import LOG, attempt_folder, read_manifest
from hpsearch.trial.trial import Measurement, Stage

_PRINTED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO (.*)", re.DOTALL)
_MOST_FILES = 20
_HEADER_BYTES = 1 << 14


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What one short trial did.

    Attributes:
        config: The study's, made short.
        lines: What the command printed.
        measurements: By epoch.
        files: CSV files in the trial's folder, by their paths there, each with its columns.
        error: Why it failed, with the end of its standard error; empty if it did not.
    """

    config: StudyConfig
    lines: tuple[str, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    error: str = ""


def short(epochs: int) -> list[str]:
    """Return overrides that make a study one short trial.

    Args:
        epochs: Of the trial.
    """
    return [
        "search.trials=1",
        f"objective.epochs={epochs}",
        "search.sampler=random",
        "search.rounds=[]",
        "search.expand=null",
        "search.first=[]",
        "search.warm_start=null",
        "budget=null",
        "prune=null",
        "finalists=null",
        "ensemble=null",
    ]


def tried_of(study: Study) -> Tried:
    """Return what the only trial of a study did."""
    record = next(iter(study.store.records(Stage.SEARCH)), None)
    if record is None:
        return Tried(config=study.config)
    folder = attempt_folder(study.folder, record.stage, record.number, record.attempt)
    try:
        manifest = read_manifest(folder)
    except CheckpointError:
        manifest = None
    error = record.error or ""
    if manifest is not None and manifest.error:
        error = manifest.error
    return Tried(
        config=study.config,
        lines=tuple(_printed(folder / LOG)),
        measurements=() if manifest is None else manifest.measurements,
        files=_files(folder),
        error=error,
    )


def _printed(log: Path) -> list[str]:
    """Return what a command printed, from the trial's log."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return []
    found = [match[1] for line in text.split("\n") if (match := _PRINTED.fullmatch(line))]
    return found[1:] if found and found[0].startswith("command: ") else found


def _files(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the columns of the CSV files below a folder."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.rglob("*.csv"))[:_MOST_FILES]:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES).decode(errors="replace").partition("\n")[0]
        found[path.relative_to(folder).as_posix()] = tuple(cell.strip(' "\r') for cell in header.split(","))
    return found
