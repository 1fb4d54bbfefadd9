"""What the attempts at a trial have committed, from their manifests."""

from __future__ import annotations

from contextlib import suppress

from hpsearch.driver.session import Session
from hpsearch.errors import CheckpointError
from hpsearch.trial.events import Notice
from hpsearch.trial.folder import attempt_folders, going_on, newest_manifest, read_manifest
from hpsearch.trial.manifest import Manifest
from hpsearch.trial.trial import TrialRecord

_FRUITLESS = 3  # attempts at the same epoch: kills by chance rarely come so


def committed(session: Session, record: TrialRecord) -> Manifest | None:
    """Return the manifest of the newest attempt that has one; a notice names each damaged one."""

    def tell(message: str) -> None:
        session.publish(Notice(message=message))

    return newest_manifest(attempt_folders(session.study.folder, record), going_on(tell))


def warn_if_fruitless(session: Session, record: TrialRecord) -> None:
    """Warn of a trial whose attempts all end after the same epoch: it may end the process that it runs in."""
    furthest = attempts = 0
    for folder in reversed(attempt_folders(session.study.folder, record)):
        if not folder.is_dir():
            continue  # it was sent out, and never began
        with suppress(CheckpointError):
            manifest = read_manifest(folder)
            epoch = manifest.measurements[-1].epoch if manifest is not None and manifest.measurements else 0
            furthest, attempts = (epoch, 1) if epoch > furthest else (furthest, attempts + 1)
    if attempts >= _FRUITLESS:
        what = f"trial {record.number}: its last {attempts} attempts all ended after epoch {furthest} without an error"
        how = "if it ends its own process, --executor ray gives it up after some retries, and goes on with the others"
        session.publish(Notice(message=f"{what}; {how}"))
