"""The command line.

Heavy modules are imported by the commands that need them: --help, list and show import none of torch, ray, Optuna and
SQLAlchemy.
"""

from __future__ import annotations

import gc
import io
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hpsearch.cli import export, importing, init, verify
from hpsearch.cli.grouped import grouped
from hpsearch.cli.options import BudgetOption, PlaceOptions, ShippingWorkerOptions, SpaceArgument, StudyArgument
from hpsearch.cli.view import (
    driving,
    print_leaders,
    print_result,
    print_smoke,
    print_summary,
    print_trial,
    write_trials,
)
from hpsearch.errors import HpsearchError, InputError, Interrupted, printable

EXIT_FAILED, EXIT_INPUT, EXIT_SIGNAL = 1, 2, 128


class _Group(TyperGroup):
    """Turns an error of ours into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            typer.echo(f"error: {printable(str(error))}", err=True)
            raise typer.Exit(EXIT_INPUT) from None
        except HpsearchError as error:
            typer.echo(f"error: {printable(str(error))}", err=True)
            raise typer.Exit(EXIT_FAILED) from None
        except KeyboardInterrupt as error:
            number = error.signal_number if isinstance(error, Interrupted) else signal.SIGINT
            raise typer.Exit(EXIT_SIGNAL + number) from None


app = typer.Typer(
    name="hpsearch",
    cls=_Group,
    help="From a search space to a model you can ship: search, prune, retrain, ensemble, export.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """What `run` can be told of the study."""

    name: Annotated[
        str | None, typer.Option("--name", metavar="S", help="The study's name; the space file's by default.")
    ] = None
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the study if its name is taken, so that a batch queue can repeat the command."
        ),
    ] = False
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="With --resume: take new bounds from the edited space file for the trials to come."
        ),
    ] = False
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Set a value of the space file; can be repeated."),
    ] = None
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, metavar="N", help="How many trials the search has in all.")
    ] = None
    budget: BudgetOption = None
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke",
            help="Run every stage small, in a temporary directory: 2 trials of 2 epochs, 1 finalist with 2 seeds, "
            "an ensemble.",
        ),
    ] = False
    snapshot: Annotated[
        bool,
        typer.Option(
            "--snapshot", help="Copy the git repository of the code into the study, and run all trials from the copy."
        ),
    ] = False

    @property
    def overrides(self) -> list[str]:
        """What `--set` and `--trials` set in the space file, as `PATH=VALUE`."""
        return [*(self.set_ or []), *([] if self.trials is None else [f"search.trials={self.trials}"])]


@app.command()
@grouped
def run(space: SpaceArgument, *, asked: StudyOptions, workers: ShippingWorkerOptions, place: PlaceOptions) -> None:
    """Run the whole pipeline: search, finalists, ensemble."""
    from hpsearch import api

    request = workers.request()
    if asked.smoke:
        with driving(place.studies, nothing_kept=True) as show_:
            document = api.smoke(
                space, overrides=asked.overrides, request=request, publish=show_.publish, opened=show_.watched
            )
        print_smoke(document)
        return
    with driving(place.studies) as show_:
        study = api.run(
            space,
            name=asked.name,
            resume=asked.resume,
            force=asked.force,
            overrides=asked.overrides,
            budget=asked.budget,
            snapshot=asked.snapshot,
            request=request,
            studies=place.studies,
            storage=place.storage,
            publish=show_.publish,
            opened=show_.opened,
        )
    print_summary(study)


@app.command()
@grouped
def resume(
    study: StudyArgument,
    *,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            min=1,
            metavar="N",
            help="The search's new total of trials. With fewer than have ended, it ends now.",
        ),
    ] = None,
    budget: BudgetOption = None,
    workers: ShippingWorkerOptions,
    place: PlaceOptions,
) -> None:
    """Go on with a study where it stopped."""
    from hpsearch import api

    request = workers.request()
    with driving(place.studies) as show_:
        loaded = api.resume(
            study,
            trials=trials,
            budget=budget,
            request=request,
            studies=place.studies,
            storage=place.storage,
            publish=show_.publish,
            opened=show_.opened,
        )
    print_summary(loaded)


@app.command("list")
@grouped
def list_(*, place: PlaceOptions) -> None:
    """List the studies of a directory."""
    from hpsearch.report.studies import studies_table, study_row
    from hpsearch.study.study import list_studies

    rows = []
    for study in list_studies(place.studies, place.storage):
        if isinstance(study, InputError):
            typer.echo(f"warning: {study}", err=True)
        else:
            rows.append(study_row(study))
    if not rows:
        typer.echo(f"no studies in {printable(str(place.studies))}; hpsearch run cnn makes one", err=True)
        return
    print_result(studies_table(rows))


@app.command()
@grouped
def show(
    study: StudyArgument,
    *,
    trial: Annotated[
        int | None,
        typer.Option("--trial", min=0, metavar="N", help="One trial: config, curve, why it ended, traceback, log."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole study as JSON, for tools.")] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the search trials to a CSV file.")
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, metavar="N", help="The N best trials, one line each.")
    ] = None,
    place: PlaceOptions,
) -> None:
    """Show a study, or one of its trials."""
    from hpsearch.study.study import load_study

    loaded = load_study(study, studies=place.studies, storage=place.storage)
    if csv is not None:
        write_trials(loaded, csv)
    if as_json:
        typer.echo(json.dumps(loaded.document(), indent=1, allow_nan=False))
    elif trial is not None:
        print_trial(loaded, trial)
    elif top is not None:
        print_leaders(loaded, top)
    elif csv is None:
        print_summary(loaded)


app.command()(export.export)
app.command()(verify.verify)
app.command()(init.init)
app.command("import")(importing.import_)


def main() -> None:
    """Run the command line and exit with its code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As standard error does: a terminal that can't show a character ends no command. Files are printed as bytes.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    finally:
        # At its end Python would look at all that Ray and Optuna have made, several times: 0.4 s.
        gc.freeze()
