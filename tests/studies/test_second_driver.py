"""A second driver, a driver that was frozen, and clocks that jump: one writer, whatever the time is said to be."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import psutil
import pytest
import sqlalchemy as sa

from hpsearch.errors import StudyError, StudyLockedError
from hpsearch.store import lock as locking
from hpsearch.store.lock import DatabaseLock
from hpsearch.store.store import Store
from hpsearch.system import lock_holder as holder
from hpsearch.system.lock_holder import EXPIRE_S, Holder
from hpsearch.trial.trial import Direction
from support.outcomes import outcome, trained
from support.waiting import wait_until

INLINE = ("--executor", "inline")
SMALL = {"objective": {"epochs": 3}, "search": {"trials": 3}, "finalists": {"configs": 1, "seeds": 2}}
EPOCHS = 5 * 3
HOUR_S, DAY_S = 3600.0, 86400.0


HASTY = """
import hpsearch.system.lock_holder
import hpsearch.store.lock
from sample_objectives import climb

hpsearch.system.lock_holder.EXPIRE_S = hpsearch.store.lock.EXPIRE_S = 2.0
hpsearch.store.lock.BEAT_S, hpsearch.store.lock.WATCH_S = 0.2, 1.0
train = climb
"""


@pytest.fixture
def slow_study(cli, space_file):
    """A study that is under way, with its store elsewhere than in its folder, and hearts that beat fast."""
    (cli.folder / "hasty.py").write_text(HASTY)
    space_file(**{**SMALL, "objective": {"python": "hasty:train", "epochs": 3}})
    storage = ("--storage", f"sqlite:///{cli.folder}/shared.db")
    process = cli.start_warm("run", "sample.yaml", *INLINE, *storage, SAMPLE_HOLD="2")
    wait_until(lambda: len(cli.audited()) >= 2 or process.poll() is not None, 60, "two epochs")
    yield process, storage
    process.send_signal(signal.SIGCONT)
    process.kill()


def set_lock_row(cli, **values: object) -> None:
    with closing(sqlite3.connect(cli.folder / "shared.db", timeout=30)) as connection:
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        connection.execute(f"UPDATE hpsearch_lock SET {assignments}", values)  # noqa: S608 - column names
        connection.commit()


def freeze(cli, process) -> bool:
    """Freeze a driver; not in the middle of a write, where it would hold the store."""
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, 20)
    with closing(sqlite3.connect(cli.folder / "shared.db", timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            return False
    return True


def beat_of(cli) -> float:
    with closing(sqlite3.connect(cli.folder / "shared.db")) as connection:
        return connection.execute("SELECT beat FROM hpsearch_lock").fetchone()[0]


@pytest.mark.slow
def test_a_driver_that_was_frozen_writes_nothing_after_another_has_taken_over(cli, slow_study):
    first, storage = slow_study
    refused = cli.run_warm("resume", "sample", *INLINE, *storage, code=2)
    assert f"study sample: is being run by process {first.pid} on host {socket.gethostname()}" in refused.stderr
    wait_until(lambda: freeze(cli, first), 20, "a moment between two writes")
    frozen = cli.run_warm("resume", "sample", *INLINE, *storage, code=2)  # one that is frozen is not gone
    assert f"process {first.pid}" in frozen.stderr
    set_lock_row(cli, host="elsewhere")  # another machine knows nothing but its heartbeat
    wait_until(lambda: time.time() - beat_of(cli) > 2.0, 20, "the end of the heartbeat")
    second = cli.start_warm("resume", "sample", *INLINE, *storage)
    wait_until(lambda: "was not heard of for long; watching it" in second.so_far()[1], 60, "the word")
    _, said = second.communicate()
    assert second.returncode == 0, said
    expected, rows = configs_of(cli), dump(cli)
    cli.let_go()
    first.send_signal(signal.SIGCONT)
    _, said = first.communicate(60)
    assert first.returncode == 1
    assert "another driver has taken it over, for this one did not renew its lock in time" in said
    assert dump(cli) == rows
    assert configs_of(cli) == expected
    assert len(trained(cli)) <= EPOCHS + 2  # one that the first was in, and one that it had not stored


def configs_of(cli) -> dict:
    from hpsearch.study.study import load_study

    study = load_study(cli.folder / "studies/sample", storage=f"sqlite:///{cli.folder}/shared.db")
    found = {r.number: (r.params, r.seed, r.value, dict(r.values)) for r in study.store.records("search")}
    study.close()
    return found


def dump(cli) -> list[str]:
    with closing(sqlite3.connect(cli.folder / "shared.db")) as connection:
        return [line for line in connection.iterdump() if "hpsearch_lock" not in line]


@pytest.fixture
def engine(tmp_path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/a.db")
    yield engine
    engine.dispose()


@pytest.fixture
def watched(monkeypatch) -> None:
    monkeypatch.setattr(locking, "WATCH_S", 1.0)
    monkeypatch.setattr(locking, "_LOOK_S", 0.01)


def elsewhere(lock: DatabaseLock) -> DatabaseLock:
    lock._me = replace(lock._me, host="elsewhere")
    return lock


@pytest.mark.parametrize("jump_s", [HOUR_S, DAY_S, -HOUR_S, -DAY_S])
def test_a_clock_that_jumps_lets_no_second_driver_in_while_the_first_lives(engine, watched, monkeypatch, jump_s):
    monkeypatch.setattr(locking, "BEAT_S", 0.05)
    first = elsewhere(DatabaseLock(engine, "cnn"))
    first.acquire()
    try:
        with pytest.raises(StudyLockedError, match="on host elsewhere"):
            DatabaseLock(engine, "cnn", lambda: time.time() + jump_s).acquire()
        assert not first.lost
    finally:
        first.release()


@pytest.mark.parametrize("jump_s", [HOUR_S, DAY_S, -HOUR_S, -DAY_S])
def test_a_clock_that_jumps_does_not_keep_a_study_from_being_resumed(engine, watched, jump_s, monkeypatch, caplog):
    monkeypatch.setattr(locking, "WATCH_S", 0.05)
    gone = elsewhere(DatabaseLock(engine, "cnn", lambda: time.time() + jump_s))
    gone._take()
    second = DatabaseLock(engine, "cnn")
    second.acquire()
    assert "was not heard of for long; watching it" in caplog.text
    second.release()


def test_a_holder_is_the_same_process_whatever_the_clock_says(monkeypatch):
    me = Holder.this_process()
    boot_time = psutil.boot_time()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: boot_time + HOUR_S)  # as Linux tells it after a jump
    assert me.lives(0.0)
    assert Holder.this_process().started == me.started


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the start of a process is told in another way")
def test_a_holder_that_an_older_version_wrote_is_known():
    started = psutil.Process().create_time()
    assert started > holder._SINCE_1970_S
    older = replace(Holder.this_process(), started=started)
    assert older.lives(0.0)
    assert not replace(older, started=started - HOUR_S).lives(0.0)


@pytest.mark.parametrize("url", ["sqlite", "journal"])
def test_a_driver_that_was_not_heard_of_for_long_looks_before_it_writes(tmp_path, monkeypatch, url):
    now = [1000.0]
    monkeypatch.setattr(locking, "_now", lambda: now[0])
    store = Store.create(tmp_path, "cnn", url, Direction.MAXIMIZE, {})
    lock = store.lock()
    store.put("before", value=True)  # nothing is held, nothing can be lost
    lock.acquire()
    try:
        lock._me = replace(lock._me, token="of one that another has replaced")  # noqa: S106 - a lock's
        if url == "journal":
            lock._file._me = lock._me
        store.put("soon", value=True)  # for so long nobody else can have taken it
        now[0] += EXPIRE_S
        with pytest.raises(StudyError, match="another driver has taken it over"):
            store.put("late", value=True)
        assert lock.lost
    finally:
        lock.release()
        store.close()
    reopened = Store.open(tmp_path)
    assert (reopened.get("soon"), reopened.get("late")) == (True, None)
    reopened.close()


JUMPING = """
import time
from sample_objectives import climb

real = time.time


def train(config, trial):
    for number, metrics in enumerate(climb(config, trial)):
        jump = (3600.0, -86400.0, 86400.0)[(trial.number + number) % 3]
        time.time = lambda: real() + jump
        yield metrics
"""


@pytest.mark.slow
def test_a_clock_that_jumps_in_mid_study_changes_nothing(cli, space_file):
    """Time limits, budgets and the seconds of trials are measured by a clock that nobody sets."""
    changes = {**SMALL, "faults": {"epoch_timeout_s": 60, "trial_timeout_s": 120}, "budget": {"time": "10min"}}
    space_file(**changes)
    cli.run_warm("run", "sample.yaml", *INLINE, "--name", "whole")
    (cli.folder / "jumping.py").write_text(JUMPING)
    objective = ("--set", "objective.python=jumping:train")
    cli.run_warm("run", "sample.yaml", *INLINE, "--name", "jumped", *objective)
    assert outcome(cli.folder / "studies/jumped") == outcome(cli.folder / "studies/whole")
    study = cli.run_warm("show", "jumped", "--json").stdout
    assert all(0 <= trial["seconds"] < 60 for trial in json.loads(study)["trials"])


def can_shift() -> bool:
    command = ["unshare", "--time", "--monotonic", "100", "true"]
    return bool(shutil.which("unshare")) and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not can_shift(), reason="needs the right to make a time namespace")
def test_a_resume_after_a_reboot_starts_on_another_clock(cli, space_file):
    """The clock that nobody sets begins anew with the machine: nothing of it may be stored."""
    space_file(**SMALL, budget={"time": "10min"})
    cli.run_warm("run", "sample.yaml", *INLINE, "--name", "whole")
    cli.audit.write_text("")
    process = cli.start_warm("run", "sample.yaml", *INLINE, SAMPLE_HOLD="4")
    wait_until(lambda: len(cli.audited()) >= 4, 60, "some epochs")
    process.kill()
    shifted = ["unshare", "--time", "--monotonic", "1000000", "--boottime", "1000000", "sh", "-c", "echo; exec cat"]
    clocks = subprocess.Popen(shifted, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    clocks.stdout.readline()
    cli.run_warm("resume", "sample", *INLINE, TEST_CLOCKS_OF=str(clocks.pid))
    clocks.communicate()
    assert outcome(cli.folder / "studies/sample") == outcome(cli.folder / "studies/whole")
