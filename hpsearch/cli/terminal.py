"""Where commands print: how wide it is, and what it can show."""

from __future__ import annotations

import os
import shutil

from rich.console import Console

_FEWEST_COLUMNS = 20  # with fewer nothing could be read
_DUMB = "dumb"


class Terminal(Console):
    """Standard output or standard error. Brackets in a text are no markup.

    Args:
        stderr: Whether it is standard error.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        environment = dict(os.environ)
        if not environment.get("TERM") and not environment.get("FORCE_COLOR"):
            environment["TERM"] = _DUMB  # Rich would send colours to a terminal that may not know them
        if not environment.get("COLUMNS", "").strip("0"):
            environment.pop("COLUMNS", None)
        super().__init__(stderr=stderr, markup=False, highlight=False, emoji=False, _environ=environment)
        if self.is_dumb_terminal:  # for which Rich assumes 80 columns
            self.size = shutil.get_terminal_size()
        if (missing := _FEWEST_COLUMNS - self.width) > 0:
            self.width += missing  # only where needed: a fixed width no longer follows the terminal
