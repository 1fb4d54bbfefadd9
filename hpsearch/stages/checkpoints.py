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
        self._kept: set[int] | None = None

    def trial_ended(self, record: TrialRecord) -> None:
        """Clean up after a trial has ended, and after the one that it pushed out of the best."""
        folder = self._context.folder
        for attempt in range(1, record.attempt):
            _remove(attempt_folder(folder, record.stage, record.number, attempt))
        if record.stage is Stage.FINALISTS:
            if not record.eligible:
                _remove(attempt_folder(folder, record.stage, record.number, record.attempt))
            return
        best = top(
            self._context.store.records(Stage.SEARCH),
            self._context.config.direction,
            self._context.config.keep_checkpoints,
        )
        kept = {r.number for r in best}
        for number in ((self._kept or set()) | {record.number}) - kept:
            for attempt_path in trial_folder(folder, Stage.SEARCH, number).glob("attempt-*"):
                _remove(attempt_path)
        self._kept = kept


def _remove(folder: Path) -> None:
    for pattern in ("epoch-*.pt", ".*.tmp"):
        for path in folder.glob(pattern):
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
