"""The sources of a command's measurements: its output, or a log that it writes."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from hpsearch.errors import FieldError
from hpsearch.objectives.command.computed import computed_of
from hpsearch.objectives.command.epochs import Epochs
from hpsearch.objectives.command.lines import JsonLines, RegexLines, Row
from hpsearch.objectives.command.logs import CsvReader, Logs, TensorBoardReader
from hpsearch.objectives.command.section import Metrics

__all__ = ["Row", "Source", "check_metrics", "source_of"]

_FIELD = ("objective", "metrics")


class Source(Protocol):
    """Finds measurements in what a command prints or writes.

    Attributes:
        reads_stderr: Whether lines of standard error may hold measurements too.
        polls: Whether there are files to read from time to time.
        expected: A measurement in words, for messages.
        notices: What people are to be told once.
    """

    reads_stderr: bool
    polls: bool
    expected: str
    notices: list[str]

    @property
    def counts(self) -> bool:
        """Whether the measurements so far had no epoch and were counted."""
        ...

    def wants(self, line: str) -> bool:
        """Return whether a line may be a measurement."""
        ...

    def rows(self, line: str | None) -> Iterator[Row]:
        """Yield the measurements of a line, or, for None, the new ones in the files.

        Raises:
            MixedLinesError: Lines without an epoch were counted, and this one has an epoch.
            ObjectiveError: An epoch is no whole number, or a metric is no number.
        """
        ...

    def left(self, epochs: int) -> Iterator[Row]:
        """Yield the measurements that could not be told from others before the command had ended.

        Args:
            epochs: Of a trial.

        Raises:
            ObjectiveError: They still can't.
        """
        ...


def source_of(settings: Metrics | None, metric: str, trial_dir: Path, cwd: str | None) -> Source:
    """Return the source that a space file names.

    Args:
        settings: None for lines of JSON.
        metric: The study's.
        trial_dir: The attempt's folder, which `{trial_dir}` stands for.
        cwd: The command's working directory, which paths are relative to.
    """
    computed, first, counted = computed_of(settings), 1, False
    if settings is not None:
        first, counted = settings.first_epoch, settings.counted
    epochs = Epochs(metric, first, counted=counted)
    if settings is not None and settings.regex is not None:
        return RegexLines(re.compile(settings.regex), metric, epochs, computed)
    if settings is None or (settings.csv is None and settings.tensorboard is None):
        return JsonLines(metric, epochs, computed, waits=not counted)
    place = (settings.csv or settings.tensorboard or "").replace("{trial_dir}", str(trial_dir))
    path = Path(cwd or Path.cwd(), place)
    reader = CsvReader() if settings.csv is not None else TensorBoardReader()
    return Logs(path, reader, metric, computed, first=first, counted=counted)


def check_metrics(settings: Metrics | None, metric: str) -> None:
    """Refuse a source that can't give the study's metric.

    Raises:
        FieldError: The regular expression is wrong, or has no group for the metric; a computed metric is no arithmetic
            of what there is; the log is not in the trial's folder; or TensorBoard is not installed.
    """
    if settings is None:
        return
    if settings.regex is not None:
        _check_regex(settings.regex, None if metric in settings.computed else metric)
    computed_of(settings)
    for name, place in (("csv", settings.csv), ("tensorboard", settings.tensorboard)):
        if place is not None and not place.startswith("{trial_dir}"):
            problem = f"found {place!r}, which all trials would share"
            raise FieldError((*_FIELD, name), problem, "a path that begins with {trial_dir}")
    if settings.tensorboard is not None and importlib.util.find_spec("tensorboard") is None:
        raise FieldError(
            (*_FIELD, "tensorboard"),
            "needs the package tensorboard, which is not installed",
            'pip install "hpsearch[tensorboard]"',
        )


def _check_regex(text: str, metric: str | None) -> None:
    """Refuse what is no regular expression, or has no group for a metric that is not computed."""
    field = (*_FIELD, "regex")
    try:
        groups = list(re.compile(text).groupindex)
    except re.error as error:
        raise FieldError(field, f"is no regular expression: {error}", "Python's, with named groups") from None
    if metric is not None and metric not in groups:
        found = f"has the groups {', '.join(groups)}" if groups else "has no named groups"
        raise FieldError(field, f"{found}, and none for the metric", f"(?P<{metric}>...) in it")
