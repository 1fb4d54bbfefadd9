"""The command that makes a space file of another tool's search space: `import`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.target import STDOUT, check_target, write_target
from hpsearch.text import counted

if TYPE_CHECKING:
    from hpsearch.drafting.from_tuners import ImportPlan


class SourceName(StrEnum):
    """Whose search space it is."""

    WANDB = "wandb"
    NNI = "nni"
    RAY = "ray"


def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A W&B sweep in YAML, an NNI search_space.json, or module:name of a Ray Tune param_space, "
            "which is imported.",
        ),
    ],
    *,
    to: Annotated[
        Path, typer.Option("--to", metavar="FILE", help="The new file; - prints, as it does by default.")
    ] = STDOUT,
    format_: Annotated[
        SourceName | None, typer.Option("--format", help="What FILE is; by its content if not given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the new file if it is there already.")] = False,
) -> None:
    """Make a space file of another tool's search space."""
    from hpsearch.drafting.from_tuners import plan_import

    if to != STDOUT:
        check_target(to, force=force, allowed="--to with a new file, --force, or --to -")
    plan = plan_import(source, None if format_ is None else format_.value)
    if to == STDOUT:
        typer.echo(plan.text.encode(), nl=False)
    else:
        write_target(to, plan.text)
    _summarise(plan, to)


def _summarise(plan: ImportPlan, to: Path) -> None:
    written = "" if to == STDOUT else f"{to} is written; "
    found = f"{counted(len(plan.searched), 'parameter')} to search: {', '.join(plan.searched)}"
    typer.echo(f"{written}{found}", err=True)
    if plan.constants:
        typer.echo(f"constants: {', '.join(plan.constants)}", err=True)
    for note in plan.notes:
        typer.echo(f"not carried over as it was: {note}", err=True)
    for check in plan.checks:
        typer.echo(f"set this: {check}", err=True)
    if to != STDOUT:
        typer.echo(f"next: hpsearch run {to} --smoke", err=True)
