"""What commands print: a study's progress, its results, and how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hpsearch.errors import BudgetSpentError, HpsearchError, InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hpsearch.cli.progress import Progress
    from hpsearch.study.study import Study
    from hpsearch.trial.events import Event


class Show:
    """Shows notices, and a study's progress once the study is there.

    Args:
        stack: Closes the live view.
        studies: The directory that was given with --studies.
    """

    def __init__(self, stack: ExitStack, studies: Path) -> None:
        self._stack, self._studies = stack, studies
        self._progress: Progress | None = None
        self.study: Study | None = None

    def opened(self, study: Study) -> None:
        """Begin to show a study that can be resumed from now on."""
        from hpsearch.system.escalation import say_at_a_hard_end

        self.study = study
        say_at_a_hard_end(f"ended by force; what was committed is kept. To go on: {_resume_line(study, self._studies)}")
        self.watched(study)

    def watched(self, study: Study) -> None:
        """Begin to show a study."""
        from hpsearch.cli.progress import Progress

        self._progress = self._stack.enter_context(Progress(study.config))

    def publish(self, event: Event) -> None:
        """Show an event."""
        from hpsearch.trial.events import Notice

        if self._progress is not None:
            self._progress.publish(event)
        elif isinstance(event, Notice):
            typer.echo(event.message, err=True)


@contextmanager
def driving(studies: Path, *, nothing_kept: bool = False) -> Iterator[Show]:
    """Show a study's progress; after an interruption or a failure, say how to go on.

    Args:
        studies: The directory that was given with --studies.
        nothing_kept: Whether the study is temporary.
    """
    from hpsearch.system.escalation import may_leave, say_at_a_hard_end
    from hpsearch.system.signals import raising_signals

    with raising_signals(), may_leave(), ExitStack() as stack:
        show = Show(stack, studies)
        if nothing_kept:
            say_at_a_hard_end("ended by force; nothing was kept")
        try:
            yield show
        except (KeyboardInterrupt, HpsearchError) as error:
            stack.close()
            if show.study is not None and not isinstance(error, InputError):
                interrupted = isinstance(error, KeyboardInterrupt)
                state = "interrupted; nothing is lost" if interrupted else "stopped; all ended trials are kept"
                more = f" --budget {error.more}" if isinstance(error, BudgetSpentError) and error.more else ""
                typer.echo(f"{state}. To go on: {_resume_line(show.study, studies)}{more}", err=True)
            elif nothing_kept and isinstance(error, KeyboardInterrupt):
                typer.echo("interrupted; nothing was kept", err=True)
            raise


def _resume_line(study: Study, studies: Path) -> str:
    from hpsearch.report.paths import study_argument

    return f"hpsearch resume {study_argument(study, studies)}"


def print_result(result: RenderableType) -> None:
    """Print a result on standard output."""
    from hpsearch.cli.terminal import Terminal

    # Long paths and commands may be wider than the terminal: they stay whole, so that they can be copied.
    Terminal().print(result, crop=False)


def print_summary(study: Study) -> None:
    """Print the results of a study."""
    from hpsearch.report.summary import study_summary

    print_result(study_summary(study))


def print_trial(study: Study, number: int) -> None:
    """Print one search trial in full.

    Raises:
        InputError: There is no trial of that number.
    """
    from hpsearch.report.detail import trial_detail

    print_result(trial_detail(study, number))


def print_leaders(study: Study, count: int) -> None:
    """Print the best search trials, one line each."""
    from hpsearch.report.results import leaderboard

    print_result(leaderboard(study, count))


def print_smoke(document: dict[str, Any]) -> None:
    """Print that a smoke test passed."""
    ensemble = document["ensemble"]
    parts = [f"{len(document['trials'])} trials", f"{sum(len(f['values']) for f in document['finalists'])} finalists"]
    parts.append(f"an ensemble of {len(ensemble['members'])}" if ensemble else "no ensemble")
    typer.echo(f"smoke test passed: {', '.join(parts)}; nothing was kept")


def write_trials(study: Study, path: Path) -> None:
    """Write the search trials to a CSV file.

    Raises:
        InputError: It can't be written.
    """
    from hpsearch.study.frame import write_csv

    try:
        write_csv(study.trials, path)
    except OSError as error:
        raise InputError(f"--csv {path}: can't be written: {error.strerror}") from None
    typer.echo(f"trials of study {study.name} written to {path}", err=True)
