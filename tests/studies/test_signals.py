"""Signals, one after the other, to commands whose objectives are blocked in all kinds of things."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from hpsearch.system import last_exit
from hpsearch.system.escalation import may_leave
from hpsearch.system.signals import Interrupts
from support.paths import OBJECTIVES
from support.waiting import Patience, wait_until

pytestmark = pytest.mark.slow

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
LAST_S = 30.0
SOON_S = 1.0  # a signal that is not answered by then gets another one
ORDERLY, BY_FORCE = "interrupted; nothing is lost", "ended by force; what was committed is kept"


def start(cli, space_file, how: str, *options: str) -> subprocess.Popen[str]:
    """Start a study in a process group of its own, and wait until its objective blocks."""
    shutil.copy(OBJECTIVES / "blocking_objectives.py", cli.folder)
    space_file(
        objective={"python": "blocking_objectives:block", "epochs": 4},
        space={"how": how, "lr": {"uniform": [0.1, 1.0]}},
        search={"trials": 2},
        finalists=None,
        ensemble=None,
    )
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "hpsearch"), "run", "sample.yaml", *options],
        cwd=cli.folder,
        env=cli.environment(),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: process.poll() is not None or "0 3 attempt-1" in cli.audited(), 120, "the third epoch")
    assert process.poll() is None, process.communicate()
    return process


def ended(process: subprocess.Popen[str], within_s: float) -> bool:
    """Return whether a process ends within some seconds."""
    patience = Patience(within_s)
    while process.poll() is None and not patience.ended():
        time.sleep(0.02)
    return process.poll() is not None


def interrupt(process: subprocess.Popen[str], number: int, most: int, *, group: bool = False) -> int:
    """Send a signal again and again until the process has ended; return how often that was."""
    for count in range(1, most + 1):
        (os.killpg if group else os.kill)(process.pid, number)
        if ended(process, SOON_S if count < most else LAST_S):
            return count
    process.kill()
    raise AssertionError(f"{most} signals did not end it")


def assert_says_how_to_go_on(err: str, *words: str) -> None:
    assert any(f"{one}. To go on: hpsearch resume sample" in err for one in words), err


def assert_goes_on(cli) -> None:
    """Check that nothing is left but what was committed, and that a resume goes on from there."""
    wait_until(lambda: not cli.processes(), 30, f"the end of {[one.cmdline() for one in cli.processes()]}")
    assert [epoch for epoch in cli.audited() if epoch.startswith("0")] == [f"0 {e} attempt-1" for e in (1, 2, 3)]
    cli.run_warm("resume", "sample", "--executor", "inline")
    assert "0 2 attempt-2" not in cli.audited()
    assert "0 3 attempt-2" in cli.audited()
    trials = json.loads(cli.run_warm("show", "sample", "--json").stdout)["trials"]
    assert [(one["stop_reason"], one["epochs"]) for one in trials] == [("finished", 4)] * 2


@pytest.mark.parametrize(
    ("how", "number", "group"),
    [
        ("lock", TERM, False),
        ("child", INT, True),
        ("event_loop", INT, False),
        ("pool", TERM, False),
        ("forked_pool", TERM, False),
        ("forked_pool", INT, True),
    ],
)
def test_one_signal_is_enough_where_the_main_thread_answers(cli, space_file, how, number, group):
    process = start(cli, space_file, how, "--executor", "inline")
    interrupt(process, number, 2 if "pool" in how else 1, group=group)  # a pool may wait for a dead worker's lock
    _, err = process.communicate()
    assert process.returncode in (128 + number, -number), err  # a shell says the same for both
    assert "resource_tracker" not in err
    assert_says_how_to_go_on(err, ORDERLY, *([BY_FORCE] if "pool" in how else []))
    assert_goes_on(cli)


@pytest.mark.parametrize(
    ("how", "number", "words"),
    [
        ("swallow", INT, BY_FORCE),
        ("own_handlers", HUP, BY_FORCE),
        ("c_call", TERM, BY_FORCE),
        ("locked_c_call", TERM, BY_FORCE),
        ("locked_c_call", INT, BY_FORCE),
        ("clean_up_forever", TERM, ORDERLY),
    ],
)
def test_a_second_signal_ends_what_does_not_answer_the_first(cli, space_file, how, number, words):
    process = start(cli, space_file, how, "--executor", "inline")
    assert interrupt(process, number, 2) == 2
    _, err = process.communicate()
    assert process.returncode == 128 + number, err
    # Which of the two ends an endless clean-up depends on how busy the machine is.
    assert_says_how_to_go_on(err, words, *([BY_FORCE] if how == "clean_up_forever" else []))
    assert_goes_on(cli)


def test_a_signal_to_all_of_the_group_ends_a_pool_whose_workers_die_of_it(cli, space_file):
    process = start(cli, space_file, "pool", "--executor", "inline")
    interrupt(process, TERM, 2, group=True)
    _, err = process.communicate()
    assert process.returncode == 128 + TERM, err
    assert_goes_on(cli)


def test_two_signals_at_once_are_one(cli, space_file):
    process = start(cli, space_file, "sleep", "--executor", "inline")
    process.send_signal(TERM)
    os.killpg(process.pid, TERM)  # as `timeout` does
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + TERM
    assert ORDERLY in err
    assert "Traceback" not in err
    assert_goes_on(cli)


def test_a_killed_command_leaves_no_process_of_its_objective(cli, space_file):
    process = start(cli, space_file, "forked_pool", "--executor", "inline")
    process.kill()
    process.communicate()
    assert_goes_on(cli)


def test_a_third_signal_ends_a_command_whose_ray_hangs(cli, space_file):
    process = start(cli, space_file, "swallow", "--workers", "1")
    for one in psutil.Process(process.pid).children(recursive=True):
        if one.name() in ("raylet", "gcs_server"):
            one.suspend()
    assert interrupt(process, TERM, 3) == 3
    _, err = process.communicate()
    assert process.returncode == 128 + TERM, err
    assert f"{BY_FORCE}. To go on: hpsearch resume sample" in err
    assert_goes_on(cli)


def test_a_signal_to_all_of_the_group_ends_ray_workers_that_swallow_it(cli, space_file):
    process = start(cli, space_file, "swallow", "--workers", "1")
    interrupt(process, TERM, 3, group=True)
    process.communicate()
    assert process.returncode in (128 + TERM, -TERM)  # a shell says 143 for both
    assert_goes_on(cli)


HARD = """
import sys, time
from pathlib import Path
from hpsearch.system.escalation import done_at_a_hard_end, may_leave, removed_at_a_hard_end
from hpsearch.system.signals import Interrupts
folder, interrupts = Path(sys.argv[1]), Interrupts()
with may_leave(), removed_at_a_hard_end(str(folder / "temporary")), done_at_a_hard_end((folder / "file").unlink):
    with interrupts.listening():
        interrupts.on_second(None, in_process=True)
        with interrupts.guarded("none"):
            (folder / "temporary").mkdir()
            (folder / "file").touch()
            (folder / "ready").touch()
            if sys.argv[2] == "locked":
                sum(range(10**14))
            while True:
                try:
                    time.sleep(600)
                except BaseException:
                    continue
"""


@pytest.mark.parametrize("how", ["swallow", "locked"])
def test_a_hard_end_leaves_no_temporary_folder(tmp_path, how):
    process = subprocess.Popen([sys.executable, "-c", HARD, str(tmp_path), how])
    wait_until(lambda: process.poll() is not None or (tmp_path / "ready").exists(), 60, "its start")
    assert interrupt(process, TERM, 2) == 2
    assert process.returncode == 128 + TERM
    wait_until(lambda: not (tmp_path / "temporary").exists(), 10, "the folder's removal")
    assert (tmp_path / "file").exists() == (how == "locked")  # no code of that process runs any more


EXIT = """
import ctypes, os
from hpsearch.system.last_exit import exits_on_message
with exits_on_message([7, 9]) as queues:
    if os.fork() == 0:
        ctypes.CDLL(None).mq_send(queues[9], b"!", ctypes.c_size_t(1), 0)
        os._exit(0)
    sum(range(10**14))
"""


def test_a_message_ends_a_process_that_python_can_not_end():
    assert subprocess.run([sys.executable, "-c", EXIT], check=False, timeout=60).returncode == 9
    with last_exit.exits_on_message([3]) as queues:
        assert list(queues) == [3]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(queues[3])


def test_only_a_command_may_be_ended_by_the_hard_way():
    interrupts = Interrupts()
    with interrupts.listening(), interrupts.guarded("of-a-notebook") as guard:
        assert guard is None
    with may_leave(), interrupts.guarded("before-the-study") as guard:
        assert guard is None
    with may_leave(), interrupts.listening(), interrupts.guarded("of-a-command") as guard:
        assert psutil.Process(guard).ppid() == os.getpid()
    assert not psutil.pid_exists(guard)


def test_a_child_that_is_forked_tells_nobody_of_its_signals():
    interrupts = Interrupts()
    with interrupts.listening():
        child = os.fork()
        if child == 0:
            handlers = [signal.getsignal(number) for number in (INT, TERM, HUP)]
            expected = [signal.default_int_handler, signal.SIG_DFL, signal.SIG_DFL]
            os._exit(handlers != expected or signal.set_wakeup_fd(-1) != -1)
        assert os.waitpid(child, 0)[1] == 0
    assert interrupts.requested is None
