"""The versions of Python and of the libraries that a study runs with."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

_LIBRARIES = ("hpsearch", "optuna", "torch", "torchvision", "ray", "numpy")


def versions() -> Mapping[str, str]:
    """Return the versions of Python and of the installed libraries, by name."""
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found
