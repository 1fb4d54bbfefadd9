"""The command that writes a first space file: `init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.target import STDOUT, check_target, write_target
from hpsearch.errors import InputError
from hpsearch.text import counted

if TYPE_CHECKING:
    from hpsearch.drafting.from_script import SpacePlan


def init(
    source: Annotated[
        Path,
        typer.Argument(metavar="SCRIPT", help="A script with argparse options or Hydra, or a config; it is not run."),
    ],
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FILE", help="The new file; SCRIPT's name with .hpsearch.yaml here by default; - prints."
        ),
    ] = None,
    script: Annotated[
        Path | None, typer.Option("--script", metavar="FILE", help="The script that reads the config.")
    ] = None,
) -> None:
    """Write a first space file for a training script."""
    from hpsearch.drafting.from_script import plan_space

    target = to or Path(f"{source.stem}.hpsearch.yaml")
    if target != STDOUT:
        check_target(target)
    if script is not None and not _is_file(script):
        raise InputError(f"--script {script}: not found; allowed: a Python script that is there")
    plan = plan_space(source, folder=Path() if target == STDOUT else target.parent, script=script)
    if target == STDOUT:
        typer.echo(plan.text.encode(), nl=False)
    else:
        write_target(target, plan.text)
    _summarise(plan, target)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


def _summarise(plan: SpacePlan, target: Path) -> None:
    written = "" if target == STDOUT else f"{target} is written; "
    found = f"{counted(len(plan.searched), 'parameter')} to search: {', '.join(plan.searched)}"
    typer.echo(f"{written}{found}", err=True)
    if plan.constants:
        typer.echo(f"constants: {', '.join(plan.constants)}", err=True)
    for check in plan.checks:
        typer.echo(f"check: {check}", err=True)
    if target != STDOUT:
        typer.echo(f"next: hpsearch run {target} --smoke", err=True)
