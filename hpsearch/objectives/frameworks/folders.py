"""The files of a folder as part of a checkpoint, for frameworks that write folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from hpsearch.errors import CheckpointError

if TYPE_CHECKING:
    import torch


def packed(folder: Path) -> dict[str, torch.Tensor]:
    """Return the bytes of all files below a folder: uint8 tensors (n_bytes,) by path. Memory has to hold them."""
    import numpy as np
    import torch

    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): torch.from_numpy(np.fromfile(path, np.uint8)) for path in paths}


def unpack(files: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Make a folder, and write the files of `packed` below it.

    Raises:
        CheckpointError: A name leads out of the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            msg = f"the checkpoint has a file {name!r}; allowed: names below its folder"
            raise CheckpointError(msg)
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        content.numpy().tofile(path)
