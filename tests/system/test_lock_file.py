"""Lock files: whose they are, whose are taken over, and that nothing of taking them over stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
from optuna.storages.journal import JournalFileOpenLock, JournalFileSymlinkLock

from hpsearch.system.lock_file import HeldError, LockFile
from hpsearch.system.lock_holder import EXPIRE_S, Holder

ME = Holder.this_process()


@pytest.fixture
def path(tmp_path) -> Path:
    (tmp_path / "journal.log").touch()
    return tmp_path / "journal.log.lock"


@pytest.fixture(scope="module")
def dead() -> Holder:
    """A process of this host that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    holder = replace(ME, token="d" * 32, pid=process.pid, started=psutil.Process(process.pid).create_time())
    process.wait()
    return holder


def write(path: Path, holder: Holder) -> None:
    path.write_text(json.dumps(asdict(holder)))


def age(path: Path, seconds: float) -> None:
    touched = path.lstat().st_mtime
    os.utime(path, (touched, touched - seconds), follow_symlinks=False)


def names(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.iterdir())


def test_the_file_names_its_holder_and_goes_with_the_lock(path):
    lock = LockFile(path, ME)
    assert lock.take()
    assert Holder(**json.loads(path.read_text())) == ME
    lock.give_back()
    assert names(path) == ["journal.log"]
    assert lock.take()


@pytest.mark.parametrize("optuna_lock", [JournalFileOpenLock, JournalFileSymlinkLock])
def test_optunas_locks_and_these_keep_each_other_out(path, optuna_lock):
    theirs, ours = optuna_lock(str(path.with_suffix(""))), LockFile(path, ME)
    theirs.acquire()
    with pytest.raises(HeldError) as caught:
        ours.take()
    assert caught.value.holder is None
    theirs.release()
    assert ours.take()
    with pytest.raises(FileExistsError):
        path.symlink_to("anything")


@pytest.mark.parametrize("optuna_lock", [JournalFileOpenLock, JournalFileSymlinkLock])
def test_a_lock_without_a_name_expires(path, optuna_lock):
    optuna_lock(str(path.with_suffix(""))).acquire()
    age(path, 0.5 * EXPIRE_S)
    lock = LockFile(path, ME)
    with pytest.raises(HeldError):
        lock.take()
    age(path, 0.6 * EXPIRE_S)
    assert lock.take()
    assert lock.is_mine()
    assert path.with_suffix("").read_bytes() == b""
    lock.give_back()
    assert names(path) == ["journal.log"]


def test_a_link_to_nowhere_expires_too(path):
    path.symlink_to("/nowhere/at/all")  # Optuna's, in a folder that was moved
    with pytest.raises(HeldError):
        LockFile(path, ME).take()
    age(path, 1.1 * EXPIRE_S)
    assert LockFile(path, ME).take()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"token": "x"}', '{"token": 1, "host": 2, "pid": {}}'])
def test_what_is_no_holder_counts_as_one_without_a_name(path, text):
    path.write_text(text)
    with pytest.raises(HeldError):
        LockFile(path, ME).take()
    age(path, 1.1 * EXPIRE_S)
    assert LockFile(path, ME).take()


def test_a_dead_process_of_this_host_is_taken_over_at_once(path, dead):
    write(path, dead)
    lock = LockFile(path, ME)
    assert lock.take()
    assert lock.is_mine()
    assert names(path) == ["journal.log", "journal.log.lock"]


def test_a_process_that_died_while_it_took_over_is_taken_over_too(path, dead):
    write(path, dead)
    claimer = replace(dead, token="c" * 32)
    write(path.with_name(f".{path.name}.{dead.token[:12]}"), claimer)
    lock = LockFile(path, ME)
    assert lock.take()
    assert lock.is_mine()
    assert names(path) == ["journal.log", "journal.log.lock"]


def test_while_another_takes_over_nobody_else_does(path, dead):
    write(path, dead)
    write(path.with_name(f".{path.name}.{dead.token[:12]}"), replace(ME, token="e" * 32))
    assert not LockFile(path, ME).take()
    assert Holder(**json.loads(path.read_text())) == dead


def test_a_successor_is_not_taken_for_the_one_that_was_gone(path, dead, monkeypatch):
    """Another has looked, waits, and takes over when the lock has changed hands in the meantime."""
    write(path, dead)
    first, late = LockFile(path, replace(ME, token="1" * 32)), LockFile(path, replace(ME, token="2" * 32))
    take_over = LockFile._take_over

    def slow(self: LockFile, gone: object) -> bool:
        if self is late:
            assert first.take()
        return take_over(self, gone)

    monkeypatch.setattr(LockFile, "_take_over", slow)
    assert not late.take()
    assert first.is_mine()


def test_a_holder_that_was_replaced_touches_and_removes_nothing(path):
    lock = LockFile(path, replace(ME, host="elsewhere", token="e" * 32))
    assert lock.take()
    age(path, 1.1 * EXPIRE_S)
    successor = LockFile(path, ME)
    assert successor.take()
    age(path, 100.0)
    touched = path.stat().st_mtime
    lock.touch()
    assert path.stat().st_mtime == touched
    lock.give_back()
    assert successor.is_mine()


def test_ages_are_those_of_the_file_system(path, monkeypatch):
    write(path, replace(ME, host="elsewhere"))
    monkeypatch.setattr("time.time", lambda: 4e9)  # this machine's clock says nothing
    with pytest.raises(HeldError):
        LockFile(path, ME).take()


def test_what_others_were_killed_over_goes_with_the_next_that_takes_over(path, dead):
    write(path, dead)
    for left in ("a" * 12, f"{'b' * 12}.tmp", f"{'c' * 12}.now"):
        write(path.with_name(f".{path.name}.{left}"), dead)
    alive = path.with_name(f".{path.name}.{'e' * 12}")
    write(alive, ME)
    lock = LockFile(path, replace(ME, token="f" * 32))
    assert lock.take()
    assert {file.name for file in path.parent.iterdir()} == {"journal.log", path.name, alive.name}
    lock.give_back()
