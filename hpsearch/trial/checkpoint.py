"""Checkpoint files: only data goes in, and only data comes out (`weights_only`)."""

from __future__ import annotations

import errno
import io
import os
import traceback
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hpsearch.errors import CheckpointError
from hpsearch.system.disk import is_full


def save_state(state: object, path: Path) -> None:
    """Write a checkpoint; `sync` makes it durable. If it can't be written, nothing of it is left.

    Raises:
        OSError: With ENOSPC if the disk is full. torch alone does not say so.
    """
    import torch

    try:
        with path.open("wb") as file, _with_checksums():
            torch.save(state, file)
    except BaseException as error:
        # On a full disk torch says "unexpected pos".
        full = isinstance(error, RuntimeError) and is_full(path.parent)
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
        CheckpointError: It is missing or damaged, or holds more than data.
        MemoryError: There is too little memory; nothing may be wrong with the checkpoint.
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
    """Compare the checksums, which torch writes but does not read: a flipped bit would go unseen in a weight.

    Raises:
        zipfile.BadZipFile: Part of it has changed since it was written.
        Exception: It is not an archive.
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")


def check_state(state: object, name: str = "checkpoint") -> None:
    """Refuse what `weights_only` loading could not read back.

    Raises:
        CheckpointError: It names the key that is wrong, and says what to do.
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
    """Return whether a value that is no plain container survives saving and `weights_only` loading."""
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
