"""The command line.

Heavy modules are imported by the commands that need them: --help, list and show import neither torch nor ray.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from hpsearch.cli_options import (
    AddressOption,
    CpusOption,
    ExecutorName,
    ExecutorOption,
    FormatName,
    FreshOption,
    GpusOption,
    PackingOption,
    SpaceArgument,
    StorageOption,
    StudiesOption,
    StudyArgument,
    TrialsOption,
    WorkersOption,
)
from hpsearch.errors import HpsearchError, InputError, Interrupted
from hpsearch.events import Notice

if TYPE_CHECKING:
    from rich.console import Console

    from hpsearch.api import Study
    from hpsearch.events import Event
    from hpsearch.executors.resources import ResourceRequest
    from hpsearch.progress import Progress

EXIT_FAILED, EXIT_INPUT, EXIT_SIGNAL = 1, 2, 128


class _Group(TyperGroup):
    """Turns our errors into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(EXIT_INPUT) from None
        except HpsearchError as error:
            typer.echo(f"error: {error}", err=True)
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


@app.command()
def run(
    space: SpaceArgument,
    *,
    name: Annotated[
        str | None, typer.Option("--name", metavar="S", help="The study's name; the space file's by default.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the study if there is one of this name: a line that a batch queue can repeat."
        ),
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Set a value of the space file; can be repeated."),
    ] = None,
    trials: TrialsOption = None,
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke",
            help="Run every stage small, in a temporary directory: 2 trials of 2 epochs, 1 finalist with 2 seeds, "
            "an ensemble.",
        ),
    ] = False,
    gpus: GpusOption = None,
    workers: WorkersOption = None,
    trials_per_gpu: PackingOption = 1,
    cpus_per_trial: CpusOption = None,
    ray_address: AddressOption = None,
    executor: ExecutorOption = ExecutorName.RAY,
    fresh_process: FreshOption = False,
    studies: StudiesOption = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Run the whole pipeline: search, finalists, ensemble."""
    from hpsearch import api

    request = _request(
        gpus, workers, trials_per_gpu, cpus_per_trial, ray_address, executor, fresh_process=fresh_process
    )
    overrides = [*(set_ or []), *([] if trials is None else [f"search.trials={trials}"])]
    with _driving(studies) as show_:
        if smoke:
            document = api.smoke(
                space, overrides=overrides, request=request, publish=show_.publish, opened=show_.watched
            )
        else:
            study = api.run(
                space,
                name=name,
                resume=resume,
                overrides=overrides,
                request=request,
                studies=studies,
                storage=storage,
                publish=show_.publish,
                opened=show_.opened,
            )
    if smoke:
        _print_smoke(document)
    else:
        _print_summary(study)


@app.command()
def resume(
    study: StudyArgument,
    *,
    trials: Annotated[
        int | None,
        typer.Option("--trials", min=1, metavar="N", help="The search's new total; fewer than done finish it now."),
    ] = None,
    gpus: GpusOption = None,
    workers: WorkersOption = None,
    trials_per_gpu: PackingOption = 1,
    cpus_per_trial: CpusOption = None,
    ray_address: AddressOption = None,
    executor: ExecutorOption = ExecutorName.RAY,
    fresh_process: FreshOption = False,
    studies: StudiesOption = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Go on with a study where it stopped."""
    from hpsearch import api

    request = _request(
        gpus, workers, trials_per_gpu, cpus_per_trial, ray_address, executor, fresh_process=fresh_process
    )
    with _driving(studies) as show_:
        loaded = api.resume(
            study,
            trials=trials,
            request=request,
            studies=studies,
            storage=storage,
            publish=show_.publish,
            opened=show_.opened,
        )
    _print_summary(loaded)


@app.command("list")
def list_(*, studies: StudiesOption = Path("studies"), storage: StorageOption = None) -> None:
    """List the studies of a directory."""
    from hpsearch import api
    from hpsearch.report.tables import studies_table, study_row

    rows = []
    for study in api.list_studies(studies, storage):
        if isinstance(study, InputError):
            typer.echo(f"warning: {study}", err=True)
        else:
            rows.append(study_row(study.store, study.config, study.folder))
    if not rows:
        typer.echo(f"no studies in {studies}; hpsearch run cnn makes one", err=True)
        return
    _console().print(studies_table(rows))


@app.command()
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
    studies: StudiesOption = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Show a study, or one of its trials."""
    from hpsearch import api
    from hpsearch.report import tables

    loaded = api.load_study(study, studies=studies, storage=storage)
    if csv is not None:
        _write_csv(loaded, csv)
    if as_json:
        typer.echo(json.dumps(loaded.document(), indent=1, allow_nan=False))
    elif trial is not None:
        _console().print(tables.trial_detail(loaded.store, loaded.config, loaded.folder, trial))
    elif top is not None:
        _console().print(tables.leaderboard(loaded.store, loaded.config, top))
    elif csv is None:
        _print_summary(loaded)


@app.command()
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


def main() -> None:
    """Run the command line and exit with its code."""
    app()


def _request(
    gpus: int | None,
    workers: int | None,
    trials_per_gpu: int,
    cpus_per_trial: int | None,
    ray_address: str | None,
    executor: ExecutorName,
    *,
    fresh_process: bool,
) -> ResourceRequest:
    from hpsearch.executors.resources import ResourceRequest

    return ResourceRequest(
        gpus=gpus,
        workers=workers,
        trials_per_gpu=trials_per_gpu,
        cpus_per_trial=cpus_per_trial,
        ray_address=ray_address,
        executor=executor.value,
        fresh_process=fresh_process,
    )


class _Show:
    """Shows a study's progress from the moment that it is there; before that, only notices.

    Args:
        stack: What the live view is closed with.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._progress: Progress | None = None
        self.study: Study | None = None

    def opened(self, study: Study) -> None:
        """Begin the view of a study that can be resumed from now on."""
        self.study = study
        self.watched(study)

    def watched(self, study: Study) -> None:
        """Begin the view of a study."""
        from hpsearch.progress import Progress

        self._progress = self._stack.enter_context(Progress(study.config))

    def publish(self, event: Event) -> None:
        """Show an event."""
        if self._progress is not None:
            self._progress.publish(event)
        elif isinstance(event, Notice):
            typer.echo(event.message, err=True)


@contextmanager
def _driving(studies: Path) -> Iterator[_Show]:
    """Show a study's progress; after an interruption or a failure, say how to go on."""
    from hpsearch.interrupts import raising_signals

    with raising_signals(), ExitStack() as stack:
        show = _Show(stack)
        try:
            yield show
        except (KeyboardInterrupt, HpsearchError) as error:
            stack.close()
            if show.study is not None and not isinstance(error, InputError):
                interrupted = isinstance(error, KeyboardInterrupt)
                state = "interrupted; nothing is lost" if interrupted else "stopped; all that has ended is kept"
                typer.echo(f"{state}. To go on: {_resume_line(show.study, studies)}", err=True)
            raise


def _resume_line(study: Study, studies: Path) -> str:
    from hpsearch.report.paths import study_argument

    return f"hpsearch resume {study_argument(study.store, study.folder, studies)}"


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def _print_summary(study: Study) -> None:
    from hpsearch.report.tables import study_summary

    _console().print(study_summary(study.store, study.config, study.folder))


def _print_smoke(document: dict[str, Any]) -> None:
    ensemble = document["ensemble"]
    parts = [f"{len(document['trials'])} trials", f"{sum(len(f['values']) for f in document['finalists'])} finalists"]
    parts.append(f"an ensemble of {len(ensemble['members'])}" if ensemble else "no ensemble")
    typer.echo(f"smoke test passed: {', '.join(parts)}; nothing was kept")


def _write_csv(study: Study, path: Path) -> None:
    from hpsearch.report.frame import write_csv

    try:
        write_csv(study.trials, path)
    except OSError as error:
        raise InputError(f"--csv {path}: can't be written: {error.strerror}") from None
    typer.echo(f"trials of study {study.name} written to {path}", err=True)
