"""Writes cli.md from the help of every command: `python docs/make_cli_reference.py`. A test fails if it is stale."""

from __future__ import annotations

from pathlib import Path

import typer
from typer.testing import CliRunner

from hpsearch.cli.app import app

TARGET = Path(__file__).with_name("cli.md")
_COLUMNS = 80
_HEAD = """\
# The command line

[make_cli_reference.py](make_cli_reference.py) has made this page from `--help`.
[running.md](running.md) says how to use the commands.
"""


def reference() -> str:
    """Return the page: the help of `hpsearch`, and of each command in the same order.

    Raises:
        RuntimeError: A command's help can't be printed.
    """
    names = [command.name for command in typer.main.get_group(app).commands.values()]
    return "\n".join([_HEAD, _section([]), *(_section([name]) for name in names if name)])


def _section(words: list[str]) -> str:
    # A fixed width and no colour: the page is the same from any terminal.
    environment = {"COLUMNS": str(_COLUMNS), "NO_COLOR": "1", "FORCE_COLOR": None}
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="hpsearch", env=environment)
    if result.exit_code != 0:
        raise RuntimeError(f"hpsearch {' '.join(words)} --help ended with code {result.exit_code}")
    text = "\n".join(line.rstrip() for line in result.output.strip().splitlines())
    return f"## {' '.join(['hpsearch', *words])}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
