"""The new file of `init` and `import`: a check of its path, then writing it and saying what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hpsearch.errors import InputError
from hpsearch.system.files import STDOUT, atomic_write, unwritable
from hpsearch.text import counted

if TYPE_CHECKING:
    from hpsearch.drafting.drafted_file import DraftedFile


def check_target(target: Path, *, force: bool = False, allowed: str = "--to with a new file, or --to -") -> None:
    """Refuse a target before any work is done. Standard output is always accepted.

    Args:
        force: Whether an existing file may be replaced.
        allowed: What the command offers instead, for the message.

    Raises:
        InputError: The file exists, or its folder does not.
    """
    if target == STDOUT:
        return
    try:
        if target.is_dir() or (not force and (target.exists() or target.is_symlink())):
            raise InputError(f"{target}: is there already, and stays as it is; allowed: {allowed}")
        if not target.parent.is_dir():
            raise InputError(
                f"--to {target}: there is no folder {target.parent}; allowed: a file in an existing folder"
            )
    except OSError as error:  # the name is too long, or the folder may not be entered
        raise InputError(f"--to {target}: can't be looked at: {error.strerror}; allowed: {allowed}") from None


def deliver(file: DraftedFile, target: Path, *, check: str = "", note: str = "") -> None:
    """Write or print a space file. Say on standard error what it holds, what to do next, and what was guessed.

    Args:
        target: The new file, which is written whole or not at all, or standard output.
        check: The first words of the line for each check; empty to end with a list of checks and guesses.
        note: The first words of the line for each note.

    Raises:
        InputError: The file can't be written.
    """
    if target == STDOUT:
        typer.echo(file.text.encode(), nl=False)
    else:
        _write(target, file.text)
    written = "" if target == STDOUT else f"{target} is written; "
    lines = [f"{written}{counted(len(file.searched), 'parameter')} to search: {', '.join(file.searched)}"]
    lines += [f"constants: {', '.join(file.constants)}"] if file.constants else []
    lines += [f"{note}: {text}" for text in file.notes]
    lines += [f"{check}: {text}" for text in file.checks] if check else []
    lines += [] if target == STDOUT else [f"next: hpsearch run {target} --smoke"]
    guesses = (*(() if check else file.checks), *file.unsure)
    lines += ["not sure of:", *(f"  - {text}" for text in guesses)] if guesses else []
    for line in lines:
        typer.echo(line, err=True)


def _write(target: Path, text: str) -> None:
    try:
        with atomic_write(target) as file:
            file.write(text.encode())
    except OSError as error:
        raise unwritable(target, error) from None
