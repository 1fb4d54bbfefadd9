"""Single kills and interruptions of real studies: nothing is lost, nothing is done twice, nothing stays behind.

`test_chaos_light` and `test_chaos_ray` kill at random moments, again and again.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from support.waiting import wait_until

pytestmark = pytest.mark.slow


def assert_nothing_is_left(cli, within_s: float) -> None:
    wait_until(lambda: not cli.processes(), within_s, f"the end of {[p.cmdline()[:3] for p in cli.processes()]}")


def caught(process) -> set[int]:
    """Return the signals that a process has handlers for."""
    (line,) = [line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "SigCgt" in line]
    mask = int(line.split()[1], 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


@pytest.mark.parametrize(
    ("workers", "number", "code"),
    [
        ("inline", signal.SIGINT, 130),
        ("inline", signal.SIGTERM, 143),
        ("inline", signal.SIGHUP, 129),
        ("ray", signal.SIGTERM, 143),  # the one that Ray handles itself
    ],
)
def test_a_signal_ends_everything_and_says_how_to_go_on(cli, space_file, workers, number, code):
    space_file("hang", search={"trials": 4})
    start, options = (cli.start_warm, ()) if workers == "inline" else (cli.start, ("--workers", "2"))
    process = start("run", "sample.yaml", "--executor", workers, *options)
    wait_until(
        lambda: [*cli.folder.glob("studies/sample/trials/*/attempt-1/manifest.json")] or process.poll() is not None,
        120,
        "a trial's first epoch",
    )
    assert process.poll() is None
    assert caught(process) >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "hpsearch resume sample" in err
    assert "Traceback" not in err
    assert out == ""
    assert_nothing_is_left(cli, 5)
    assert not [*cli.folder.glob("studies/**/*.tmp")]


def test_ctrl_c_while_the_workers_start(cli, space_file):
    space_file(search={"trials": 4})
    process = cli.start("run", "sample.yaml", "--workers", "2")
    wait_until((cli.folder / "studies/sample/study.json").exists, 60, "the study")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "hpsearch resume sample" in err
    assert_nothing_is_left(cli, 10)
    cli.run_warm("resume", "sample", "--executor", "inline")
    assert json.loads(cli.run_warm("show", "sample", "--json").stdout)["state"] == "done"


def test_a_worker_that_always_dies_fails_its_trials_and_the_study(cli, space_file, ray_address):
    space_file("die_always", search={"trials": 2}, faults={"max_retries": 1})
    failed = cli.run_warm("run", "sample.yaml", "--workers", "2", "--ray-address", ray_address, code=1)
    assert "none of 2 trials ended with a value (2 lost)" in failed.stderr
    assert failed.stderr.count("tried again") == 2
    assert "hpsearch resume sample" in failed.stderr


def test_a_second_driver_is_refused(cli, space_file):
    space_file("hang", search={"trials": 2})
    process = cli.start_warm("run", "sample.yaml", "--executor", "inline")
    wait_until(lambda: [*cli.folder.glob("studies/sample/trials/*/*/manifest.json")], 60, "the first trial")
    refused = cli.run_warm("resume", "sample", "--executor", "inline", code=2)
    assert f"process {process.pid}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "running" in cli.run_warm("show", "sample").stdout.lower()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)


def test_a_cluster_with_four_gpus_runs_four_trials_at_once(cli, space_file, ray_address):
    space = {"lr": {"uniform": [0.1, 1.0]}, "together": 4, "folder": str(cli.folder)}
    space_file("environment", space=space, objective={"epochs": 1}, search={"trials": 4}, finalists=None, ensemble=None)
    done = cli.run_warm("run", "sample.yaml", "--gpus", "4", "--ray-address", ray_address)
    assert "4 GPUs" in done.stderr
    assert {path.read_text() for path in cli.folder.glob("seen-*")} == {"0", "1", "2", "3"}


def test_smoke_goes_through_every_stage_with_ray_and_leaves_nothing(cli, space_file):
    path = space_file("Classifier")
    before = {p for p in cli.folder.rglob("*") if "__pycache__" not in p.parts}
    temporary = cli.folder / "tmp"
    done = cli.run_warm("run", path.name, "--smoke", "--workers", "2", TMPDIR=str(temporary.mkdir() or temporary))
    assert "2 trials, 2 finalists, an ensemble of 2" in done.stdout
    after = {p for p in cli.folder.rglob("*") if "__pycache__" not in p.parts}
    assert after - before <= {temporary, cli.folder / "audit.txt"}
    assert_nothing_is_left(cli, 5)
