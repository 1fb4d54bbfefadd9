"""What objectives leave behind is found at any depth, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from hpsearch.executors.machine.processes import MARK, end_marked, marking
from support.waiting import wait_until

PARENT = """
import os, subprocess, sys
sleep = [sys.executable, "-S", "-c", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"]
child = subprocess.Popen(sleep, start_new_session=True, stdout=subprocess.DEVNULL)
fork = os.fork()
if fork == 0:
    import signal
    os.close(1)
    signal.pause()
print(child.pid, fork, flush=True)
os._exit(0)
"""


def orphans() -> list[psutil.Process]:
    """Start a process that leaves a child in a session of its own and a fork behind, and ends."""
    command = [sys.executable, "-S", "-c", PARENT]
    done = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=True)
    return [psutil.Process(int(pid)) for pid in done.stdout.split()]


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_all_that_was_started_under_a_mark_is_ended_and_nothing_else(monkeypatch):
    monkeypatch.setenv(MARK, "another")
    with marking("mine"):
        mine = orphans()
    others = orphans()
    assert os.environ[MARK] == "another"
    try:
        assert all(alive(process) for process in [*mine, *others])
        end_marked("mine")
        wait_until(lambda: not any(alive(process) for process in mine), 10, "the end of the orphans")
        assert all(alive(process) for process in others)
    finally:
        for process in [*mine, *others]:
            if alive(process):
                process.kill()


def test_a_mark_ends_with_its_block(monkeypatch):
    monkeypatch.delenv(MARK, raising=False)
    with pytest.raises(ValueError, match="it"), marking("mine"):
        raise ValueError("it")
    assert MARK not in os.environ
