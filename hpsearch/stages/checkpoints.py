"""Which checkpoints stay on disk: `best` of the top trials and of all finalists."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hpsearch.errors import CheckpointError
from hpsearch.ranking import top
from hpsearch.stages.context import Context
from hpsearch.trial import Stage, State, TrialRecord
from hpsearch.trial_dir import attempt_folder, read_manifest, trial_folder


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint that is on disk, of a trial that can win."""

    record: TrialRecord
    folder: Path
    file: str


class CheckpointKeeper:
    """Removes the checkpoints of trials that have ended and are not among the best.

    Args:
        context: Says how many stay.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kept: set[int] | None = None  # None before the first look

    def trial_ended(self, record: TrialRecord) -> None:
        """Clean up after a trial has ended, and after the one that it pushed out of the best."""
        last = attempt_folder(self._context.folder, record.stage, record.number, record.attempt)
        for folder in last.parent.glob("attempt-*"):
            _remove(folder, but=_best_file(folder) if folder == last and record.eligible else "")
        if record.stage is Stage.FINALISTS:
            return
        best = top(
            self._context.store.records(Stage.SEARCH),
            self._context.config.direction,
            self._context.config.keep_checkpoints,
        )
        kept = {r.number for r in best}
        for number in self._before(record) - kept:
            for folder in trial_folder(self._context.folder, Stage.SEARCH, number).glob("attempt-*"):
                _remove(folder)
        self._kept = kept

    def _before(self, record: TrialRecord) -> set[int]:
        """Return the trials whose checkpoints may have become superfluous."""
        if self._kept is not None:
            return self._kept | {record.number}
        # An earlier driver may have been killed before it cleaned up.
        return {r.number for r in self._context.store.records(Stage.SEARCH) if r.state is not State.RUNNING}


def _best_file(folder: Path) -> str:
    """Return the name of an attempt's best checkpoint; empty if there is none."""
    with suppress(CheckpointError):
        manifest = read_manifest(folder)
        return manifest.best.file if manifest is not None and manifest.best is not None else ""
    return ""


def _remove(folder: Path, but: str = "") -> None:
    """Remove the checkpoints of an attempt that has ended, and what a killed worker left half-written.

    Args:
        but: The one that stays: the best. A worker that was killed before it could clean up left `last` too.
    """
    for pattern in ("epoch-*.pt", ".*.tmp"):
        for path in folder.glob(pattern):
            if path.name != but:
                with suppress(FileNotFoundError):
                    path.unlink()


def best_checkpoints(context: Context, records: list[TrialRecord]) -> list[KeptCheckpoint]:
    """Return the best checkpoints of these trials that are on disk, in the same order."""
    found = []
    for record in records:
        folder = attempt_folder(context.folder, record.stage, record.number, record.attempt)
        with suppress(CheckpointError):
            manifest = read_manifest(folder)
            if record.state is not State.COMPLETE or manifest is None or manifest.best is None:
                continue
            if (folder / manifest.best.file).is_file():
                found.append(KeptCheckpoint(record, folder, manifest.best.file))
    return found
