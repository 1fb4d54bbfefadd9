"""Where code runs from that was copied: from paths in a repository to those in its copy."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study's code runs.

    Attributes:
        top: Absolute path of the repository that was copied; None if the code runs where it lies.
        copy: Absolute path of the copy.
    """

    top: Path | None
    copy: Path

    def of(self, path: str) -> str:
        """Return the path in the copy for one in the repository; any other one as it is."""
        if self.top is None:
            return path
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would leave a virtual environment by its link
        if absolute != self.top and self.top not in absolute.parents:
            return path
        moved = self.copy / absolute.relative_to(self.top)
        return str(moved) if moved.exists() and not moved.is_symlink() else path
