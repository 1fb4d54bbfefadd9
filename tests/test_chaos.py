"""Real studies, killed and interrupted for real: nothing is lost, nothing is done twice, nothing stays behind."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from conftest import wait_until

from hpsearch.api import load_study
from hpsearch.trial import Stage

pytestmark = pytest.mark.slow

EPOCHS = 6


def configs(folder: Path) -> dict[int, tuple]:
    """Return what must not depend on workers, kills and resumes: params, seed, value, reason of every trial."""
    study = load_study(folder)
    found = {
        (stage, r.number): (r.params, r.seed, r.value, r.stop_reason, dict(r.values), r.source, r.replicate)
        for stage in Stage
        for r in study.store.records(stage)
    }
    study.close()
    return found


def trained(cli) -> list[tuple[str, str, int, int]]:
    """Return the epochs that were trained: stage folder, trial, epoch, attempt."""
    lines = [line.split() for line in cli.audited()]
    return [(stage, n, int(epoch), int(attempt.removeprefix("attempt-"))) for stage, n, epoch, attempt in lines]


def kill_after(cli, process, epochs: int) -> None:
    """SIGKILL the driver once so many epochs have been trained in all."""
    wait_until(lambda: len(cli.audited()) >= epochs or process.poll() is not None, 120, f"{epochs} trained epochs")
    assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate()


def assert_nothing_is_left(cli, within_s: float) -> None:
    wait_until(lambda: not cli.processes(), within_s, f"the end of {[p.cmdline()[:3] for p in cli.processes()]}")


def test_killed_twice_with_ray_is_the_same_study(cli, space_file):
    rounds = [{"trials": 4, "epochs": 15}, {"trials": 4}]  # the second kill comes when the bounds have been drawn anew
    space_file(objective={"epochs": 30}, search={"rounds": rounds}, finalists={"configs": 1, "seeds": 2})
    cli.run_warm("run", "sample.yaml", "--executor", "inline", "--name", "whole")
    expected = configs(cli.folder / "studies/whole")
    whole = Counter(trained(cli))
    cli.audit.write_text("")

    slow = {"SAMPLE_EPOCH_S": "0.2"}  # 6 s a trial: longer than workers outlive their driver
    first = cli.start("run", "sample.yaml", "--workers", "2", "--name", "killed", **slow)
    kill_after(cli, first, 20)
    second = cli.start("resume", "killed", "--workers", "2", **slow)
    kill_after(cli, second, 90)
    killed = time.monotonic()
    last = cli.run("resume", "killed", "--workers", "1")
    assert configs(cli.folder / "studies/killed") == expected
    assert "done" in last.stdout

    epochs = trained(cli)
    assert {(stage, number, epoch) for stage, number, epoch, _ in epochs} == {key[:3] for key in whole}
    again = [key for key, times in Counter(key[:3] for key in epochs).items() if times > 1]
    # Each kill costs each of two workers at most the epoch that it was in.
    assert len(again) <= 4, again
    resumed = [(number, epoch) for _, number, epoch, attempt in epochs if attempt > 1]
    first_epochs = {number: min(e for n, e in resumed if n == number) for number, _ in resumed}
    assert any(epoch > 1 for epoch in first_epochs.values()), "no trial went on from its checkpoint"
    assert not [*cli.folder.glob("studies/**/*.tmp")]
    # Ray's agents outlive a killed driver by a minute, which other tests need not wait for.
    cli.ends_by = killed + 100


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
    out, err = process.communicate(timeout=10)
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
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "hpsearch resume sample" in err
    assert_nothing_is_left(cli, 10)
    cli.run_warm("resume", "sample", "--executor", "inline")
    assert json.loads(cli.run_warm("show", "sample", "--json").stdout)["state"] == "done"


def test_a_killed_worker_costs_at_most_an_epoch(cli, space_file):
    space_file("die_once", objective={"epochs": EPOCHS}, search={"trials": 3}, finalists=None, ensemble=None)
    done = cli.run("run", "sample.yaml", "--workers", "1")
    assert "its worker ended" in done.stderr
    assert cli.audited() == [f"{n} {e} attempt-{1 if e < 3 else 2}" for n in range(3) for e in range(1, EPOCHS + 1)]
    assert_nothing_is_left(cli, 5)


def test_a_worker_that_always_dies_fails_its_trials_and_the_study(cli, space_file):
    space_file("die_always", search={"trials": 2}, faults={"max_retries": 1})
    failed = cli.run("run", "sample.yaml", "--workers", "2", code=1)
    assert "none of 2 trials ended with a value (2 lost)" in failed.stderr
    assert failed.stderr.count("tried again") == 2
    assert "hpsearch resume sample" in failed.stderr
    assert_nothing_is_left(cli, 5)


def test_a_trial_that_hangs_is_ended_by_its_time_limit(cli, space_file):
    space_file("hang", search={"trials": 2}, faults={"epoch_timeout_s": 1.5, "max_retries": 0})
    cli.run("run", "sample.yaml", "--workers", "2", code=1)
    reasons = [t["stop_reason"] for t in json.loads(cli.run_warm("show", "sample", "--json").stdout)["trials"]]
    assert reasons == ["timeout", "timeout"]


def test_a_second_driver_is_refused(cli, space_file):
    space_file("hang", search={"trials": 2})
    process = cli.start_warm("run", "sample.yaml", "--executor", "inline")
    wait_until(lambda: [*cli.folder.glob("studies/sample/trials/*/*/manifest.json")], 60, "the first trial")
    refused = cli.run_warm("resume", "sample", "--executor", "inline", code=2)
    assert f"process {process.pid}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "running" in cli.run_warm("show", "sample").stdout.lower()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)


def test_a_cluster_with_four_gpus_runs_four_trials_at_once(cli, space_file, ray_address):
    space = {"lr": {"uniform": [0.1, 1.0]}, "together": 4, "folder": str(cli.folder)}
    space_file("environment", space=space, objective={"epochs": 1}, search={"trials": 4}, finalists=None, ensemble=None)
    done = cli.run("run", "sample.yaml", "--gpus", "4", "--ray-address", ray_address)
    assert "4 GPUs" in done.stderr
    assert {path.read_text() for path in cli.folder.glob("seen-*")} == {"0", "1", "2", "3"}


def test_smoke_goes_through_every_stage_with_ray_and_leaves_nothing(cli, space_file):
    path = space_file("Classifier")
    before = {p for p in cli.folder.rglob("*") if "__pycache__" not in p.parts}
    temporary = cli.folder / "tmp"
    done = cli.run("run", path.name, "--smoke", "--workers", "2", TMPDIR=str(temporary.mkdir() or temporary))
    assert "2 trials, 2 finalists, an ensemble of 2" in done.stdout
    after = {p for p in cli.folder.rglob("*") if "__pycache__" not in p.parts}
    assert after - before <= {temporary, cli.folder / "audit.txt"}
    assert_nothing_is_left(cli, 5)
