"""One driver at a time: whose lock holds, and when it may be taken over."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from hpsearch.errors import StudyError, StudyLockedError
from hpsearch.store import lock as locking
from hpsearch.store.lock import LOCK_FILE, DatabaseLock, DriverLock, FileLock
from hpsearch.system.lock_file import LockFile
from hpsearch.system.lock_holder import EXPIRE_S

HOST = socket.gethostname()


class DatabasePlace:
    """Locks in a database."""

    first_try = (DatabaseLock, "_insert")
    look = (DatabaseLock, "_lives")
    away = sa.exc.OperationalError("UPDATE", {}, Exception("the server is away"))

    def __init__(self, folder: Path) -> None:
        self.engine = sa.create_engine(f"sqlite:///{folder}/study.db", connect_args={"timeout": 30})
        self._now = 1_000_000.0

    def make(self, study: str) -> DatabaseLock:
        return DatabaseLock(self.engine, study, lambda: self._now)

    def wait(self, seconds: float) -> None:
        """Let the holder be silent for a time."""
        self._now += seconds

    def set_holder(self, **values: object) -> None:
        """Change what the lock says: as another process or another host would have written it."""
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        with self.engine.begin() as connection:
            connection.execute(sa.text(f"UPDATE hpsearch_lock SET {assignments}"), values)  # noqa: S608 - column names

    def holders(self) -> list[str]:
        with self.engine.connect() as connection:
            return [row.study for row in connection.execute(sa.text("SELECT study FROM hpsearch_lock ORDER BY study"))]

    def close(self) -> None:
        self.engine.dispose()


class FilePlace:
    """Locks that are files, each in its study's folder."""

    first_try = (LockFile, "_make")
    look = (LockFile, "_take_over")
    away = OSError(errno.EIO, "the server is away")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, study: str) -> FileLock:
        (self.folder / study).mkdir(exist_ok=True)
        return FileLock(self.folder / study, study)

    def wait(self, seconds: float) -> None:
        for path in self._paths():
            touched = path.stat().st_mtime
            os.utime(path, (touched, touched - seconds))

    def set_holder(self, **values: object) -> None:
        for path in self._paths():
            touched = path.stat().st_mtime
            path.write_text(json.dumps(json.loads(path.read_text()) | values))
            os.utime(path, (touched, touched))

    def holders(self) -> list[str]:
        everything = [path for path in self.folder.rglob("*") if path.is_file()]
        assert all(path.name == LOCK_FILE for path in everything), everything  # nothing else stays
        return sorted(path.parent.name for path in everything)

    def _paths(self) -> list[Path]:
        return list(self.folder.glob(f"*/{LOCK_FILE}"))

    def close(self) -> None:
        """Files need nothing."""


Place = DatabasePlace | FilePlace


@pytest.fixture(params=[DatabasePlace, FilePlace])
def place(request, tmp_path):
    place = request.param(tmp_path)
    yield place
    place.close()


@pytest.fixture
def lock(place, monkeypatch):
    """Make locks of a study; all are given back in the end, for each has a thread."""
    monkeypatch.setattr(locking, "WATCH_S", 0.05)
    monkeypatch.setattr(locking, "_LOOK_S", 0.01)
    made: list[DriverLock] = []

    def lock(study: str = "cnn") -> DriverLock:
        made.append(place.make(study))
        return made[-1]

    yield lock
    for one in made:
        one.release()


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


def test_who_lost_the_lock_notices_and_takes_nothing_back(lock, place):
    first, second = lock(), lock()
    first.acquire()
    first.beat()
    assert not first.lost
    place.set_holder(host="elsewhere")
    place.wait(EXPIRE_S + 1)
    second.acquire()
    first.beat()
    assert first.lost
    first.release()
    assert place.holders() == ["cnn"]
    second.beat()
    assert not second.lost


def race(locks: list[DriverLock]) -> list[str]:
    """Let several drivers acquire at once; return how it went for each."""
    barrier = threading.Barrier(len(locks))
    outcomes = []

    def acquire(lock: DriverLock) -> None:
        barrier.wait()
        try:
            lock.acquire()
            outcomes.append("won")
        except StudyLockedError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=acquire, args=(lock,)) for lock in locks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes, key=lambda outcome: outcome != "won")


def test_of_two_take_overs_at_the_same_moment_one_wins(lock, place, monkeypatch):
    lock().acquire()
    place.set_holder(started=0.0)
    both_have_looked = threading.Barrier(2)
    owner, name = place.look
    step, looked = getattr(owner, name), threading.local()

    def look(self: object, *arguments: object) -> bool:
        answer = step(self, *arguments) if name == "_lives" else None
        if not hasattr(looked, "once"):
            looked.once = True
            both_have_looked.wait(timeout=20)
        return step(self, *arguments) if answer is None else answer

    monkeypatch.setattr(owner, name, look)
    first, second = race([lock(), lock()])
    assert first == "won"
    assert "another driver has just taken it" in second


def test_of_many_take_overs_one_wins_each_time(lock, place):
    for turn in range(5):
        study = f"study-{turn}"
        lock(study).acquire()
        place.set_holder(started=0.0)
        assert [outcome == "won" for outcome in race([lock(study) for _ in range(6)])] == [True] + 5 * [False]
    assert len(place.holders()) == 5


def test_of_several_first_drivers_one_wins(lock):
    for turn in range(3):
        outcomes = race([lock(f"study-{turn}") for _ in range(4)])
        assert outcomes[0] == "won"
        assert all(f"study study-{turn}: " in outcome for outcome in outcomes[1:])


def test_a_lock_given_back_between_the_two_looks_is_taken(lock, place, monkeypatch):
    first, second = lock(), lock()
    first.acquire()
    owner, name = place.first_try
    step, tried = getattr(owner, name), []

    def late(self: object, *arguments: object) -> bool:
        tried.append(step(self, *arguments))
        if len(tried) == 1:
            first.release()
        return tried[-1]

    monkeypatch.setattr(owner, name, late)
    second.acquire()
    assert tried == [False, True]


def test_a_store_that_is_away_for_a_moment_ends_nothing(lock, place, monkeypatch):
    monkeypatch.setattr(locking, "BEAT_S", 0.01)
    beats, one = threading.Semaphore(0), lock()
    beat = one.beat

    def away() -> None:
        beats.release()
        raise place.away

    monkeypatch.setattr(one, "beat", away)
    one.acquire()
    assert beats.acquire(timeout=20)
    assert beats.acquire(timeout=20)  # it went on
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
    with pytest.raises(StudyError, match=r"study cnn: can't be locked in .*cnn: No such file or directory; repair"):
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
