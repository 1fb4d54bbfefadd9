"""Writes the output of commands into README.md, results.md and export.md: `python docs/make_results.py`, in a minute.

It runs the study of spaces/cnn.yaml. Each line `$ COMMAND` in a `console` block of these pages gets its output below.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from itertools import dropwhile, takewhile
from pathlib import Path

from make_start import Walk, folded, shortened

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "results.md", ROOT / "docs" / "export.md")
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FIRST, _LAST = 5, 5  # lines of the progress
# The training repo's file that the page on exports changes.
_CONFIG = """\
# our training config
data: digits
model:
  lr: 0.001      # tuned by hand
  batch_size: 64
"""


class Results(Walk):
    """A folder with the space file, for the commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "spaces", folder / "spaces")
        (folder / "train_config.yaml").write_text(_CONFIG, encoding="utf-8")

    def block(self, text: str) -> str:
        """Return a block's commands, each with its output now."""
        lines = []
        for command in re.findall(r"^\$ (.+)$", text, re.MULTILINE):
            printed = self.run(command)
            if command.startswith("hpsearch run "):
                printed = [*shortened(printed, _FIRST, _LAST), *overview(printed)]
            lines += [f"$ {command}", *(part for line in printed for part in folded(line) or [""])]
        return "\n".join(lines) + "\n"


def overview(printed: list[str]) -> list[str]:
    """Return the beginning of the last summary of `run`: the work done, and the best trial."""
    summary = dropwhile(lambda line: not line.startswith("Study "), printed)
    return list(takewhile(bool, summary))


def main() -> None:
    """Write all pages; the command on the first one makes the study."""
    with tempfile.TemporaryDirectory() as folder:
        results = Results(Path(folder).resolve() / "repo")
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            page.write_text(_BLOCK.sub(lambda m: f"```console\n{results.block(m[1])}```", text), encoding="utf-8")


if __name__ == "__main__":
    main()
