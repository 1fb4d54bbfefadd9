"""The commands that deal with the training repo: `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli_options import FormatName, StorageOption, StudiesOption, StudyArgument
from hpsearch.errors import InputError


def export(
    study: StudyArgument,
    *,
    to: Annotated[
        Path, typer.Option("--to", metavar="PATH", help="The file: a new one, or with --key an existing one.")
    ],
    format_: Annotated[
        FormatName | None, typer.Option("--format", help="yaml or json; by the file's suffix if not given.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="A.B", help="Merge into this mapping of an existing file; the rest stays as it is."
        ),
    ] = None,
    studies: StudiesOption = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Write the best config into a training repo."""
    from hpsearch import api
    from hpsearch.export import write_config

    loaded = api.load_study(study, studies=studies, storage=storage)
    best = loaded.best
    if best is None:
        raise InputError(f"study {loaded.name}: no trial has a value yet, so there is no best config to export")
    write_config(
        best.config,
        to,
        format=None if format_ is None else format_.value,
        key=key,
        provenance=api.provenance(loaded, best),
    )
    typer.echo(f"trial {best.trial} of study {loaded.name} written to {to}" + (f" under {key}" if key else ""))
