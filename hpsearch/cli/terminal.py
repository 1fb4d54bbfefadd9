"""What commands print to: how wide it is, and what it can show."""

from __future__ import annotations

import os
import shutil

from rich.console import Console

_FEWEST_COLUMNS = 20  # with fewer nothing could be read
_DUMB = "dumb"


class Terminal(Console):
    """Standard output, or standard error; no text is taken for markup.

    Args:
        stderr: Whether it is standard error.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        environment = dict(os.environ)
        if not environment.get("TERM") and not environment.get("FORCE_COLOR"):
            environment["TERM"] = _DUMB  # nobody knows what it can do; Rich would send it colours
        if not environment.get("COLUMNS", "").strip("0"):
            environment.pop("COLUMNS", None)
        super().__init__(stderr=stderr, markup=False, highlight=False, emoji=False, _environ=environment)
        if self.is_dumb_terminal:  # Rich takes each of them for 80 columns wide
            self.size = shutil.get_terminal_size()
        if (missing := _FEWEST_COLUMNS - self.width) > 0:
            self.width += missing  # for good; any other width follows the terminal's
