"""Where copied code runs: from paths in a repository to paths in its copy."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study's code runs.

    Attributes:
        top: Absolute path of the repository that was copied; None if nothing was copied.
        copy: Absolute path of the copy.
    """

    top: Path | None
    copy: Path

    def of(self, path: str) -> str:
        """Return the path in the copy for a path in the repository; return any other path as it is."""
        if self.top is None:
            return path
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link out of a virtual environment
        if absolute != self.top and self.top not in absolute.parents:
            return path
        moved = self.copy / absolute.relative_to(self.top)
        return str(moved) if moved.exists() and not moved.is_symlink() else path
