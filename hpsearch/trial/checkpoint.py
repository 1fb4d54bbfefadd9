"""Checkpoint files: only data goes in, and only data comes out (`weights_only`)."""

from __future__ import annotations

import errno
import io
import os
import shutil
import traceback
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hpsearch.errors import CheckpointError

_FULL_BYTES = 64 * 1024


def save_state(state: object, path: Path) -> None:
    """Write a checkpoint, synced; nothing stays of one that can't be written.

    Raises:
        OSError: With ENOSPC if the disk is full, which torch itself does not say.
    """
    import torch

    try:
        with path.open("wb") as file, _with_checksums():
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        # torch says "unexpected pos" when its file can't take more.
        full = isinstance(error, RuntimeError) and shutil.disk_usage(path.parent).free < _FULL_BYTES
        path.unlink(missing_ok=True)
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


@contextmanager
def _with_checksums() -> Iterator[None]:
    """Let torch write checksums, whatever the objective has set."""
    import torch

    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(compute_crc32=True)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)


def load_state(path: Path) -> Any:
    """Return a checkpoint's state, with its tensors on the CPU.

    Raises:
        CheckpointError: It is missing, damaged, or holds more than data.
        MemoryError: There is no room for it; the checkpoint may be as good as new.
    """
    import torch

    try:
        _check_whole(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:
        reason = traceback.format_exception_only(error)[-1].strip().splitlines()[0]
        msg = f"{path}: can't be read as a checkpoint: {reason}"
        raise CheckpointError(msg) from error


def _check_whole(path: Path) -> None:
    """Compare the checksums that torch writes and does not read: a flipped bit would be a weight like any other.

    Raises:
        zipfile.BadZipFile: Part of it is not what was written.
        Exception: It is no archive at all.
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")


def check_state(state: object, name: str = "checkpoint") -> None:
    """Refuse what `weights_only` loading couldn't read back.

    Raises:
        CheckpointError: It names the key of the culprit and what to do.
    """
    if state is None or type(state) in (bool, int, float, str, bytes):
        return
    if isinstance(state, (list, tuple)) and type(state) in (list, tuple):
        for position, item in enumerate(state):
            check_state(item, f"{name}[{position}]")
    elif isinstance(state, dict) and type(state) in (dict, OrderedDict):
        for key, item in state.items():
            check_state(key, f"{name} key {key!r}")
            check_state(item, f"{name}[{key!r}]")
    elif not _reads_back(state):
        kind = f"{type(state).__module__}.{type(state).__qualname__}"
        advice = " (for NumPy: .item(), .tolist() or torch.from_numpy)" if kind.startswith("numpy") else ""
        msg = (
            f"{name} is a {kind}, which can't be read back safely; save tensors, numbers, text, lists and dicts{advice}"
        )
        raise CheckpointError(msg)


def _reads_back(value: object) -> bool:
    """Whether a value that is no plain container survives saving and `weights_only` loading."""
    import torch

    if type(value) in (torch.Tensor, torch.nn.Parameter):
        return True
    buffer = io.BytesIO()
    with suppress(Exception):
        torch.save(value, buffer)
        buffer.seek(0)
        torch.load(buffer, weights_only=True)
        return True
    return False
