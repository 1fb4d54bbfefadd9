"""One driver at a time: whose lock holds, and when it may be taken over."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading

import psutil
import pytest
import sqlalchemy as sa

from hpsearch.errors import StudyError, StudyLockedError
from hpsearch.store import lock as locking
from hpsearch.store.lock import LOCK_FILE
from hpsearch.system.lock_holder import EXPIRE_S
from support.conformance.locks import DatabasePlace, FilePlace, Races

HOST = socket.gethostname()


@pytest.fixture(params=[DatabasePlace, FilePlace])
def place(request, tmp_path):
    place = request.param(tmp_path)
    yield place
    place.close()


class TestRaces(Races):
    """Of several drivers one has the lock."""


def test_a_second_driver_is_refused_with_process_and_host(lock):
    lock().acquire()
    with pytest.raises(StudyLockedError) as caught:
        lock().acquire()
    message = str(caught.value)
    assert f"study cnn: is being run by process {os.getpid()} on host {HOST}" in message
    assert "allowed: one driver at a time" in message
    assert "\n" not in message


def test_another_study_of_the_same_database_is_free(lock, place):
    lock().acquire()
    lock("other").acquire()
    assert place.holders() == ["cnn", "other"]


def test_a_lock_that_was_given_back_is_free(lock, place):
    first = lock()
    first.acquire()
    first.release()
    assert place.holders() == []
    lock().acquire()
    first.release()  # a second time takes nobody else's
    assert place.holders() == ["cnn"]


def test_giving_back_ends_the_heartbeat(lock):
    before = threading.active_count()
    one = lock()
    one.acquire()
    assert threading.active_count() == before + 1
    one.release()
    assert threading.active_count() == before


def test_a_dead_process_of_this_host_is_taken_over_at_once(lock, place):
    lock().acquire()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(dead.pid).create_time()
    place.set_holder(pid=dead.pid, started=started)
    dead.wait()
    second = lock()
    second.acquire()
    assert not second.lost
    with pytest.raises(StudyLockedError):
        lock().acquire()


def test_a_killed_process_that_nobody_waited_for_is_dead(lock, place):
    lock().acquire()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    place.set_holder(pid=child.pid, started=psutil.Process(child.pid).create_time())
    with pytest.raises(StudyLockedError):
        lock().acquire()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    lock().acquire()
    child.stdin.close()
    child.wait()


def test_the_same_process_id_with_another_start_is_another_process(lock, place):
    lock().acquire()
    place.set_holder(started=psutil.Process().create_time() - 3600)
    lock().acquire()


def test_a_holder_on_another_host_is_gone_only_when_its_heartbeat_has_expired(lock, place):
    first = lock()
    first.acquire()
    place.set_holder(host="elsewhere", pid=4711)
    place.wait(0.6 * EXPIRE_S)
    with pytest.raises(StudyLockedError, match="process 4711 on host elsewhere"):
        lock().acquire()
    first.beat()
    place.wait(0.6 * EXPIRE_S)
    with pytest.raises(StudyLockedError):
        lock().acquire()
    place.wait(0.6 * EXPIRE_S)
    lock().acquire()


def test_a_store_that_is_away_for_a_moment_ends_nothing(lock, place, monkeypatch):
    monkeypatch.setattr(locking, "BEAT_S", 0.01)
    beats, one = threading.Semaphore(0), lock()
    beat = one.beat

    def away() -> None:
        beats.release()
        raise place.away

    monkeypatch.setattr(one, "beat", away)
    one.acquire()
    assert beats.acquire(timeout=120)
    assert beats.acquire(timeout=120)  # it went on
    monkeypatch.setattr(one, "beat", beat)
    assert not one.lost
    assert place.holders() == ["cnn"]


@pytest.mark.parametrize("place", [DatabasePlace], indirect=True)
def test_a_database_that_is_gone_does_not_hide_the_first_error(lock, place):
    one = lock()
    one.acquire()
    with place.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE hpsearch_lock"))
    one.release()


@pytest.mark.parametrize("place", [DatabasePlace], indirect=True)
def test_a_database_that_cannot_be_written_is_one_clear_error(lock, place):
    sa.event.listen(place.engine, "connect", lambda c, _: c.execute("PRAGMA query_only=ON"))
    with pytest.raises(StudyError, match=r"study cnn: can't be locked in .*: attempt to write a readonly") as caught:
        lock().acquire()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", [FilePlace], indirect=True)
def test_a_folder_that_cannot_be_written_is_one_clear_error(lock, place):
    one = lock()
    (place.folder / "cnn").rmdir()
    with pytest.raises(StudyError, match=r"study cnn: can't be locked in .*cnn: No such file or directory; fix"):
        one.acquire()


@pytest.mark.parametrize("place", [FilePlace], indirect=True)
def test_a_lock_file_that_was_taken_away_is_lost(lock, place):
    one = lock()
    one.acquire()
    (place.folder / "cnn" / LOCK_FILE).unlink()
    one.beat()
    assert one.lost


@pytest.mark.parametrize("place", [FilePlace], indirect=True)
def test_a_folder_that_is_gone_does_not_hide_the_first_error(lock, place):
    one = lock()
    one.acquire()
    shutil.rmtree(place.folder / "cnn")
    one.release()
