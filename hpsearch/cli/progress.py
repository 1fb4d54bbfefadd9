"""What a command shows on standard error while a study runs: a live view on a terminal, else a line for each event.

The live view's thread reads what `publish` writes, under a lock. Nothing is printed while that lock is held: printing
takes Rich's own locks, and the thread holds those when it asks for the view.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from hpsearch.cli.terminal import Terminal
from hpsearch.config.budget import in_gpu_hours
from hpsearch.config.config import StudyConfig
from hpsearch.space.display import params_line
from hpsearch.text import clean, counted, format_duration, format_value
from hpsearch.trial import events
from hpsearch.trial.trial import Config, Stage, StopReason

__all__ = ["Progress", "format_duration"]

_REFRESHES_PER_SECOND = 4
_NEWS = 0.75  # a forecast is printed if it has changed by more than a quarter
_ALMOST_DONE_S = 1
_BAR_CHARACTERS, _FEWEST_BAR_CHARACTERS = 30, 8
_BESIDE_BAR = 40  # characters: the stage, and how far it is
_VALUE_CHARACTERS = 7  # a metric's name may be shorter than its values
_FEWEST_ROWS, _MOST_ROWS = 3, 16  # more cost a training core time, and nobody reads them
_NAMES = {Stage.SEARCH: "trial", Stage.FINALISTS: "finalist trial"}
_FAILED = (StopReason.ERROR, StopReason.OOM, StopReason.TIMEOUT, StopReason.LOST)
_STYLES = {StopReason.FINISHED: "green", StopReason.STALLED: "green", StopReason.OUTCLASSED: "dim"}


class _Stderr(Terminal):
    """Standard error; it goes quiet when its reader is gone, for that must not end a study."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Progress:
    """Shows what happens in a study. It is a context manager, and leaves the terminal clean.

    Args:
        config: The study's, for the names of its metric and parameters.
        quiet: Show nothing but notices.
        console: Where to show it; None for standard error. A terminal gets a live view.
        clock: Seconds, monotonic; tests give their own.
    """

    def __init__(
        self,
        config: StudyConfig,
        *,
        quiet: bool = False,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._quiet = config, quiet
        self._console = console or _Stderr(stderr=True)
        self._lock = threading.Lock()
        self._view = _View(config, clock)
        self._seen_traceback = False
        self._said: float | None = None
        # Where FORCE_COLOR is set, as in continuous integration, Rich takes a pipe for a terminal.
        terminal = self._console.file.isatty() and self._console.is_terminal and not self._console.is_dumb_terminal
        self._live = self._make_live() if terminal and not quiet else None

    def _make_live(self) -> Live:
        return Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # a pipe or a file still gets its own
        )

    def _render(self) -> Text:
        with self._lock:
            lines = self._view.lines(self._console.width, self._console.height)
        return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            with suppress(OSError):  # the terminal may be gone
                self._live.stop()

    def publish(self, event: events.Event) -> None:
        """Show an event; unknown kinds are ignored. Any thread may call it."""
        if not self._quiet:
            with self._lock:
                self._view.publish(event)
        line = self._line(event)
        if line is not None:
            with suppress(OSError):  # a full disk or a lost terminal must not end a study
                self._console.print(line, soft_wrap=True)

    def _line(self, event: events.Event) -> Text | None:
        """Return the line of an event that stays on the screen, if there is one."""
        if isinstance(event, events.Notice):
            return _notice(event)
        if self._quiet:
            return None
        if isinstance(event, events.TrialScored):
            return self._scored(event)
        if isinstance(event, (events.StudyOpened, events.StageEnded)) or self._live is None:
            news = not isinstance(event, events.Forecast) or self._is_news(event.seconds)
            return _plain_line(event) if news else None
        return None  # the rest is in the view

    def _is_news(self, seconds: float) -> bool:
        """Return whether a forecast differs enough from the last printed one to get a line."""
        seconds, last = max(seconds, _ALMOST_DONE_S), self._said
        if last is not None and last * _NEWS <= seconds <= last / _NEWS:
            return False
        self._said = seconds
        return True

    def _scored(self, event: events.TrialScored) -> Text | None:
        if self._live is not None and not event.best and event.reason not in _FAILED:
            return None  # the live view counts it
        line = _scored_line(event, self._config)
        if event.traceback and not self._seen_traceback:
            self._seen_traceback = True
            line.append(_indented(event.traceback))
        return line


def _scored_line(event: events.TrialScored, config: StudyConfig) -> Text:
    line = Text(f"{_NAMES[event.stage]} {event.number}  ")
    line.append(event.reason.value, style=_STYLES.get(event.reason, "red"))
    if event.value is not None and math.isfinite(event.value):
        value = f"{clean(config.metric)} {format_value(event.value)}"
        line.append(f"  {value} at epoch {event.best_epoch}, ended after {event.epochs}")
    else:
        line.append(f"  no value in {counted(event.epochs, 'epoch')}")
    if event.why:
        line.append(f": {clean(event.why)}")
    line.append(f"  {params_line(config.space, event.config)}", style="dim")
    if event.best:
        line.append("  [best]", style="bold green")
    error = clean(event.error or event.traceback or "").strip()
    if error:
        line.append(f"  {error.splitlines()[-1]}", style="red")
    return line


def _notice(event: events.Notice) -> Text:
    line = Text(clean(event.message), style="yellow")
    if event.detail:
        line.append(_indented(event.detail))
    return line


def _indented(text: str) -> str:
    """Return the lines of a traceback or an output, to stand below the line that they belong to."""
    return f"\n{clean(text).rstrip()}".replace("\n", "\n    ")


def _plain_line(event: events.Event) -> Text | None:
    """Return the line of an event that is about no single trial."""
    if isinstance(event, events.StudyOpened):
        return Text(f"study {clean(event.name)}: {clean(event.plan)}")
    if isinstance(event, events.StageEnded):
        return Text(f"{clean(event.stage)}: {clean(event.summary)}", style="bold")
    if isinstance(event, events.StageStarted):
        return _stage_started(event)
    return Text(_forecast(event)) if isinstance(event, events.Forecast) else None


def _stage_started(event: events.StageStarted) -> Text:
    each = f" x {counted(event.epochs, 'epoch')}" if event.epochs else ""
    what = counted(event.total, "trial" if event.epochs else "checkpoint") if event.total is not None else "trials"
    done = f", {event.done} done" if event.done else ""
    return Text(f"{clean(event.stage)}: {what}{each}{done}", style="bold")


def _forecast(event: events.Forecast) -> str:
    left = _time_left(event.seconds, event.gpu_s)
    return f"{left}; spent {event.spent}" if event.spent else left


def _time_left(seconds: float, gpu_s: float | None) -> str:
    if seconds < _ALMOST_DONE_S:
        return "almost done"
    gpus = "" if gpu_s is None else f", {in_gpu_hours(gpu_s)}"
    return f"about {format_duration(seconds)}{gpus} left"


@dataclass(slots=True)
class _Running:
    """A running trial: its short config, its last epoch, and its best value so far."""

    params: str
    epoch: int = 0
    value: float | None = None


class _View:
    """The live view's content, as lines of text: drawing a table of 64 rows four times a second costs more.

    Args:
        config: The study's.
        clock: Seconds, monotonic.
    """

    def __init__(self, config: StudyConfig, clock: Callable[[], float]) -> None:
        self._config, self._clock = config, clock
        self._start = clock()
        self._stage: events.StageStarted | None = None
        self._done = self._epochs = 0
        self._reasons: Counter[StopReason] = Counter()
        self._running: dict[tuple[Stage, int], _Running] = {}
        self._best = ""
        self._end: float | None = None
        self._forecast: events.Forecast | None = None

    def publish(self, event: events.Event) -> None:
        """Change the view as an event says."""
        if isinstance(event, events.StageStarted):
            self._stage, self._done, self._epochs, self._best = event, event.done, 0, ""
            self._reasons.clear()
            self._running.clear()
        elif isinstance(event, events.TrialStarted):
            self._running[event.stage, event.number] = _Running(self._params(event.config))
        elif isinstance(event, events.TrialMeasured):
            self._measured(event)
        elif isinstance(event, events.TrialScored):
            self._scored(event)
        elif isinstance(event, (events.TrialEnded, events.WorkerLost)):
            self._running.pop((event.stage, event.number), None)
        elif isinstance(event, events.Forecast):
            self._end = self._clock() + event.seconds if math.isfinite(event.seconds) else None
            self._forecast = event

    def _measured(self, event: events.TrialMeasured) -> None:
        row = self._running.setdefault((event.stage, event.number), _Running(""))
        row.epoch = event.measurement.epoch
        self._epochs += 1
        value = event.measurement.metrics.get(self._config.metric)
        best = self._config.direction.best([v for v in (row.value, value) if v is not None])
        row.value = None if best is None else best[1]

    def _scored(self, event: events.TrialScored) -> None:
        self._running.pop((event.stage, event.number), None)
        self._done += 1
        self._reasons[event.reason] += 1
        if event.best:
            value = f"{clean(self._config.metric)} {format_value(event.value)} at epoch {event.best_epoch}"
            self._best = f"{_NAMES[event.stage]} {event.number}  {value}  {self._params(event.config)}"

    def _params(self, config: Config) -> str:
        return params_line(self._config.space, config)

    def lines(self, width: int, height: int) -> list[Text]:
        """Return the lines to show, for a terminal's width in columns and height in lines."""
        lines = [self._bar(width)] if self._stage is not None else []
        if self._best:
            lines.append(_named("best", self._best))
        lines.append(_named("time", self._time()))
        rows = self._rows()
        # The headers, an empty line, and the count of further rows take a line each.
        room = min(max(_FEWEST_ROWS, height - len(lines) - 4), _MOST_ROWS)
        if rows:
            lines += [Text(""), *rows[: room + 1]]
        if len(rows) > room + 1:
            lines.append(Text(f"and {len(rows) - room - 1} more", style="dim"))
        return lines

    def _bar(self, width: int) -> Text:
        stage = self._stage
        assert stage is not None  # noqa: S101 - lines() asks only during a stage
        line = _named(stage.stage, "")
        if not stage.epochs:
            return line.append(counted(stage.total or 0, "checkpoint"))
        counts = ", ".join(f"{self._reasons[reason]} {reason}" for reason in StopReason if self._reasons[reason])
        if stage.total is None:
            line.append(f"{counted(self._done, 'trial')}  {counted(self._epochs, 'epoch')}")
            return line.append(f"  {counts}", style="dim")
        under_way = sum(min(row.epoch / stage.epochs, 1) for row in self._running.values())
        share = min((self._done + under_way) / max(stage.total, 1), 1)
        length = min(max(_FEWEST_BAR_CHARACTERS, width - _BESIDE_BAR), _BAR_CHARACTERS)
        filled = int(share * length)
        line.append("━" * filled, style="green").append("━" * (length - filled), style="dim")
        line.append(f"  {self._done}/{counted(stage.total, 'trial')}  {counted(self._epochs, 'epoch')}")
        return line.append(f"  {counts}", style="dim")

    def _time(self) -> str:
        now = self._clock()
        if self._end is None or self._forecast is None:
            return format_duration(now - self._start)
        left = _time_left(self._end - now, self._forecast.gpu_s)
        budget = f"; of the budget {self._forecast.spent}" if self._forecast.spent else ""
        return f"{format_duration(now - self._start)}, {left}{budget}"

    def _rows(self) -> list[Text]:
        """Return a table of the running trials, with its headers."""
        if not self._running or self._stage is None:
            return []
        metric = clean(self._config.metric).rjust(_VALUE_CHARACTERS)
        lines = [Text(f"trial    epoch  {metric}  params", style="dim")]
        for (_, number), row in sorted(self._running.items()):
            epoch, value = f"{row.epoch}/{self._stage.epochs}", format_value(row.value)
            lines.append(Text(f"{number:5}  {epoch:>7}  {value:>{len(metric)}}  {row.params}"))
        return lines


def _named(name: str, text: str) -> Text:
    return Text(f"{clean(name):<10}", style="bold").append(text, style="not bold")
