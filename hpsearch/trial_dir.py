"""The commit protocol of an attempt's folder: a manifest that is renamed last, and the checkpoints it names.

```
trials/00012/attempt-2/
    manifest.json     config, seed, every epoch's metrics so far, the checkpoints' names, and why the trial ended
    epoch-00007.pt    what the manifest calls `last` or `best`; anything else is leftover and is removed
    log.txt           the trial's own log
```
Only the attempt's worker writes here. A reader that finds a manifest finds all that it names.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from hpsearch.checkpoint import check_state, load_state, save_state
from hpsearch.errors import CheckpointError
from hpsearch.trial import Measurement, Stage, StopReason, TrialSpec

MANIFEST = "manifest.json"
LOG = "log.txt"
FORMAT = 1
_READS = 3


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name whole, or not at all.

    Args:
        path: The file; its folder exists.
        durable: Whether a power cut from now on leaves this one; else it may leave the one before, whole as well.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object, *, durable: bool = True) -> None:
    """Write a JSON file, whole or not at all."""
    with atomic_write(path, durable=durable) as file:
        file.write((json.dumps(value, allow_nan=False) + "\n").encode())


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint's file name within its folder, and the epoch after which it was taken."""

    file: str
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What an attempt has committed.

    Attributes:
        measurements: Of all epochs, those of earlier attempts that it went on from too.
        last: The newest checkpoint; None once the trial has ended.
        best: The checkpoint with the best metric.
        reason: Why the trial ended; None while it runs.
    """

    stage: Stage
    trial: int
    attempt: int
    seed: int
    config: Mapping[str, Any]
    worker: str
    measurements: tuple[Measurement, ...] = ()
    last: Checkpoint | None = None
    best: Checkpoint | None = None
    reason: StopReason | None = None
    error: str | None = None
    traceback: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def attempt_folder(study_folder: Path, stage: Stage, number: int, attempt: int) -> Path:
    """Return the folder of an attempt."""
    return trial_folder(study_folder, stage, number) / f"attempt-{attempt}"


def trial_folder(study_folder: Path, stage: Stage, number: int) -> Path:
    """Return the folder of a trial; its attempts are inside."""
    return study_folder / ("trials" if stage is Stage.SEARCH else "finalists") / f"{number:05d}"


def read_manifest(folder: Path) -> Manifest | None:
    """Return what an attempt has committed, or None if that is nothing.

    Raises:
        CheckpointError: The manifest is not one of ours.
    """
    try:
        content = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        raw = json.loads(content)
        return Manifest(
            stage=Stage(raw["stage"]),
            trial=raw["trial"],
            attempt=raw["attempt"],
            seed=raw["seed"],
            config=raw["config"],
            worker=raw["worker"],
            measurements=tuple(_read_measurement(m) for m in raw["measurements"]),
            last=Checkpoint(**raw["last"]) if raw["last"] else None,
            best=Checkpoint(**raw["best"]) if raw["best"] else None,
            reason=StopReason(raw["reason"]) if raw["reason"] else None,
            error=raw["error"],
            traceback=raw["traceback"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{folder / MANIFEST}: not a manifest: {error}"
        raise CheckpointError(msg) from None


def _read_measurement(raw: Mapping[str, Any]) -> Measurement:
    metrics = {name: math.nan if value is None else value for name, value in raw["metrics"].items()}
    return Measurement(epoch=raw["epoch"], metrics=metrics, seconds=raw["seconds"])


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    def checkpoint(value: Checkpoint | None) -> dict[str, Any] | None:
        return None if value is None else {"file": value.file, "epoch": value.epoch}

    measurements = [
        {
            "epoch": m.epoch,
            "seconds": m.seconds,
            "metrics": {name: value if math.isfinite(value) else None for name, value in m.metrics.items()},
        }
        for m in manifest.measurements
    ]
    content = {
        "format": FORMAT,
        "stage": manifest.stage,
        "trial": manifest.trial,
        "attempt": manifest.attempt,
        "seed": manifest.seed,
        "config": dict(manifest.config),
        "worker": manifest.worker,
        "last": checkpoint(manifest.last),
        "best": checkpoint(manifest.best),
        "reason": manifest.reason,
        "error": manifest.error,
        "traceback": manifest.traceback,
        "measurements": measurements,
    }
    # An epoch that a power cut takes is trained again; the end of a trial is not.
    write_json(folder / MANIFEST, content, durable=manifest.reason is not None)


class AttemptWriter:
    """The one writer of an attempt's folder.

    Args:
        spec: The trial; its folder is made.
        worker: Host and process id.
    """

    def __init__(self, spec: TrialSpec, worker: str) -> None:
        self.folder = Path(spec.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._spec = spec
        self._staged: Path | None = None
        self.manifest = Manifest(
            stage=spec.stage, trial=spec.number, attempt=spec.attempt, seed=spec.seed, config=spec.config, worker=worker
        )

    @property
    def earlier(self) -> tuple[Path, ...]:
        """Folders of the trial's earlier attempts, newest first."""
        return tuple(map(Path, self._spec.earlier))

    def stage(self, state: object) -> None:
        """Write a checkpoint that the next commit will name; an earlier one that was not committed is dropped.

        Raises:
            CheckpointError: The state has something that `weights_only` loading would refuse.
        """
        check_state(state)
        staged = self.folder / ".staged.pt.tmp"
        save_state(state, staged)
        self._staged = staged

    def commit(self, measurement: Measurement, reason: StopReason | None = None) -> None:
        """Commit an epoch's metrics, together with the checkpoint that was staged for it.

        `best` is the best among the epochs that have a checkpoint, for an objective may save only every few epochs.

        Args:
            measurement: The epoch's.
            reason: Why this is the trial's last epoch, if it is; then `last` goes.
        """
        measurements = (*self.manifest.measurements, measurement)
        last, best = self.manifest.last, self.manifest.best
        if self._staged is not None:
            last = Checkpoint(f"epoch-{measurement.epoch:05d}.pt", measurement.epoch)
            self._staged.replace(self.folder / last.file)
            self._staged = None
            best = self._better(last, best, measurements)
        if reason is not None:
            last = None
        self.manifest = replace(self.manifest, measurements=measurements, last=last, best=best, reason=reason)
        _write_manifest(self.folder, self.manifest)
        self._remove_unnamed()

    def _better(self, new: Checkpoint, old: Checkpoint | None, measurements: Sequence[Measurement]) -> Checkpoint:
        if old is None:
            return new
        values = {m.epoch: m.metrics[self._spec.metric] for m in measurements}
        best = self._spec.direction.best([values.get(old.epoch, math.nan), values[new.epoch]])
        return new if best is not None and best[0] == 1 else old

    def finish(self, reason: StopReason, error: str | None = None, trace: str | None = None) -> None:
        """Commit the end of the trial; `last` goes, `best` stays, and so does nothing that was only staged."""
        self.discard_staged()
        ended = replace(self.manifest, reason=reason, error=error, traceback=trace, last=None)
        if ended != self.manifest:  # else the last epoch was committed as such
            self.manifest = ended
            _write_manifest(self.folder, self.manifest)
            self._remove_unnamed()

    def discard_staged(self) -> None:
        """Drop a checkpoint that no measurement followed."""
        if self._staged is not None:
            self._staged.unlink(missing_ok=True)
            self._staged = None

    def resume(self, on_warning: Callable[[str], None]) -> tuple[int, Any] | None:
        """Load the newest readable checkpoint of the earlier attempts and take over what led to it.

        Args:
            on_warning: Told of each checkpoint that can't be read.

        Returns:
            The epoch after which it was taken, and the state; None if there is none.
        """
        for folder in self.earlier:
            for _ in range(_READS):
                manifest = _read_earlier(folder, on_warning)
                found = None if manifest is None else self._newest(folder, manifest, on_warning)
                if found is not None:
                    return found
                # A worker that outlives its driver by seconds may commit meanwhile, and remove what its manifest named.
                if _read_earlier(folder, on_warning) == manifest:
                    break
        return None

    def _newest(self, folder: Path, manifest: Manifest, on_warning: Callable[[str], None]) -> tuple[int, Any] | None:
        """Take over the newest readable checkpoint that an earlier attempt's manifest names."""
        named = {c.epoch: c for c in (manifest.best, manifest.last) if c is not None}
        for epoch in sorted(named, reverse=True):
            own = self.folder / named[epoch].file
            try:
                _link(folder / named[epoch].file, own)  # first, so that nobody can remove it
                state = load_state(own)
            except FileNotFoundError:
                if _read_earlier(folder, on_warning) != manifest:
                    return None
                on_warning(f"{folder / named[epoch].file}: is missing; going on from an earlier one")
                continue
            except CheckpointError as error:
                own.unlink(missing_ok=True)
                on_warning(f"{error}; going on from an earlier one")
                continue
            self._take_over(folder, manifest, epoch)
            return epoch, state
        return None

    def adopt(self, up_to_epoch: int, on_warning: Callable[[str], None]) -> int:
        """Take over measurements of an earlier attempt, for a command that goes on from files of its own.

        They come from the newest attempt that got as far as `up_to_epoch`, else from the one that got furthest.

        Args:
            up_to_epoch: The last epoch to take over.
            on_warning: Told of each manifest that can't be read.

        Returns:
            How many were taken over.
        """
        manifests = (_read_earlier(folder, on_warning) for folder in self.earlier)
        found = [
            tuple(m for m in manifest.measurements if m.epoch <= up_to_epoch) for manifest in manifests if manifest
        ]
        # max keeps the first of equals, and the newest comes first.
        taken = max(found, key=lambda measurements: measurements[-1].epoch if measurements else 0, default=())
        self.manifest = replace(self.manifest, measurements=taken)
        return len(taken)

    def _take_over(self, folder: Path, earlier: Manifest, epoch: int) -> None:
        best = earlier.best if earlier.best is not None and earlier.best.epoch <= epoch else None
        if best is not None and best.epoch != epoch:
            try:
                _link(folder / best.file, self.folder / best.file)
            except FileNotFoundError:
                best = None
        self.manifest = replace(
            self.manifest,
            measurements=tuple(m for m in earlier.measurements if m.epoch <= epoch),
            last=Checkpoint(f"epoch-{epoch:05d}.pt", epoch),
            best=best,
        )

    def _remove_unnamed(self) -> None:
        named = {c.file for c in (self.manifest.last, self.manifest.best) if c is not None}
        for path in self.folder.glob("epoch-*.pt"):
            if path.name not in named:
                path.unlink(missing_ok=True)


def _read_earlier(folder: Path, on_warning: Callable[[str], None]) -> Manifest | None:
    try:
        return read_manifest(folder)
    except CheckpointError as error:
        on_warning(f"{error}; going on from an earlier attempt")
        return None


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)  # same file system: no copy
    except OSError:
        with atomic_write(target) as out, source.open("rb") as file:
            shutil.copyfileobj(file, out)
