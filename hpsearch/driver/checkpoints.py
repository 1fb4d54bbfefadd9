"""Which checkpoints stay on disk: the best one of each top trial and of each finalist."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from hpsearch.driver.session import Session
from hpsearch.errors import CheckpointError
from hpsearch.selection.ranking import Leaders
from hpsearch.text import counted
from hpsearch.trial.events import Notice
from hpsearch.trial.folder import ATTEMPT, LOG, MANIFEST, PRINTED, attempt_folder, read_manifest, trial_folder
from hpsearch.trial.manifest import CHECKPOINTS
from hpsearch.trial.trial import Stage, State, TrialRecord

_GIGABYTE = 1_000_000_000
_WORTH_TELLING = 100_000_000  # bytes of all paused trials: a disk that has less left has other troubles


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint that is on disk, of a trial that can win."""

    record: TrialRecord
    folder: Path
    file: str


class CheckpointCleaner:
    """Removes the checkpoints of trials that have ended and are not among the best.

    Args:
        session: The study; its config says how many trials keep a checkpoint.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._leaders: Leaders | None = None  # None before the first trial of the search has ended
        self._told_size = False

    def trial_ended(self, record: TrialRecord) -> None:
        """Clean up after a trial that has ended, and after the one that it pushed out of the best."""
        trial = trial_folder(self._session.study.folder, record.stage, record.number)
        last = attempt_folder(self._session.study.folder, record.stage, record.number, record.attempt).name
        for attempt in _attempts(trial):
            _remove(f"{trial}/{attempt}", but=_best_file(trial / last) if attempt == last and record.eligible else "")
        if record.stage is Stage.FINALISTS:
            return
        ended = [record]
        if self._leaders is None:
            self._leaders = Leaders(self._session.study.config.direction, self._session.study.config.keep_checkpoints)
            ended = [r for r in self._session.study.store.records(Stage.SEARCH) if r.state is not State.RUNNING]
        # The first time this is all of them: an earlier driver may have been killed before it cleaned up.
        for out in map(self._leaders.add, ended):
            if out is not None:
                trial = trial_folder(self._session.study.folder, Stage.SEARCH, out.number)
                for attempt in _attempts(trial):
                    _remove(f"{trial}/{attempt}")

    def trial_paused(self, record: TrialRecord) -> None:
        """Tell once what paused trials take on disk, for they keep their checkpoints until the search ends."""
        if self._told_size:
            return
        self._told_size = True
        folder = attempt_folder(self._session.study.folder, record.stage, record.number, record.attempt)
        kept = [path for path in folder.rglob("*") if path.is_file() and path.name not in (LOG, MANIFEST)]
        size = sum(path.stat().st_size for path in kept)
        if size * self._session.trials < _WORTH_TELLING:
            return
        most = counted(self._session.trials, "trial")
        what = f"a paused trial keeps its checkpoint until the search ends: {_megabytes(size)} of trial {record.number}"
        message = f"{what}, up to {_megabytes(size * self._session.trials)} of {most}"
        self._session.publish(Notice(message=message))


def _megabytes(size: int) -> str:
    """Return a size for people; it is rounded, for it only has to tell megabytes from gigabytes."""
    return f"{size / 1e9:.3g} GB" if size >= _GIGABYTE else f"{size / 1e6:.3g} MB"


def _best_file(folder: Path) -> str:
    """Return the name of an attempt's best checkpoint; empty if there is none."""
    with suppress(CheckpointError):
        manifest = read_manifest(folder)
        return manifest.best.file if manifest is not None and manifest.best is not None else ""
    return ""


def _remove(attempt: str, but: str = "") -> None:
    """Remove the checkpoints of an attempt that has ended, and the files that a killed worker left half-written.

    Args:
        attempt: Its folder.
        but: The name of the one that stays, the best. A worker that was killed may have left `last` too.
    """
    for name in _listed(attempt):
        if name != but and (name == PRINTED or fnmatchcase(name, CHECKPOINTS) or fnmatchcase(name, ".*.tmp")):
            with suppress(FileNotFoundError, IsADirectoryError):  # the user's own folder may have such a name
                Path(attempt, name).unlink()


def _attempts(trial: Path) -> list[str]:
    return [name for name in _listed(trial) if name.startswith(ATTEMPT)]


def _listed(folder: Path | str) -> list[str]:
    """Return the names in a folder; none if there is no such folder."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return os.listdir(folder)  # noqa: PTH208 - a resume lists 20,000 folders, and Paths take twice as long
    return []


def best_checkpoints(session: Session, records: list[TrialRecord]) -> list[KeptCheckpoint]:
    """Return the best checkpoints of these trials, in their order; a notice names each one that is missing."""
    found = []
    for record in records:
        folder = attempt_folder(session.study.folder, record.stage, record.number, record.attempt)
        try:
            manifest = read_manifest(folder)
        except CheckpointError as error:
            session.publish(Notice(message=f"{error}; the vote goes without its checkpoint"))
            continue
        if record.state is not State.COMPLETE or manifest is None or manifest.best is None:
            continue
        if (folder / manifest.best.file).is_file():
            found.append(KeptCheckpoint(record, folder, manifest.best.file))
        else:
            session.publish(Notice(message=f"{folder / manifest.best.file}: is gone; the vote goes without it"))
    return found
