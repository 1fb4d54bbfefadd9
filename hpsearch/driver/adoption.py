"""What earlier attempts of a trial have committed, in their manifests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hpsearch.driver.session import Session
from hpsearch.errors import CheckpointError
from hpsearch.trial.events import Notice
from hpsearch.trial.folder import attempt_folder, read_manifest
from hpsearch.trial.manifest import Manifest
from hpsearch.trial.trial import TrialRecord

_FRUITLESS = 3  # attempts at the same epoch: kills by chance rarely come so


def folders(session: Session, record: TrialRecord, newest: int) -> Iterator[Path]:
    """Yield the folders of a trial's attempts, newest first.

    Args:
        newest: The attempt to begin with.
    """
    for attempt in range(newest, 0, -1):
        yield attempt_folder(session.study.folder, record.stage, record.number, attempt)


def newest_manifest(session: Session, record: TrialRecord) -> Manifest | None:
    """Return the manifest of the newest attempt that has one; a damaged one is told."""
    for folder in folders(session, record, record.attempt):
        try:
            manifest = read_manifest(folder)
        except CheckpointError as error:
            session.publish(Notice(message=f"{error}; going on from an earlier attempt"))
            continue
        if manifest is not None:
            return manifest
    return None


def warn_if_fruitless(session: Session, record: TrialRecord) -> None:
    """Tell of a trial whose attempts all end at the same epoch: it may be the one that ends its process."""
    furthest = attempts = 0
    for folder in reversed(list(folders(session, record, record.attempt))):
        if not folder.is_dir():
            continue  # it was sent out, and never began
        with suppress(CheckpointError):
            manifest = read_manifest(folder)
            epoch = manifest.measurements[-1].epoch if manifest is not None and manifest.measurements else 0
            furthest, attempts = (epoch, 1) if epoch > furthest else (furthest, attempts + 1)
    if attempts >= _FRUITLESS:
        what = f"trial {record.number}: its last {attempts} attempts all ended after epoch {furthest} in silence"
        how = "if it ends the process that it runs in, --executor ray gives it up after some retries, and goes on"
        session.publish(Notice(message=f"{what}; {how}"))
