"""How a command ends, and what that makes of its trial: whole studies of one trial with real processes."""

from __future__ import annotations

import json
import shlex
import sys
import textwrap
import time
from contextlib import suppress

import psutil
import pytest

from hpsearch.errors import StudyError
from hpsearch.trial.events import TrialMeasured, TrialScored
from hpsearch.trial.trial import Stage, StopReason
from support.bench import Stop
from support.documents import write_yaml

EPOCHS = 3
THREE = "import json\nfor e in (1, 2, 3): print(json.dumps({'epoch': e, 'acc': e / 4}))\n"
PRINTS = "import json\nfor e in {epochs}: print(json.dumps({{'epoch': e, 'acc': e / 4}}))\n"


def space(folder, program, **objective):
    (folder / "train.py").write_text(textwrap.dedent(program))
    settings = {"epochs": EPOCHS, "cwd": ".", "command": f"{shlex.quote(sys.executable)} train.py {{x}}", **objective}
    raw = {"study": "ends", "metric": "acc", "direction": "maximize", "objective": settings}
    raw |= {"space": {"x": {"uniform": [0.0, 1.0]}}, "search": {"trials": 1}}
    return write_yaml(folder / "space.yaml", raw | {"prune": None, "finalists": None, "ensemble": None})


@pytest.fixture
def end(bench):
    """Return a function that trains one trial of a program, and gives what is said of its end."""

    def end(program, grace_s=1.0, **objective):
        path = space(bench.folder, program, exit_grace_s=grace_s, **objective)
        with suppress(StudyError):  # the only trial has failed
            bench.run(path)
        return next(event for event in bench.events if isinstance(event, TrialScored))

    return end


# After its last epoch

HANGS = {
    "a thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n",
    "a process": "import multiprocessing, time\nmultiprocessing.Process(target=time.sleep, args=(600,)).start()\n",
    "a handler that no signal ends": (
        "import atexit, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\natexit.register(time.sleep, 600)\n"
    ),
}


@pytest.mark.parametrize("what", HANGS)
def test_a_command_that_hangs_at_exit_is_ended_and_its_trial_is_finished(end, what, bench):
    scored = end(f"{HANGS[what]}{THREE}")
    assert (scored.reason, scored.value, scored.epochs) == (StopReason.FINISHED, 0.75, EPOCHS)
    assert scored.why == "the command was ended 1 s after its last epoch, for it still ran (exit_grace_s)"
    assert not [p for p in psutil.process_iter(["cmdline", "cwd"]) if p.info["cwd"] == str(bench.folder) and _trains(p)]


def _trains(process):
    return "train.py" in (process.info["cmdline"] or ())


@pytest.mark.parametrize(
    ("program", "how"),
    [
        ("import sys\nsys.exit('wandb: broken pipe')", "exit code 1: wandb: broken pipe"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    ],
)
def test_an_error_after_the_last_epoch_is_only_told(end, program, how):
    scored = end(THREE + program)
    assert (scored.reason, scored.value) == (StopReason.FINISHED, 0.75)
    assert scored.why == f"after its last epoch the command ended with {how}"


def test_a_command_that_ends_well_gets_no_word(end):
    assert end(THREE).why == ""


def test_the_last_measurement_does_not_wait_for_the_commands_end(bench):
    # The command ends only when the driver has heard of its last epoch.
    gate = bench.folder / "gate"
    waits = f"{THREE}import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"

    def watch(event):
        if isinstance(event, TrialMeasured) and event.last:
            gate.touch()

    bench.watch = watch
    bench.run(space(bench.folder, waits, exit_grace_s=60))
    assert next(event for event in bench.events if isinstance(event, TrialScored)).why == ""


def test_it_is_also_stored_when_the_driver_dies_while_the_command_hangs(bench):
    bench.stop_at(TrialMeasured, EPOCHS)
    with pytest.raises(Stop):
        bench.run(space(bench.folder, HANGS["a thread"] + THREE, exit_grace_s=60))
    bench.watch = lambda _: None
    study = bench.resume("ends")
    record = study.store.record(Stage.SEARCH, 0)
    assert (record.attempt, record.value, record.stop_reason) == (1, 0.75, StopReason.FINISHED)


def test_lines_after_the_last_epoch_are_no_measurements(end, bench):
    last = "for more in ({'acc': 0.9}, {'epoch': 2, 'acc': 0.9}, {'epoch': 3, 'acc': 0.9}): print(json.dumps(more))\n"
    scored = end(f"{THREE}{last}")
    assert (scored.reason, scored.value, scored.why) == (StopReason.FINISHED, 0.75, "")
    assert not [told for told in bench.notices() if told.startswith("trial ")]


def test_a_command_without_a_grace_is_ended_at_once(end):
    begun = time.monotonic()
    assert end(HANGS["a thread"] + THREE, grace_s=0).why == ""
    assert time.monotonic() - begun < 60


# Before its last epoch


def test_a_script_that_stops_early_has_finished(end):
    scored = end(PRINTS.format(epochs=(1, 2)))
    assert (scored.reason, scored.value, scored.epochs) == (StopReason.FINISHED, 0.5, 2)
    assert scored.why == "the command ended by itself after epoch 2 of 3"


def test_an_expression_that_is_slow_on_other_lines_still_finds_the_last_measurement(end):
    slow = {"regex": r"^(?:a+)+$|acc (?P<acc>\S+)"}  # doubles its time with each letter: the command ends before it
    scored = end("for _ in range(8): print('a' * 23 + '!')\nprint('acc 0.5')\n", epochs=2, metrics=slow)
    assert (scored.reason, scored.value, scored.epochs) == (StopReason.FINISHED, 0.5, 1)


def test_an_error_keeps_what_was_measured(end, bench):
    scored = end(PRINTS.format(epochs=(1, 2)) + "raise SystemExit('no space left on device')")
    assert (scored.reason, scored.epochs) == (StopReason.ERROR, 2)
    assert "exit code 1: no space left on device" in scored.error
    assert bench.load("ends").store.record(Stage.SEARCH, 0).values == {1: 0.25, 2: 0.5}


def test_an_error_does_not_make_epochs_of_lines_that_waited(end):
    scored = end("import json\nfor n in (1, 2): print(json.dumps({'step': n, 'acc': 0.9}))\nraise SystemExit('no')")
    assert (scored.reason, scored.epochs) == (StopReason.ERROR, 0)


# Counted lines

MIXED = """
import json
for e in (1, 2, 3):
    for step in range(4): print(json.dumps({'acc': 0.9}))
    print(json.dumps({'epoch': e, 'acc': e / 4}))
"""


def test_lines_that_were_counted_before_one_had_an_epoch_fail_the_trial_whatever_their_number(end):
    scored = end(MIXED)
    assert scored.reason is StopReason.ERROR
    assert "lines with 'acc' and no epoch came before one of epoch 1" in scored.error


def test_counted_lines_beyond_the_last_epoch_are_told_of(end, bench):
    scored = end("for n in range(9): print('{\"acc\": 0.5}')")
    assert (scored.reason, scored.epochs) == (StopReason.FINISHED, EPOCHS)
    assert any("more measurements of 'acc' came after the last epoch" in told for told in bench.notices())


def test_what_is_said_of_all_trials_is_said_once(bench):
    program = "import json\nfor e in (1, 2, 3): print(json.dumps({'epoch': e, 'acc': str(e / 4)}))\n"
    path = space(bench.folder, program)
    bench.run(path, overrides=("search.trials=3",))
    told = [text for text in bench.notices() if text.startswith("trial ")]
    assert told == ['trial 0: numbers are read from text, such as "0.25": print them without quotes']


# On Ray


@pytest.mark.slow
def test_on_ray_the_grace_may_be_longer_than_an_epochs_time_limit(cli):
    program = HANGS["a thread"] + THREE
    path = space(cli.folder, program, exit_grace_s=4)
    raw = path.read_text() + "\nfaults: {epoch_timeout_s: 2, max_retries: 0}\n"
    path.write_text(raw)
    done = cli.run_warm("run", str(path), "--workers", "1")
    assert "finished  acc 0.7500 at epoch 3, ended after 3: the command was ended 4 s after" in done.stderr
    assert "its worker ended" not in done.stderr
    shown = json.loads(cli.run_warm("show", "ends", "--json").stdout)
    (trial,) = shown["trials"]
    assert (trial["state"], trial["stop_reason"], trial["value"]) == ("COMPLETE", "finished", 0.75)
