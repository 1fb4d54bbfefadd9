"""The commands that deal with the training repo: `export`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.options import FormatName, MapOption, StorageOption, StudiesOption, StudyArgument, places
from hpsearch.errors import InputError
from hpsearch.system.files import STDOUT

if TYPE_CHECKING:
    from hpsearch.export.write import Export
    from hpsearch.study.outcome import Best
    from hpsearch.study.study import Study


def export(
    study: StudyArgument,
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="PATH",
            help="The file: a new one, or with --key an existing one; - prints. The space file's export.to by default.",
        ),
    ] = None,
    format_: Annotated[
        FormatName | None, typer.Option("--format", help="What to write; by the file's suffix if not given.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="A.B", help="Merge into this mapping of an existing file; the rest stays as it is."
        ),
    ] = None,
    map_: MapOption = None,
    trial: Annotated[
        int | None, typer.Option("--trial", min=0, metavar="N", help="This search trial's config, not the best one's.")
    ] = None,
    ensemble: Annotated[
        bool,
        typer.Option("--ensemble", help="The ensemble: a new folder with the members' checkpoints and weights."),
    ] = False,
    branch: Annotated[
        str | None,
        typer.Option(
            "--branch",
            metavar="NAME",
            help="Commit it on a new branch of the file's git repository; files and current branch stay as they are.",
        ),
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Print what changes.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    studies: StudiesOption = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Write the best config into a training repo."""
    from hpsearch import api
    from hpsearch.export.provenance import commit_message

    loaded = api.load_study(study, studies=studies, storage=storage)
    if ensemble:
        others = {"--format": format_, "--key": key, "--map": map_, "--trial": trial, "--branch": branch}
        _write_ensemble(loaded, to, [name for name, value in others.items() if value is not None], dry_run=dry_run)
        return
    best = _chosen(loaded, trial)
    kind = None if format_ is None else format_.value
    plan = _plan(loaded, best, to, kind, key, map_ or (), to_commit=branch is not None)
    if plan.path == STDOUT and branch is not None:
        raise InputError(f"--branch {branch}: --to - prints; allowed: a file in a git repository")
    if plan.path == STDOUT:
        typer.echo(plan.after, nl=False)
        return
    if diff:
        typer.echo(plan.diff(), nl=False)
    what, where = f"trial {best.trial} of study {loaded.name}", _shown(plan, to, key, loaded)
    if branch is not None:
        message = commit_message(loaded, best)
        done = "would be committed" if dry_run else f"committed as {plan.commit(branch, message)}"
        typer.echo(f"{what} {done} on the new branch {branch}, in {where}")
        return
    if not dry_run:
        plan.write()
    done = "would be written" if dry_run else "written" if plan.changes else "is there already; nothing changed"
    typer.echo(f"{what} {done} {'in' if not plan.changes and not dry_run else 'to'} {where}")


def _write_ensemble(study: Study, to: Path | None, others: Sequence[str], *, dry_run: bool) -> None:
    from hpsearch.export.bundle import check_bundle, write_bundle

    if others:
        raise InputError(f"--ensemble: {others[0]} does not go with it; allowed: --to FOLDER")
    if to is None:
        raise InputError("--ensemble: where to is not known; allowed: --to FOLDER, which is not there yet")
    ensemble = check_bundle(study, to)
    if not dry_run:
        write_bundle(study, to)
    done = "would be written" if dry_run else "written"
    typer.echo(f"the ensemble of study {study.name}, {len(ensemble.members)} members, {done} to {to}")


def _chosen(study: Study, trial: int | None) -> Best:

    if trial is not None:
        found = study.best_of_trial(trial)
        if found is None:
            raise InputError(f"--trial {trial}: it has no value; allowed: one that has")
        return found
    best = study.best
    if best is None:
        raise InputError(f"study {study.name}: no trial has a value yet, so there is no best config to export")
    return best


def _plan(
    study: Study,
    best: Best,
    to: Path | None,
    format_: str | None,
    key: str | None,
    maps: Sequence[str],
    *,
    to_commit: bool,
) -> Export:
    """Return what the options, and where they are silent the space file, say."""
    from hpsearch.export import plan_export
    from hpsearch.export.formats import FORMATS
    from hpsearch.export.frozen import trial_content
    from hpsearch.export.provenance import provenance
    from hpsearch.trial.trial import Stage

    default = study.config.export
    if to is None and default is None:
        raise InputError(f"study {study.name}: its space file has no export; allowed: --to PATH")
    target = to if to is not None or default is None else Path(default.to)
    names = {} if default is None else dict(default.map)
    if to is None and default is not None:
        key, format_ = key or default.key, format_ or default.format
    names |= places(maps)
    kind = next((one for one in FORMATS if one == format_), None)
    explored = study.explored_space
    record = next(one for one in study.store.records(Stage.SEARCH) if one.number == best.trial)
    return plan_export(
        best.config,
        target or Path(),
        format=kind,
        key=key,
        names=names,
        provenance=provenance(study, best),
        trial=trial_content(record, study.config, explored) if kind == "optuna" else None,
        to_commit=to_commit,
    )


def _shown(plan: Export, to: Path | None, key: str | None, study: Study) -> str:
    default = study.config.export
    key = key if to is not None or default is None else key or default.key
    return f"{to or plan.path}" + (f" under {key}" if key else "")
