"""The CPU time of a command. Bytecode is kept after the first call, as for an installed package."""

from __future__ import annotations

import atexit
import functools
import os
import resource
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path


def cpu_s(command: Sequence[str | Path], folder: Path) -> float:
    """Return the CPU seconds, user and system, of a command and its children.

    Args:
        command: With its arguments.
        folder: Its working directory.

    Raises:
        SystemExit: The command failed; with its error.
    """
    before = _children_s()
    ran(command, folder)
    return _children_s() - before


def ran(command: Sequence[str | Path], folder: Path) -> str:
    """Return a command's output.

    Raises:
        SystemExit: The command failed; with its error.
    """
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    variables["PYTHONPYCACHEPREFIX"] = _bytecode()
    words = [*map(str, command)]
    ended = subprocess.run(words, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {ended.returncode}\n{ended.stderr[-2000:]}")
    return ended.stdout


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@functools.cache
def _bytecode() -> str:
    """Return a folder for bytecode, which is removed at the end."""
    folder = tempfile.TemporaryDirectory(prefix="bytecode-")
    atexit.register(folder.cleanup)
    return folder.name
