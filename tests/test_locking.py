"""One driver at a time: whose lock holds, and when it may be taken over."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress

import psutil
import pytest
import sqlalchemy as sa

from hpsearch.errors import StudyError, StudyLockedError
from hpsearch.locking import EXPIRE_S, DriverLock

HOST = socket.gethostname()


class Clock:
    """Seconds since the epoch, as the test says."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def engine(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/study.db", connect_args={"timeout": 30})
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lock(engine, clock):
    """Make locks of a study; all are given back in the end, for each has a thread."""
    made: list[DriverLock] = []

    def lock(study: str = "cnn") -> DriverLock:
        made.append(DriverLock(engine, study, clock))
        return made[-1]

    yield lock
    for one in made:
        with suppress(sa.exc.SQLAlchemyError):
            one.release()


def set_holder(engine: sa.Engine, **values: object) -> None:
    """Change the row of the lock: as another process or another host would have written it."""
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE hpsearch_lock SET {assignments}"), values)  # noqa: S608 - column names


def holders(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return [row.study for row in connection.execute(sa.text("SELECT study FROM hpsearch_lock ORDER BY study"))]


def test_a_second_driver_is_refused_with_process_and_host(lock):
    lock().acquire()
    with pytest.raises(StudyLockedError) as caught:
        lock().acquire()
    message = str(caught.value)
    assert f"study cnn: is being run by process {os.getpid()} on host {HOST}" in message
    assert "allowed: one driver at a time" in message
    assert "\n" not in message


def test_another_study_of_the_same_database_is_free(lock, engine):
    lock().acquire()
    lock("other").acquire()
    assert holders(engine) == ["cnn", "other"]


def test_a_lock_that_was_given_back_is_free(lock, engine):
    first = lock()
    first.acquire()
    first.release()
    assert holders(engine) == []
    lock().acquire()
    first.release()  # a second time takes nobody else's
    assert holders(engine) == ["cnn"]


def test_giving_back_ends_the_heartbeat(lock):
    before = threading.active_count()
    one = lock()
    one.acquire()
    assert threading.active_count() == before + 1
    one.release()
    assert threading.active_count() == before


def test_a_dead_process_of_this_host_is_taken_over_at_once(lock, engine):
    lock().acquire()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(dead.pid).create_time()
    set_holder(engine, pid=dead.pid, started=started)
    dead.wait()
    second = lock()
    second.acquire()
    assert not second.lost
    with pytest.raises(StudyLockedError):
        lock().acquire()


def test_a_killed_process_that_nobody_waited_for_is_dead(lock, engine):
    lock().acquire()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    set_holder(engine, pid=child.pid, started=psutil.Process(child.pid).create_time())
    with pytest.raises(StudyLockedError):
        lock().acquire()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    lock().acquire()
    child.stdin.close()
    child.wait()


def test_the_same_process_id_with_another_start_is_another_process(lock, engine):
    lock().acquire()
    set_holder(engine, started=psutil.Process().create_time() - 3600)
    lock().acquire()


def test_a_holder_on_another_host_is_gone_only_when_its_heartbeat_has_expired(lock, engine, clock):
    first = lock()
    first.acquire()
    set_holder(engine, host="elsewhere", pid=4711)
    clock.now += EXPIRE_S - 1
    with pytest.raises(StudyLockedError, match="process 4711 on host elsewhere"):
        lock().acquire()
    first.beat()
    clock.now += EXPIRE_S - 1
    with pytest.raises(StudyLockedError):
        lock().acquire()
    clock.now += 2
    lock().acquire()


def test_who_lost_the_lock_notices_and_takes_nothing_back(lock, engine, clock):
    first, second = lock(), lock()
    first.acquire()
    first.beat()
    assert not first.lost
    set_holder(engine, host="elsewhere")
    clock.now += EXPIRE_S + 1
    second.acquire()
    first.beat()
    assert first.lost
    first.release()
    assert holders(engine) == ["cnn"]
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


def test_of_two_take_overs_at_the_same_moment_one_wins(lock, engine, monkeypatch):
    lock().acquire()
    set_holder(engine, started=0.0)
    both_have_looked = threading.Barrier(2)
    alive = DriverLock._alive

    def look(self: DriverLock, row: object) -> bool:
        answer = alive(self, row)
        both_have_looked.wait(timeout=20)
        return answer

    monkeypatch.setattr(DriverLock, "_alive", look)
    first, second = race([lock(), lock()])
    assert first == "won"
    assert "another driver has just taken it" in second


def test_of_several_first_drivers_one_wins(lock):
    for turn in range(3):
        outcomes = race([lock(f"study-{turn}") for _ in range(4)])
        assert outcomes[0] == "won"
        assert all(f"study study-{turn}: " in outcome for outcome in outcomes[1:])


def test_a_lock_given_back_between_the_two_looks_is_taken(lock, monkeypatch):
    first, second = lock(), lock()
    first.acquire()
    insert, tried = DriverLock._insert, []

    def late(self: DriverLock, mine: dict[str, object]) -> bool:
        tried.append(insert(self, mine))
        if len(tried) == 1:
            first.release()
        return tried[-1]

    monkeypatch.setattr(DriverLock, "_insert", late)
    second.acquire()
    assert tried == [False, True]


def test_a_store_that_is_away_for_a_moment_ends_nothing(lock, engine, monkeypatch):
    from hpsearch import locking

    monkeypatch.setattr(locking, "BEAT_S", 0.01)
    beats, one = threading.Semaphore(0), lock()
    beat = one.beat

    def away() -> None:
        beats.release()
        raise sa.exc.OperationalError("UPDATE", {}, Exception("the server is away"))

    monkeypatch.setattr(one, "beat", away)
    one.acquire()
    assert beats.acquire(timeout=20)
    assert beats.acquire(timeout=20)  # it went on
    monkeypatch.setattr(one, "beat", beat)
    assert not one.lost
    assert holders(engine) == ["cnn"]


def test_a_database_that_is_gone_does_not_hide_the_first_error(lock, engine):
    one = lock()
    one.acquire()
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE hpsearch_lock"))
    one.release()


def test_a_database_that_cannot_be_written_is_one_clear_error(engine):
    sa.event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA query_only=ON"))
    with pytest.raises(StudyError, match=r"study cnn: can't be locked in .*: attempt to write a readonly") as caught:
        DriverLock(engine, "cnn").acquire()
    assert "\n" not in str(caught.value)
