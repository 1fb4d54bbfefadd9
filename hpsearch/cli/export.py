"""The command `export`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.grouped import grouped
from hpsearch.cli.options import FormatName, MapOption, OnlyOption, PlaceOptions, StudyArgument, places
from hpsearch.errors import InputError, NoPlaceError, printable
from hpsearch.system.files import STDOUT

if TYPE_CHECKING:
    from hpsearch.config.config import ExportFormat
    from hpsearch.export.place import Place
    from hpsearch.export.write import Export
    from hpsearch.study.outcome import Best
    from hpsearch.study.study import Study

_EXIT_NO_PLACE = 2


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What is written, and where to. The space file's `export` has defaults."""

    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="PATH",
            help="The file: a new one, or with --key or --map an existing one; - prints. By default the space file's "
            "export.to.",
        ),
    ] = None
    format_: Annotated[
        FormatName | None, typer.Option("--format", help="The format; by default the one of the file's suffix.")
    ] = None
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="A.B",
            help="Merge into this mapping of an existing file; the rest stays as it is. It also gets the names that it "
            "does not have yet.",
        ),
    ] = None
    map_: MapOption = None
    only: OnlyOption = None
    add: Annotated[
        bool, typer.Option("--add", help="Merge into an existing file, and add the names that it does not have yet.")
    ] = False
    trial: Annotated[
        int | None,
        typer.Option("--trial", min=0, metavar="N", help="Write this search trial's config instead of the best."),
    ] = None
    ensemble: Annotated[
        bool,
        typer.Option("--ensemble", help="Write the ensemble: a new folder with the members' checkpoints and weights."),
    ] = False
    branch: Annotated[
        str | None,
        typer.Option(
            "--branch",
            metavar="NAME",
            help="Commit to a new branch of the file's git repository; your files and branch stay as they are.",
        ),
    ] = None
    diff: Annotated[bool, typer.Option("--diff", help="Print what changes.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False


@grouped
def export(study: StudyArgument, *, asked: ExportOptions, place: PlaceOptions) -> None:
    """Write the best config into a training repo."""
    from hpsearch.study.study import load_study

    loaded = load_study(study, studies=place.studies, storage=place.storage)
    if asked.ensemble:
        _write_ensemble(loaded, asked)
    else:
        try:
            _write_config(loaded, asked)
        except NoPlaceError as error:
            typer.echo("\n  ".join(printable(line) for line in (f"error: {error.head}", *error.lines)), err=True)
            raise typer.Exit(_EXIT_NO_PLACE) from None


def _write_config(study: Study, asked: ExportOptions) -> None:
    from hpsearch.export.provenance import commit_message

    best = _chosen(study, asked.trial)
    plan = _plan(study, best, asked)
    if plan.path == STDOUT:
        if asked.branch is not None:
            raise InputError(f"--branch {asked.branch}: --to - prints; allowed: a file in a git repository")
        typer.echo(plan.after, nl=False)
        return
    if asked.diff:
        typer.echo(plan.diff(), nl=False)
    what, where = f"trial {best.trial} of study {study.name}", _shown(plan, study, asked)
    if asked.branch is not None:
        done = "would be committed"
        if not asked.dry_run:
            done = f"committed as {plan.commit(asked.branch, commit_message(study, best, plan.left_out))}"
        typer.echo(f"{what} {done} on the new branch {asked.branch}, in {where}")
    elif asked.dry_run:
        typer.echo(f"{what} would be written to {where}")
    else:
        plan.write()
        done = "written to" if plan.changes else "is there already; nothing changed in"
        typer.echo(f"{what} {done} {where}")
    for line in _said_too(plan):
        typer.echo(line)


def _said_too(plan: Export) -> list[str]:
    """Return what a look at the file would show: what is new in it, what was computed, and what is not there."""
    replaced = ", ".join(f"{name} (was {text})" for name, text in plan.replaced.items())
    added = ", ".join(
        f"{name} ({plan.alike[name]} is there too)" if name in plan.alike else name for name in plan.added
    )
    said = {"added": added, "no longer computed": replaced, "left out": ", ".join(plan.left_out)}
    return [printable(f"{what}: {names}") for what, names in said.items() if names]


def _write_ensemble(study: Study, asked: ExportOptions) -> None:
    from hpsearch.export.bundle import check_bundle, write_bundle

    options = {
        "--format": asked.format_,
        "--key": asked.key,
        "--map": asked.map_,
        "--only": asked.only,
        "--add": asked.add or None,
        "--trial": asked.trial,
        "--branch": asked.branch,
    }
    if others := [name for name, value in options.items() if value is not None]:
        raise InputError(f"--ensemble: {others[0]} can't be combined with it; allowed: --to FOLDER")
    to = asked.to
    if to is None:
        raise InputError("--ensemble: needs a folder; allowed: --to FOLDER, a new one")
    ensemble = check_bundle(study, to)
    if not asked.dry_run:
        write_bundle(study, to)
    done = "would be written" if asked.dry_run else "written"
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


def _plan(study: Study, best: Best, asked: ExportOptions) -> Export:
    """Return the export that the options ask for; the space file's `export` has defaults."""
    from hpsearch.export import plan_export
    from hpsearch.export.frozen import trial_content
    from hpsearch.export.provenance import provenance
    from hpsearch.trial.trial import Stage

    default, target = study.config.export, asked.to
    if target is None:
        if default is None:
            raise InputError(f"study {study.name}: its space file has no export; allowed: --to PATH")
        target = Path(default.to)
    place = _place(study, best, asked)
    if _is_arguments(place.format, target) and not any(places(asked.map_ or ()).values()):
        place = _with_arguments(place, study, best)
    record = next(one for one in study.store.records(Stage.SEARCH) if one.number == best.trial)
    return plan_export(
        best.config,
        target,
        place,
        provenance=provenance(study, best),
        trial=trial_content(record, study.config, study.explored_space) if place.format == "optuna" else None,
    )


def _place(study: Study, best: Best, asked: ExportOptions) -> Place:
    """Return where the values go, by the options and the space file."""
    from hpsearch.export.formats import FORMATS
    from hpsearch.export.place import Place

    default = study.config.export
    format_ = None if asked.format_ is None else asked.format_.value
    if asked.to is None and default is not None:
        format_ = format_ or default.format
    known = set(study.config.space.names) - set(best.config)  # parameters that this config does not have
    names = {} if default is None else {name: one for name, one in default.map.items() if name not in known}
    only = asked.only or ([] if default is None else [name for name in default.only if name not in known])
    return Place(
        format=next((one for one in FORMATS if one == format_), None),
        key=_key(study, asked),
        names=names | places(asked.map_ or ()),
        only=tuple(only),
        add=asked.add or (asked.to is None and default is not None and default.add),
        to_commit=asked.branch is not None,
    )


def _with_arguments(place: Place, study: Study, best: Best) -> Place:
    """Return a place with the arguments of the study's command, and say which values they lack."""
    from hpsearch.export.arguments import command_arguments
    from hpsearch.export.place import chosen

    names = {name: "" for name, where in place.names.items() if not where}  # the other places are the space file's
    place = replace(place, names=names)
    line = command_arguments(study, best, chosen(best.config, place))
    if line is not None and line.missing:
        how = "in its config file" if line.config_file else "but not as an argument of its script"
        typer.echo(f"not written: {', '.join(line.missing)}, which the command takes {how}", err=True)
    return replace(place, line=line)


def _is_arguments(kind: ExportFormat | None, target: Path) -> bool:
    from hpsearch.export.formats import SUFFIXES

    return (kind or SUFFIXES.get(target.suffix.lower())) == "args"


def _key(study: Study, asked: ExportOptions) -> str | None:
    """Return the mapping to merge into. The space file's key is meant for the space file's target."""
    default = study.config.export
    return asked.key if asked.to is not None or default is None else asked.key or default.key


def _shown(plan: Export, study: Study, asked: ExportOptions) -> str:
    key = _key(study, asked)
    return f"{asked.to or plan.path}" + (f" under {key}" if key else "")
