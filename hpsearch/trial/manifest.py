"""What an attempt has committed, as a value and as the content of a file."""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpsearch.trial.trial import Config, Measurement, Stage, StopReason

FORMAT = 2  # format 1 had no checksum
CHECKPOINTS = "epoch-*.pt"
_CHECKSUM = b', "crc32": '  # the last key; it covers the bytes before it


def checkpoint_name(epoch: int) -> str:
    """Return the name of the file with an epoch's checkpoint."""
    return f"epoch-{epoch:05d}.pt"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint: its file name in its folder, and the epoch after which it was saved.

    Attributes:
        random: The state of the random generators then, as JSON types; None if no trial goes on from it.
    """

    file: str
    epoch: int
    random: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse any other name: this file is removed once it is no longer needed."""
        if not re.fullmatch(r"epoch-\d{5,}\.pt", self.file):
            raise ValueError(f"{self.file!r} is no checkpoint's name")


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What an attempt has committed.

    Attributes:
        measurements: Those of all epochs, also of the earlier attempts that it went on from.
        last: The newest checkpoint; None after the end of the trial.
        best: The checkpoint with the best metric.
        reason: Why the trial ended; None while it runs.
        why: The words of the rule that ended it; empty if none did.
    """

    stage: Stage
    trial: int
    attempt: int
    seed: int
    config: Config
    worker: str
    measurements: tuple[Measurement, ...] = ()
    last: Checkpoint | None = None
    best: Checkpoint | None = None
    reason: StopReason | None = None
    why: str = ""
    error: str | None = None
    traceback: str | None = None


def decode(content: bytes) -> Manifest:
    """Return the manifest in the content of a file.

    Raises:
        ValueError: There is none, or it is damaged.
    """
    try:
        raw = json.loads(content)
        _check(content, raw["format"])
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
            why=raw.get("why", ""),
            error=raw["error"],
            traceback=raw["traceback"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None


def _check(content: bytes, manifest_format: int) -> None:
    """Compare a manifest's checksum: after a flip of a bit it may still be well-formed.

    Raises:
        ValueError: It is wrong or missing.
    """
    if manifest_format == 1:
        return
    body, _, checksum = content.rpartition(_CHECKSUM)
    if checksum != b"%d}\n" % zlib.crc32(body + b"}"):
        msg = "its checksum is wrong"
        raise ValueError(msg)


def _read_measurement(raw: Mapping[str, Any]) -> Measurement:
    # JSON has no infinity: it is the text `inf` or `-inf`, and was null before, as NaN is.
    metrics = {name: math.nan if value is None else float(value) for name, value in raw["metrics"].items()}
    return Measurement(epoch=int(raw["epoch"]), metrics=metrics, seconds=float(raw["seconds"]))


def _jsonable(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def encode(manifest: Manifest) -> bytes:
    """Return the content of a manifest's file."""

    def checkpoint(value: Checkpoint | None) -> dict[str, Any] | None:
        if value is None:
            return None
        random = {} if value.random is None else {"random": dict(value.random)}
        return {"file": value.file, "epoch": value.epoch, **random}

    measurements = [
        {
            "epoch": m.epoch,
            "seconds": m.seconds,
            "metrics": {name: _jsonable(value) for name, value in m.metrics.items()},
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
        "why": manifest.why,
        "error": manifest.error,
        "traceback": manifest.traceback,
        "measurements": measurements,
    }
    body = json.dumps(content, allow_nan=False).encode()
    return body[:-1] + _CHECKSUM + b"%d}\n" % zlib.crc32(body)
