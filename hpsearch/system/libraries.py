"""Which Python files are nobody's own code: the standard library's, and those of installed packages."""

from __future__ import annotations

import sysconfig
from functools import cache
from pathlib import Path

_INSTALLED = ("site-packages", "dist-packages")


def is_standard(file: str) -> bool:
    """Return whether a file of a traceback is of Python itself."""
    path = Path(file)
    return file.startswith("<frozen ") or (path.is_relative_to(_standard()) and not _is_installed(path))


def is_library(file: str) -> bool:
    """Return whether a file of a traceback is of Python itself or of an installed package."""
    return is_standard(file) or _is_installed(Path(file))


def _is_installed(path: Path) -> bool:
    return any(name in path.parts for name in _INSTALLED)


@cache
def _standard() -> Path:
    return Path(sysconfig.get_path("stdlib"))
