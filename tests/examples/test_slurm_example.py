"""The sbatch file runs, with stand-ins for Slurm's commands that start its steps on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support.cli import Cli
from support.outcomes import outcome
from support.paths import ROOT
from support.waiting import wait_until

SCRIPT = ROOT / "examples/cluster/slurm.sbatch"
SCONTROL = '#!/bin/bash\n[ "$1 $2" = "show hostnames" ] && printf "node1\\nnode2\\n"\n'
SRUN = """#!/bin/bash
echo "$*" >> "$STEPS"
while [[ "$1" == --* ]]; do shift; done
[ "$1" = hostname ] && exec echo 127.0.0.1
exec "$@" --object-store-memory=80000000
"""


def free_port() -> int:
    """Return a free port among those that the script chooses from."""
    while True:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            port = listening.getsockname()[1]
        if 20000 <= port < 40000:
            return port


@pytest.fixture
def slurm(cli: Cli, tmp_path: Path):
    """Return the environment of a job on two nodes."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("scontrol", SCONTROL), ("srun", SRUN)):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    folder = tempfile.mkdtemp(prefix="hpt-", dir="/tmp")
    yield {
        "PATH": f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "STEPS": str(tmp_path / "steps"),
        "RAY_TMPDIR": folder,
        "SLURM_JOB_ID": str(free_port() - 20000),
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_CPUS_PER_TASK": "1",
        "SPACE": "sample.yaml",
        "STUDY": "queued",
        "WORKERS": "--workers 5",
    }
    cli.kill_all()
    wait_until(lambda: shutil.rmtree(folder, ignore_errors=True) or not Path(folder).exists(), 20)


def submit(cli: Cli, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["bash", str(SCRIPT)],
        cwd=cli.folder,
        env=cli.environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_script_is_bash():
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)


@pytest.mark.slow
def test_a_job_that_runs_out_of_time_goes_on_when_it_is_submitted_again(cli, space_file, slurm, tmp_path):
    space_file(search={"trials": 2}, finalists=None, ensemble=None)
    cli.run_warm("run", "sample.yaml", "--executor", "inline", "--name", "whole")
    cli.audit.write_text("")
    first = submit(cli, {**slurm, "SAMPLE_HOLD": "4"})
    wait_until(lambda: len(cli.audited()) >= 4 or first.poll() is not None, 120, "4 epochs")
    first.terminate()  # what --signal=B:TERM does
    out, _ = first.communicate(timeout=60)
    assert first.returncode == 143, out
    wait_until(lambda: not cli.processes(), 30, "the end of all processes")
    done = len(cli.audited())
    assert done < 2 * 6

    second = submit(cli, {**slurm, "SLURM_JOB_NUM_NODES": "1"})  # this time it gets fewer
    out, _ = second.communicate(timeout=120)
    assert second.returncode == 0, out
    assert "2 finished" in out
    assert outcome(cli.folder / "studies/queued") == outcome(cli.folder / "studies/whole")
    assert len(cli.audited()) - 2 * 6 <= 2  # each of two workers was in the middle of an epoch
    wait_until(lambda: not cli.processes(), 30, "the end of all processes")
    steps = [line.split() for line in (tmp_path / "steps").read_text().splitlines()]
    assert [("--head" in step, "ray" in step) for step in steps] == [
        *[(False, False), (True, True), (False, True)],
        *[(False, False), (True, True)],
    ]
