"""A command does not wait for its worker: what it had printed, or logged, when that was killed is not lost."""

from __future__ import annotations

import shlex
import subprocess
import sys
from contextlib import closing

import pytest

from hpsearch.objectives.command import supervisor
from hpsearch.objectives.loading import load_objective
from hpsearch.objectives.space_files import parse_config
from hpsearch.trial.folder import PRINTED
from support.attempts import begun
from support.factories import spec
from support.waiting import wait_until

EPOCHS = 6
PROGRAM = """
import json, os, sys
folder, until, saved = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
done = int(open(os.path.join(saved[0], "state")).read()) if saved else 0
open(os.path.join(folder, "resumed"), "w").write("".join(saved))
for epoch in range(done + 1, until + 1):
    FORM
    with open(os.path.join(folder, "state"), "w") as file:
        file.write(str(epoch))
"""
FORMS = {
    "json": ('print(json.dumps({"epoch": epoch, "acc": epoch / 8}), flush=True)', None),
    "regex": (
        'print(f"epoch {epoch} acc {epoch / 8}", file=sys.stderr, flush=True)',
        {"regex": r"epoch (?P<epoch>\d+) acc (?P<acc>\S+)"},
    ),
    "csv": (
        (
            'path = os.path.join(folder, "log.csv")\n'
            "    new = not os.path.exists(path)\n"
            '    with open(path, "a") as file:\n'
            '        file.write(("epoch,acc\\\\n" if new else "") + f"{epoch},{epoch / 8}\\\\n")'
        ),
        {"csv": "{trial_dir}/log.csv"},
    ),
}


@pytest.fixture(params=FORMS)
def attempt(request, tmp_path, monkeypatch):
    """Return a function that trains an attempt, and gives its writer and how many epochs its worker heard."""
    monkeypatch.chdir(tmp_path)
    form, metrics = FORMS[request.param]
    (tmp_path / "train.py").write_text(PROGRAM.replace("FORM", form).replace("\\\\n", "\\n"))
    named = {} if metrics is None else {"metrics": metrics}

    def attempt(number, until=EPOCHS, hears=EPOCHS):
        command = f"{shlex.quote(sys.executable)} -I -S train.py {{trial_dir}} {until} {{resume_from}}"
        raw = {"study": "s", "metric": "acc", "direction": "maximize", "space": {"x": {"uniform": [0, 1]}}}
        raw["objective"] = {"epochs": EPOCHS, "command": command.replace("{resume_from}", ""), **named}
        raw["objective"]["resume"] = "{resume_from}"
        trial, writer = begun(spec(tmp_path, 4, config={}, attempt=number, epochs=EPOCHS, metric="acc"))
        heard = 0
        with closing(load_objective(parse_config(raw).objective).train({}, trial)) as steps:
            for found in steps:
                writer.commit(trial.measure(found, 0.0))
                heard += 1
                if heard == hears:
                    path = tmp_path / f"attempt-{number}" / "state"
                    wait_until(lambda: _is(path, str(until)), 60, "the command's state")  # noqa: B023 - called here
                    break
        return writer, heard

    return attempt


def _is(path, text):
    return path.is_file() and path.read_text() == text


def by_epoch(writer):
    return {m.epoch: m.metrics["acc"] for m in writer.manifest.measurements}


def test_what_no_worker_heard_is_taken_from_the_earlier_attempts(attempt):
    attempt(1, until=4, hears=2)
    writer, heard = attempt(2)
    assert by_epoch(writer) == {epoch: epoch / 8 for epoch in range(1, 7)}
    assert heard == 4


def test_also_when_the_command_has_nothing_left_to_do(attempt):
    attempt(1, until=EPOCHS, hears=2)
    writer, heard = attempt(2)
    assert by_epoch(writer) == {epoch: epoch / 8 for epoch in range(1, 7)}
    assert heard == 4


def test_also_over_several_attempts(attempt):
    attempt(1, until=3, hears=1)
    writer, _ = attempt(2, until=5, hears=3)  # of 2, 3 and 4
    assert by_epoch(writer) == {epoch: epoch / 8 for epoch in range(1, 5)}
    writer, _ = attempt(3)
    assert by_epoch(writer) == {epoch: epoch / 8 for epoch in range(1, 7)}


def test_an_attempt_that_was_killed_before_its_first_checkpoint_is_not_gone_on_from(attempt, tmp_path):
    attempt(1, until=4, hears=2)
    (tmp_path / "attempt-2").mkdir()
    (tmp_path / "attempt-2" / "train.log").touch()  # all that the second one came to
    writer, heard = attempt(3)
    assert by_epoch(writer) == {epoch: epoch / 8 for epoch in range(1, 7)}
    assert heard == 4


def test_an_attempt_whose_worker_heard_nothing_is_gone_on_from(attempt, tmp_path):
    attempt(1, until=2, hears=1)
    attempt(2, until=4, hears=1)
    (tmp_path / "attempt-2" / "manifest.json").unlink()
    writer, heard = attempt(3)
    assert by_epoch(writer) == {epoch: epoch / 8 for epoch in range(1, 7)}
    assert heard == 5
    assert (tmp_path / "attempt-3" / "resumed").read_text().endswith("attempt-2")


def test_the_supervisor_keeps_lines_when_nobody_reads_any_more(tmp_path):
    program = "import time\nprint('a', flush=True)\ntime.sleep(0.2)\nprint('b', flush=True)\nprint('half', end='')"
    command = [sys.executable, "-I", "-S", supervisor.__file__, "2", str(tmp_path / PRINTED)]
    with subprocess.Popen(
        [*command, sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"a\n"
        process.stdout.close()
        assert process.wait(120) == 0
    assert (tmp_path / PRINTED).read_bytes() == b"a\nb\nhalf"


def test_what_a_command_prints_when_it_is_ended_is_kept(tmp_path):
    program = (
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'last\\n'), os._exit(0)))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    command = [sys.executable, "-I", "-S", supervisor.__file__, "2", str(tmp_path / PRINTED)]
    process = subprocess.Popen([*command, sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    process.stdin.close()
    process.wait(120)
    assert (tmp_path / PRINTED).read_bytes() == b"ready\nlast\n"
