"""New files that commands write: `init` and `import`."""

from __future__ import annotations

from pathlib import Path

from hpsearch.errors import InputError

STDOUT = Path("-")


def check_target(target: Path, *, force: bool = False, allowed: str = "--to with a new file, or --to -") -> None:
    """Refuse a target before any work is done.

    Args:
        force: Whether a file that is there may be replaced.
        allowed: What the command offers in its place, for the message.

    Raises:
        InputError: It is there already, or its folder is not.
    """
    try:
        if target.is_dir() or (not force and (target.exists() or target.is_symlink())):
            raise InputError(f"{target}: is there already, and stays as it is; allowed: {allowed}")
        if not target.parent.is_dir():
            raise InputError(
                f"--to {target}: there is no folder {target.parent}; allowed: a file in a folder that is there"
            )
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise InputError(f"--to {target}: can't be looked at: {error.strerror}; allowed: {allowed}") from None


def write_target(target: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        InputError: It can't be written.
    """
    from hpsearch.system.files import atomic_write

    try:
        with atomic_write(target) as file:
            file.write(text.encode())
    except OSError as error:
        raise InputError(f"{target}: can't be written: {error.strerror or error}") from None
