"""The command `init`: it writes a first space file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.target import check_target, deliver
from hpsearch.errors import InputError
from hpsearch.system.files import STDOUT


def init(
    source: Annotated[
        Path,
        typer.Argument(metavar="SCRIPT", help="A script with options or Hydra, or a config. It is not run."),
    ],
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="FILE",
            help="The new file, by default SCRIPT's name with .hpsearch.yaml, in this folder; - prints it.",
        ),
    ] = None,
    script: Annotated[
        Path | None, typer.Option("--script", metavar="FILE", help="The script that reads the config.")
    ] = None,
    try_: Annotated[
        bool,
        typer.Option(
            "--try",
            help="Then run one trial of 2 epochs in a temporary directory, and say which lines were measurements. The "
            "exit code is 1 if none was.",
        ),
    ] = False,
) -> None:
    """Write a first space file for a training script."""
    from hpsearch.drafting.from_script import plan_space

    target = to or Path(f"{source.stem}.hpsearch.yaml")
    check_target(target)
    if script is not None and not _is_file(script):
        raise InputError(f"--script {script}: not found; allowed: an existing Python script")
    folder = Path() if target == STDOUT else target.parent
    deliver(plan_space(source, folder=folder, script=script), target)
    if try_ and not _tried(source, target, script):
        raise typer.Exit(1)


def _tried(source: Path, target: Path, script: Path | None) -> bool:
    """Run one short trial of the new file, or of one that was only printed; return whether it measured anything."""
    from hpsearch.cli.trying import try_drafted
    from hpsearch.drafting.from_script import plan_space

    if target != STDOUT:
        return try_drafted(target, str(target))
    with tempfile.TemporaryDirectory(prefix="hpsearch-try-") as place:
        file = Path(place) / f"{source.stem}.yaml"
        file.write_text(plan_space(source, folder=file.parent, script=script).text)
        return try_drafted(file, "the space file")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long, or the folder may not be entered
        return False
