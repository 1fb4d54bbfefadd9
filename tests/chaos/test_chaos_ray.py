"""Ray is killed: drivers, workers and the node itself, at random moments, under the vision objective and a command."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from support.chaos.studies import COMMAND, PAUSES, VISION, prepare
from support.chaos.torment import WORKERS_S, command_line, is_worker, torment
from support.waiting import wait_until

pytestmark = pytest.mark.slow

AGENTS_S = 90.0  # DESIGN, invariant 9
KILLS = 15


@pytest.mark.timeout(600)
def test_vision_on_ray_comes_out_as_undisturbed_whatever_is_killed(cli):
    toll = torment(cli, VISION, kills=KILLS)
    assert toll.mismatches == []
    assert toll.kills.total() == KILLS
    assert {name.split()[-1] for name in +toll.kills} == {"driver", "worker", "node"}


@pytest.mark.timeout(600)
def test_a_search_that_pauses_comes_out_on_ray_as_with_one_worker(cli):
    """`torment` compares with the inline executor: verdicts don't depend on which worker was fast."""
    kind = replace(PAUSES, options=VISION.options, spawns=True, hooked=False, life_s=10.0)
    toll = torment(cli, kind, kills=5)
    assert toll.mismatches == []
    assert toll.kills.total() == 5


def running(cli, mark):
    return [process for process in cli.processes() if any(mark in part for part in command_line(process))]


def test_commands_end_with_their_worker_and_workers_with_their_driver(cli):
    prepare(cli.folder, {**COMMAND.raw, "objective": {**COMMAND.raw["objective"], "epochs": 100_000}})
    driver = cli.start_warm("run", "sample.yaml", "--workers", "2")
    wait_until(lambda: len(running(cli, "chaos_command.py")) == 4, 120, "two commands and their supervisors")
    worker, _ = running(cli, "ray::Actor")
    children = worker.children(recursive=True)
    assert len(children) == 2  # the supervisor and the command
    trial = cli.folder / "studies/sample/trials" / children[0].cmdline()[-2].split("/")[-2]
    worker.kill()
    wait_until(lambda: not any(child.is_running() for child in children), WORKERS_S, "the end of the command")
    wait_until((trial / "attempt-2/state.json").exists, 120, "another worker that goes on")
    driver.kill()
    killed = time.monotonic()

    def left():
        workers = [process for process in cli.processes() if is_worker(command_line(process))]
        return workers + running(cli, "chaos_command.py")

    wait_until(lambda: not left(), WORKERS_S, "the end of all workers")
    cli.ends_by = killed + AGENTS_S  # other tests need not wait for Ray's agents
