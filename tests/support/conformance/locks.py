"""The duties of every lock of a study when several drivers want it at once."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path

import sqlalchemy as sa

from hpsearch.errors import StudyLockedError
from hpsearch.store.lock import LOCK_FILE, DatabaseLock, DriverLock, FileLock
from hpsearch.system.lock_file import LockFile
from hpsearch.system.lock_holder import EXPIRE_S


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
        """Keep the holder silent for a time."""
        self._now += seconds

    def set_holder(self, **values: object) -> None:
        """Change the lock's content, as if another process or host had written it."""
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        with self.engine.begin() as connection:
            connection.execute(sa.text(f"UPDATE hpsearch_lock SET {assignments}"), values)  # noqa: S608 - column names

    def holders(self) -> list[str]:
        with self.engine.connect() as connection:
            return [row.study for row in connection.execute(sa.text("SELECT study FROM hpsearch_lock ORDER BY study"))]

    def close(self) -> None:
        self.engine.dispose()


class FilePlace:
    """Locks as files, each in its study's folder."""

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
        """Do nothing: files need no preparation."""


Place = DatabasePlace | FilePlace


def race(locks: list[DriverLock]) -> list[str]:
    """Let several drivers acquire at once; return the outcome of each."""
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


class Races:
    """Subclasses have a fixture `place`, the place of the locks."""

    def test_who_lost_the_lock_notices_and_takes_nothing_back(self, lock, place):
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

    def test_of_two_take_overs_at_the_same_moment_one_wins(self, lock, place, monkeypatch):
        lock().acquire()
        place.set_holder(started=0.0)
        both_have_looked = threading.Barrier(2)
        owner, name = place.look
        step, looked = getattr(owner, name), threading.local()

        def look(self: object, *arguments: object) -> bool:
            answer = step(self, *arguments) if name == "_lives" else None
            if not hasattr(looked, "once"):
                looked.once = True
                both_have_looked.wait(timeout=120)
            return step(self, *arguments) if answer is None else answer

        monkeypatch.setattr(owner, name, look)
        first, second = race([lock(), lock()])
        assert first == "won"
        assert "another driver has just taken it" in second

    def test_of_many_take_overs_one_wins_each_time(self, lock, place):
        for turn in range(5):
            study = f"study-{turn}"
            lock(study).acquire()
            place.set_holder(started=0.0)
            assert [outcome == "won" for outcome in race([lock(study) for _ in range(6)])] == [True] + 5 * [False]
        assert len(place.holders()) == 5

    def test_of_several_first_drivers_one_wins(self, lock):
        for turn in range(3):
            outcomes = race([lock(f"study-{turn}") for _ in range(4)])
            assert outcomes[0] == "won"
            assert all(f"study study-{turn}: " in outcome for outcome in outcomes[1:])

    def test_a_lock_given_back_between_the_two_looks_is_taken(self, lock, place, monkeypatch):
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
