import io
import math
import os
import pty
import sys

import pytest
from rich.console import Console

from hpsearch.cli.progress import Progress, format_duration
from hpsearch.errors import Interrupted
from hpsearch.trial import events
from hpsearch.trial.trial import Measurement, Stage, StopReason
from support.factories import key, measured
from support.studies import TRACEBACK, config, params

SETTINGS = config()


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def pipe():
    file = io.StringIO()
    return Console(file=file, markup=False, highlight=False, emoji=False, width=40), file


def terminal(width=100, height=30):
    file = Terminal()
    return Console(file=file, force_terminal=True, width=width, height=height, color_system=None), file


def started(number):
    values = SETTINGS.space.config_of(params(SETTINGS, number))
    return events.TrialStarted(**key(number), worker="host:1", device="cpu", config=values)


def scored(number, value=0.9731, reason=StopReason.STALLED, **fields):
    values = {
        "value": value,
        "best_epoch": None if value is None else 9,
        "epochs": 14,
        "seconds": 3.0,
        "best": False,
        "config": {"lr": 0.0012, "batch_size": 32, "head": [64], "dropout": 0.25, "optimizer": "adamw"},
    }
    return events.TrialScored(**{**key(number), "reason": reason, **values, **fields})


def failed(number, traceback=TRACEBACK):
    error = traceback.splitlines()[-1]
    return scored(number, None, StopReason.ERROR, error=error, traceback=traceback)


STAGE = events.StageStarted(stage="search", total=8, done=2, epochs=20)


def shown(console_and_file, *published, **options):
    console, file = console_and_file
    with Progress(SETTINGS, console=console, **options) as progress:
        for event in published:
            progress.publish(event)
    return file.getvalue()


def view(*published, width=100, height=30):
    """Return the live view's lines after some events."""
    console, _ = terminal(width, height)
    progress = Progress(SETTINGS, console=console, clock=Clock())
    for event in published:
        progress.publish(event)
    rendered = console.render_lines(progress._render(), console.options)
    return ["".join(segment.text for segment in line).rstrip() for line in rendered]


def test_a_pipe_gets_one_line_for_what_matters():
    config_text = "lr=1.2e-03 batch_size=32 head=small dropout=0.25"
    text = shown(
        pipe(),
        events.StudyOpened(name="cnn", plan="8 trials x 20 epochs on 2 CPUs"),
        STAGE,
        started(12),
        measured(12, 1, val_accuracy=0.5, val_loss=0.1),
        scored(12, best=True),
        events.Forecast(seconds=6600),
        events.Forecast(seconds=5500),
        events.Forecast(seconds=0.3),
        events.StageEnded(stage="search", summary="8 trials (8 stalled)"),
        events.Notice(message="a worker ended [red]"),
    )
    assert text.splitlines() == [
        "study cnn: 8 trials x 20 epochs on 2 CPUs",
        "search: 8 trials x 20 epochs, 2 done",
        f"trial 12  stalled  val_accuracy 0.9731 at epoch 9, ended after 14  {config_text}  [best]",
        "about 1 h 50 min left",
        "almost done",
        "search: 8 trials (8 stalled)",
        "a worker ended [red]",
    ]


def test_a_finalist_and_a_trial_without_a_value():
    finalist = scored(3, stage=Stage.FINALISTS, reason=StopReason.FINISHED)
    text = shown(pipe(), finalist, scored(4, None, StopReason.DIVERGED), scored(5, math.nan, StopReason.DIVERGED))
    first, second, third = text.splitlines()
    assert first.startswith("finalist trial 3  finished  val_accuracy 0.9731")
    assert second.startswith("trial 4  diverged  no value in 14 epochs  lr=")
    assert third.startswith("trial 5  diverged  no value in 14 epochs  lr=")


def test_the_first_traceback_is_shown_whole_and_later_ones_by_their_last_line():
    text = shown(pipe(), failed(1), failed(2)).splitlines()
    assert len(text) == 5
    assert text[0].endswith("ValueError: [lr] is too large")
    assert text[1:4] == [f"    {line}" for line in TRACEBACK.replace("\x1b[31m", "").splitlines()]
    assert text[4].startswith("trial 2  error")
    assert text[4].endswith("ValueError: [lr] is too large")


@pytest.mark.parametrize("where", [pipe, terminal])
def test_quiet_shows_nothing_but_notices(where):
    notice = events.Notice(message="the store is slow", detail="line 1\nline 2")
    text = shown(where(), STAGE, started(0), failed(0), notice, events.Forecast(seconds=1), quiet=True)
    assert text == "the store is slow\n    line 1\n    line 2\n"


def test_the_live_view():
    clock = Clock()
    settled = [STAGE, scored(0, best=True), events.Forecast(seconds=6700), started(1), started(2)]
    console, _ = terminal()
    progress = Progress(SETTINGS, console=console, clock=clock)
    for event in [
        *settled,
        measured(1, 9, val_accuracy=0.8, val_loss=0.1),
        measured(1, 10, val_accuracy=0.7, val_loss=0.1),
        measured(2, 1, val_accuracy=math.nan, val_loss=0.1),
    ]:
        progress.publish(event)
    clock.now += 100
    lines = progress._render().plain.splitlines()
    assert lines[0].startswith("search    ━━━")
    assert lines[0].endswith("3/8 trials  3 epochs  1 stalled")
    assert lines[1].startswith("best      trial 0  val_accuracy 0.9731 at epoch 9  lr=1.2e-03")
    assert lines[2] == "time      1 min 40 s, about 1 h 50 min left"
    assert lines[4].split() == ["trial", "epoch", "val_accuracy", "params"]
    assert lines[5].split()[:4] == ["1", "10/20", "0.8000", "lr=9.5e-03"]
    assert lines[6].split()[:3] == ["2", "1/20", "-"]


def test_a_trial_that_has_ended_or_lost_its_worker_leaves_the_view():
    lost = events.WorkerLost(**key(2), reason=StopReason.LOST, detail="killed")
    lines = view(STAGE, started(1), started(2), scored(1), lost)
    assert len(lines) == 2


def test_many_workers_do_not_flood_a_small_terminal():
    lines = view(STAGE, *(started(number) for number in range(64)), width=40, height=12)
    assert len(lines) <= 11
    assert lines[-1] == f"and {64 - (len(lines) - 5)} more"
    assert all(len(line) <= 40 for line in lines)


def test_each_stage_counts_anew():
    finalists = events.StageStarted(stage="finalists", total=6, done=0, epochs=20)
    lines = view(STAGE, started(1), scored(0, best=True), finalists)
    assert "0/6 trials  0 epochs" in lines[0]
    assert len(lines) == 2
    ensemble = events.StageStarted(stage="ensemble", total=15, done=0, epochs=0)
    assert view(ensemble)[0] == "ensemble  15 checkpoints"


def test_a_terminal_keeps_what_matters_and_ends_clean():
    ended = events.StageEnded(stage="search", summary="over")
    text = shown(terminal(), STAGE, started(1), scored(7), scored(8, best=True), failed(9), ended)
    assert "trial 7 " not in text
    assert "trial 8  stalled" in text
    assert "ValueError: [lr] is too large" in text
    assert "search: over" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1


def shown_and_raised(console, error):
    with Progress(SETTINGS, console=console) as progress:
        progress.publish(STAGE)
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, lambda: Interrupted(2)])
def test_an_exception_leaves_the_terminal_clean_and_passes(error):
    console, file = terminal()
    before = sys.stdout, sys.stderr
    raised = error()
    with pytest.raises(type(raised)):
        shown_and_raised(console, raised)
    assert file.getvalue().rstrip("\n").endswith("\x1b[2K")
    assert "\x1b[?25h" in file.getvalue()
    assert (sys.stdout, sys.stderr) == before


def test_no_event_breaks_it():
    class Unknown(events.Event):
        pass

    odd = [
        Unknown(),
        events.TrialEvent(**key(1)),
        measured(77, 1, val_accuracy=-math.inf, val_loss=0.1),
        events.TrialMeasured(**key(1), measurement=Measurement(epoch=99, metrics={})),
        scored(5, config={}),
        scored(6, math.inf),
        events.Forecast(seconds=math.inf),
        events.Forecast(seconds=-5),
        events.StageStarted(stage="[search]", total=0, done=0, epochs=20),
        events.TrialStarted(**key(3), worker="", device="", config={"unknown": 1}),
        events.PredictionsReady(**key(1), split="val", path=None),
        events.TrialEnded(**key(1), reason=StopReason.LOST, worker=""),
        events.Notice(message="\x1b[2J[/x]", detail=""),
    ]
    for where in (pipe, terminal):
        text = shown(where(), *odd)
        assert "[/x]" in text
        assert "\x1b[2J" not in text
    view(*odd, width=10, height=2)


def test_a_pipe_stays_a_pipe_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    text = shown((Console(file=file, markup=False), file), STAGE, started(1))
    assert "\x1b[?25l" not in text
    assert "search: 8 trials" in text


@pytest.mark.parametrize("error", [BrokenPipeError, OSError])
def test_a_reader_that_went_away_does_not_end_the_study(monkeypatch, error):
    class Gone(io.StringIO):
        def write(self, _):
            raise error

    monkeypatch.setattr(sys, "stderr", Gone())
    with Progress(SETTINGS) as progress:
        progress.publish(STAGE)
        progress.publish(scored(1))


def test_it_all_goes_to_standard_error(capsys):
    with Progress(SETTINGS) as progress:
        progress.publish(STAGE)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "search: 8 trials x 20 epochs, 2 done\n"


def test_a_short_rest_is_said_once():
    text = shown(pipe(), *(events.Forecast(seconds=seconds) for seconds in (0.9, 0.5, 0.1, 0.0)))
    assert text == "almost done\n"


@pytest.mark.parametrize("width", [40, 50, 80])
def test_how_far_it_is_fits_beside_the_bar(width):
    (line,) = [line for line in view(STAGE, started(3), width=width) if line.startswith("search")]
    assert "2/8 trials" in line
    assert len(line) <= width


CLEARED = b"\x1b[2K"


def test_a_real_terminal_gets_the_live_view(monkeypatch):
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stderr", file)
        with Progress(SETTINGS) as progress:
            progress.publish(STAGE)
            progress.publish(started(1))
        monkeypatch.undo()
        file.flush()
        written = b""
        while not written.rstrip(b"\r\n").endswith(CLEARED):  # it comes in pieces
            written += os.read(leader, 65536)
    os.close(leader)
    assert "━" in written.decode()


def test_format_duration_is_at_hand():
    assert format_duration(6600) == "1 h 50 min"
