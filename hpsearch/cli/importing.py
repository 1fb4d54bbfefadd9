"""The command `import`: it makes a space file from another tool's search space."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.target import check_target, deliver
from hpsearch.system.files import STDOUT


class SourceName(StrEnum):
    """The tool that a search space comes from."""

    WANDB = "wandb"
    NNI = "nni"
    RAY = "ray"


def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A W&B sweep or NNI search space in YAML, JSON or Python, or module:name of a Ray Tune param_space.",
        ),
    ],
    *,
    to: Annotated[
        Path, typer.Option("--to", metavar="FILE", help="The new file; - prints it, which is the default.")
    ] = STDOUT,
    format_: Annotated[
        SourceName | None,
        typer.Option("--format", help="The tool that FILE comes from, by default found by its content."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Make a space file from another tool's search space."""
    from hpsearch.drafting.from_tuners import plan_import

    check_target(to, force=force, allowed="--to with a new file, --force, or --to -")
    file = plan_import(source, None if format_ is None else format_.value)
    deliver(file, to, check="set this", note="not carried over as it was")
