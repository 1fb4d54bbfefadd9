"""Where Python looks for the user's modules."""

from __future__ import annotations

import sys


def look_first_in(*folders: str | None) -> None:
    """Let imports look into these folders first, in this order; None is skipped."""
    first = dict.fromkeys(folder for folder in folders if folder is not None)
    sys.path[:] = [*first, *(entry for entry in sys.path if entry not in first)]
