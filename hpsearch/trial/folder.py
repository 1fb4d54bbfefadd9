"""The commit protocol of an attempt's folder: a manifest that is renamed last, and the checkpoints it names.

```
trials/00012/attempt-2/
    manifest.json     config, seed, the metrics of every epoch so far, the checkpoints' names, and why the trial ended
    epoch-00007.pt    a checkpoint that the manifest calls `last` or `best`; any other is a leftover and is removed
    log.txt           the trial's own log
```
Only the attempt's worker writes here. A reader who finds a manifest also finds the files that it names.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpsearch.errors import CheckpointError, ObjectiveError
from hpsearch.system.disk import says_full
from hpsearch.system.files import atomic_write, sync
from hpsearch.trial.checkpoint import check_state, load_state, save_state
from hpsearch.trial.manifest import CHECKPOINTS, Checkpoint, Manifest, checkpoint_name, decode, encode
from hpsearch.trial.trial import GO_ON, Decision, Measurement, Stage, TrialRecord, TrialSpec

MANIFEST = "manifest.json"
ATTEMPT = "attempt-"  # the name of an attempt's folder, before its number
LOG = "log.txt"
PRINTED = ".printed"  # what a command printed, until its trial has ended
_READS = 3
_RISK_S = 1.0  # of training, which a power cut may cost; to sync a file may take longer than a short epoch


def attempt_folder(study_folder: Path, stage: Stage, number: int, attempt: int) -> Path:
    """Return the folder of an attempt."""
    return trial_folder(study_folder, stage, number) / f"{ATTEMPT}{attempt}"


def attempt_folders(study_folder: Path, record: TrialRecord) -> list[Path]:
    """Return the folders of a trial's attempts, newest first; an attempt that never began has made none."""
    numbers = range(record.attempt, 0, -1)
    return [attempt_folder(study_folder, record.stage, record.number, attempt) for attempt in numbers]


def trial_folder(study_folder: Path, stage: Stage, number: int) -> Path:
    """Return the folder of a trial, which holds its attempts' folders."""
    return study_folder / ("trials" if stage is Stage.SEARCH else "finalists") / f"{number:05d}"


def read_manifest(folder: Path) -> Manifest | None:
    """Return what an attempt has committed; None if that is nothing.

    Raises:
        CheckpointError: The manifest can't be read, or is damaged.
    """
    try:
        content = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        msg = f"{folder / MANIFEST}: can't be read: {error.strerror}"
        raise CheckpointError(msg) from None
    try:
        return decode(content)
    except ValueError as error:
        msg = f"{folder / MANIFEST}: not a manifest: {error}"
        raise CheckpointError(msg) from None


def newest_manifest(folders: Iterable[Path], on_damage: Callable[[str], None]) -> Manifest | None:
    """Return the first manifest that can be read; None if there is none.

    Args:
        folders: Of attempts, newest first.
        on_damage: Called with a line on each manifest that can't be read.
    """
    found = (_read_or_tell(folder, on_damage) for folder in folders)
    return next((manifest for manifest in found if manifest is not None), None)


def _read_or_tell(folder: Path, on_damage: Callable[[str], None]) -> Manifest | None:
    try:
        return read_manifest(folder)
    except CheckpointError as error:
        on_damage(str(error))
        return None


def going_on(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that tells of a damaged manifest, and that an earlier attempt takes its place."""
    return lambda damage: tell(f"{damage}; going on from an earlier attempt")


class AttemptWriter:
    """The one writer of an attempt's folder.

    Args:
        spec: The trial; its folder is made.
        worker: Host and process id.
        random_state: Returns the state of the random generators as JSON types, or None to keep none.
    """

    def __init__(
        self, spec: TrialSpec, worker: str, random_state: Callable[[], Mapping[str, Any] | None] = lambda: None
    ) -> None:
        self.folder = Path(spec.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._spec, self._random_state = spec, random_state
        self._staged: Path | None = None
        self._at_risk_s = 0.0
        self.manifest = Manifest(
            stage=spec.stage, trial=spec.number, attempt=spec.attempt, seed=spec.seed, config=spec.config, worker=worker
        )

    @property
    def earlier(self) -> tuple[Path, ...]:
        """Folders of the trial's earlier attempts, newest first."""
        return tuple(map(Path, self._spec.earlier))

    def stage(self, state: object) -> None:
        """Write a checkpoint for the next commit; one that was staged before and not committed is dropped.

        Raises:
            CheckpointError: `weights_only` loading would refuse part of the state.
        """
        check_state(state)
        staged = self.folder / ".staged.pt.tmp"
        save_state(state, staged)
        self._staged = staged

    def commit(self, measurement: Measurement, decision: Decision = GO_ON) -> None:
        """Commit an epoch's metrics, together with the checkpoint that was staged for it.

        `best` is the best of the epochs that have a checkpoint and the metric: an objective may save only every few
        epochs.

        Args:
            measurement: The epoch's metrics.
            decision: Whether this epoch ends the trial; `last` goes then.

        Raises:
            ObjectiveError: The objective has removed the folder, or what it had staged.
        """
        try:
            self._commit(measurement, decision)
        except FileNotFoundError as error:
            msg = f"{error.filename} can't be written or is gone; an objective may write into trial.dir, not remove it"
            raise ObjectiveError(msg) from error

    def _commit(self, measurement: Measurement, decision: Decision) -> None:
        measurements = (*self.manifest.measurements, measurement)
        last, best = self.manifest.last, self.manifest.best
        if self._staged is not None:
            last = Checkpoint(checkpoint_name(measurement.epoch), measurement.epoch, self._random_state())
            self._staged.replace(self.folder / last.file)
            self._staged = None
            best = self._better(last, best, measurements)
        if decision.reason is not None:
            last, best = None, None if best is None else replace(best, random=None)
        self.manifest = replace(
            self.manifest,
            measurements=measurements,
            last=last,
            best=best,
            reason=decision.reason,
            why=decision.words,
        )
        self._at_risk_s += measurement.seconds
        self._write(durable=decision.reason is not None or self._at_risk_s >= _RISK_S)

    def _better(
        self, new: Checkpoint, old: Checkpoint | None, measurements: Sequence[Measurement]
    ) -> Checkpoint | None:
        if self._spec.metric not in measurements[-1].metrics:
            return old  # nobody knows how good it is
        if old is None:
            return new
        values = {m.epoch: m.metrics.get(self._spec.metric, math.nan) for m in measurements}
        best = self._spec.direction.best([values.get(old.epoch, math.nan), values[new.epoch]])
        return new if best is not None and best[0] == 1 else old

    def finish(self, decision: Decision, error: str | None = None, trace: str | None = None) -> None:
        """Commit the end of the trial. `best` stays; `last` and a staged checkpoint go."""
        self.discard_staged()
        ended = replace(
            self.manifest, reason=decision.reason, why=decision.words, error=error, traceback=trace, last=None
        )
        if ended != self.manifest:  # else the commit of the last epoch has said so
            self.folder.mkdir(parents=True, exist_ok=True)  # the objective may have removed it
            if ended.best is not None and not (self.folder / ended.best.file).is_file():
                ended = replace(ended, best=None)
            self.manifest = ended
            self._write(durable=True)  # a power cut must not cost the end of a trial

    def discard_staged(self) -> None:
        """Drop a staged checkpoint that no measurement followed."""
        if self._staged is not None:
            self._staged.unlink(missing_ok=True)
            self._staged = None

    def resume(self, on_warning: Callable[[str], None]) -> tuple[int, Any] | None:
        """Load the newest readable checkpoint of the earlier attempts, and take over the measurements up to it.

        Args:
            on_warning: Called with a line on each checkpoint that can't be read.

        Returns:
            The epoch after which it was saved, and the state; None if there is none.
        """
        for folder in self.earlier:
            for _ in range(_READS):
                manifest = _read_or_tell(folder, going_on(on_warning))
                found = None if manifest is None else self._newest(folder, manifest, on_warning)
                if found is not None:
                    return found
                # A worker that outlives its driver may commit now, and remove what its manifest named before.
                if _read_or_tell(folder, going_on(on_warning)) == manifest:
                    break
        return None

    def _newest(self, folder: Path, manifest: Manifest, on_warning: Callable[[str], None]) -> tuple[int, Any] | None:
        """Take over the newest readable checkpoint that the manifest of an earlier attempt names."""
        named = {c.epoch: c.file for c in (manifest.best, manifest.last) if c is not None}
        for epoch in sorted(named, reverse=True):
            source, own = folder / named[epoch], self.folder / named[epoch]
            try:
                _link(source, own)  # before it is read, so that nobody can remove it
                state = load_state(own)
            except OSError as error:
                if says_full(error):
                    raise
                if isinstance(error, FileNotFoundError) and _read_or_tell(folder, going_on(on_warning)) != manifest:
                    return None
                problem = f"{source}: {error.strerror}"
            except CheckpointError as error:
                own.unlink(missing_ok=True)
                problem = str(error)
            else:
                self._take_over(folder, manifest, epoch)
                return epoch, state
            on_warning(f"{problem}; going on from an earlier one, or else from epoch 1")
        return None

    def adopt(self, up_to_epoch: int, on_warning: Callable[[str], None]) -> int:
        """Take over the measurements of an earlier attempt, for a command that goes on from its own files.

        They come from the newest attempt that reached `up_to_epoch`, or else from the one that got furthest.

        Args:
            up_to_epoch: The last epoch to take over.
            on_warning: Called with a line on each manifest that can't be read.

        Returns:
            How many measurements were taken over.
        """
        manifests = (_read_or_tell(folder, going_on(on_warning)) for folder in self.earlier)
        found = [
            tuple(m for m in manifest.measurements if m.epoch <= up_to_epoch) for manifest in manifests if manifest
        ]
        # The newest comes first, and max keeps the first of equals.
        taken = max(found, key=lambda measurements: measurements[-1].epoch if measurements else 0, default=())
        self.manifest = replace(self.manifest, measurements=taken)
        return len(taken)

    def _take_over(self, folder: Path, earlier: Manifest, epoch: int) -> None:
        best = earlier.best if earlier.best is not None and earlier.best.epoch <= epoch else None
        if best is not None and best.epoch != epoch:
            try:
                _link(folder / best.file, self.folder / best.file)
            except OSError as error:
                if says_full(error):
                    raise
                best = None
        random = next(c.random for c in (earlier.last, earlier.best) if c is not None and c.epoch == epoch)
        self.manifest = replace(
            self.manifest,
            measurements=tuple(m for m in earlier.measurements if m.epoch <= epoch),
            last=Checkpoint(checkpoint_name(epoch), epoch, random),
            best=best,
        )

    def _write(self, *, durable: bool) -> None:
        named = {c.file for c in (self.manifest.last, self.manifest.best) if c is not None}
        if durable:
            for name in named:
                sync(self.folder / name)
            self._at_risk_s = 0.0
        with atomic_write(self.folder / MANIFEST, durable=durable) as file:
            file.write(encode(self.manifest))
        for path in self.folder.glob(CHECKPOINTS):
            if path.name not in named:
                path.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)  # no copy, on the same file system
    except OSError:
        with atomic_write(target) as out, source.open("rb") as file:
            shutil.copyfileobj(file, out)
