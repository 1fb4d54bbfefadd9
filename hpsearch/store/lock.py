"""One driver at a time: a lock in the store with a heartbeat that expires.

On this host the process id tells whether the holder still lives, so a study can be resumed as soon as its driver was
killed. For a holder on another host only the heartbeat tells.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hpsearch.errors import StudyError, StudyLockedError
from hpsearch.store.url import cause_of, redact, remedy
from hpsearch.system.lock_file import Found, HeldError, LockFile
from hpsearch.system.lock_holder import EXPIRE_S, Holder

BEAT_S = 10.0
WATCH_S = 1.5 * BEAT_S  # wait this long for a heartbeat of a holder that seems gone: clocks jump and differ
_LOOK_S = 0.25
LOCK_FILE = "driver.lock"

_logger = logging.getLogger(__name__)

_METADATA = sa.MetaData()
_LOCK = sa.Table(
    "hpsearch_lock",
    _METADATA,
    sa.Column("study", sa.String(512), primary_key=True),
    sa.Column("token", sa.String(32), nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("beat", sa.Float, nullable=False),
)


class DriverLock(ABC):
    """The lock of one study, held from `acquire` to `release`.

    Args:
        study: The study's name in the store.
    """

    def __init__(self, study: str) -> None:
        self._study = study
        self._me = Holder.this_process()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lost = False
        self._held_since: float | None = None  # as last confirmed; None while it is not held

    @property
    def lost(self) -> bool:
        """Whether another driver has taken the lock because this one's heartbeat had expired."""
        return self._lost

    def acquire(self) -> None:
        """Take the lock and keep its heart beating.

        Raises:
            StudyLockedError: Another driver holds it; the message says which process on which host.
            StudyError: The store can't be written.
        """
        now = _now()
        self._take()
        self._held_since = now
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Give the lock back. If the store can't be reached, the lock expires."""
        self._held_since = None
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        try:
            self._give_back()
        except (sa.exc.SQLAlchemyError, OSError):  # this would hide the error that ends the study
            self._me.give_up()

    def beat(self) -> None:
        """Write a heartbeat, and notice if another driver has taken the lock."""
        now = _now()
        self._lost = not self._still_mine()
        if self._held_since is not None:
            self._held_since = now

    def confirm(self) -> None:
        """Check before a write that the lock is still this driver's, whose process may have been frozen.

        Raises:
            StudyError: Another driver has taken it.
        """
        if self._held_since is None:
            return  # not taken yet, or given back
        if _now() - self._held_since > EXPIRE_S / 2:  # nobody takes it before it expires
            self.beat()
        if self._lost:
            raise StudyError(
                f"study {self._study}: another driver has taken it over, for this one did not renew its lock in time"
            )

    def _beat_on(self) -> None:
        while not self._stop.wait(BEAT_S) and not self._lost:
            # A store that is away for a moment is no reason to stop. If it stays away, the driver's next write fails.
            with suppress(sa.exc.SQLAlchemyError, OSError):
                self.beat()

    @abstractmethod
    def _take(self) -> None:
        """Take the lock, if it is free or its holder is gone."""

    @abstractmethod
    def _give_back(self) -> None:
        """Give the lock back, if it is this driver's."""

    @abstractmethod
    def _still_mine(self) -> bool:
        """Write a heartbeat; return whether the lock is this driver's."""

    def _watch(self, holder: Holder, beats: Callable[[], bool]) -> None:
        """Watch a holder on another machine that seems gone; only clocks say so, and they may be wrong.

        Raises:
            StudyLockedError: Its heart beats.
        """
        _logger.warning(
            "study %s: process %d on host %s was not heard of for long; watching it for %.0f s",
            *(self._study, holder.pid, holder.host, WATCH_S),
        )
        end = _now() + WATCH_S
        while _now() < end:
            if beats():
                raise self._refusal(holder)
            time.sleep(_LOOK_S)

    def _refusal(self, holder: Holder | None) -> StudyLockedError:
        who = "another process" if holder is None else f"process {holder.pid} on host {holder.host}"
        return StudyLockedError(
            f"study {self._study}: is being run by {who}; "
            f"allowed: one driver at a time (stop that one, or wait {EXPIRE_S:.0f} s if it is gone)"
        )

    def _too_late(self) -> StudyLockedError:
        return StudyLockedError(f"study {self._study}: another driver has just taken it; allowed: one driver at a time")

    def _no_lock(self, where: str, why: str, todo: str = "") -> StudyError:
        return StudyError(f"study {self._study}: can't be locked in {where}: {why}; {todo or 'fix that'}, then resume")


class FileLock(DriverLock):
    """The lock of a study whose store is no database: a file in its folder.

    Args:
        folder: The study's.
        study: The study's name in the store.
    """

    def __init__(self, folder: Path, study: str) -> None:
        super().__init__(study)
        self._file = LockFile(folder / LOCK_FILE, self._me)

    def _take(self) -> None:
        try:
            found = self._file.look()
            if found is not None and found.holder is not None and not found.holder.is_here and not found.lives:
                self._watch(found.holder, lambda: self._touched(found))
            if not self._file.take():
                raise self._too_late()
            self._file.touch()
        except HeldError as error:
            raise self._refusal(error.holder) from None
        except OSError as error:
            raise self._no_lock(str(self._file.path.parent), error.strerror or str(error)) from None

    def _touched(self, before: Found) -> bool:
        now = self._file.look()
        return now is not None and (now.holder, now.touched_s) != (before.holder, before.touched_s)

    def _give_back(self) -> None:
        self._file.give_back()

    def _still_mine(self) -> bool:
        if not self._file.is_mine():
            return False
        self._file.touch()
        return True


class DatabaseLock(DriverLock):
    """The lock of a study whose store is a database: a row in a table of its own.

    Args:
        engine: Of the store's database.
        study: The study's name in the store.
        clock: Returns seconds since 1970; a test may give its own.
    """

    def __init__(self, engine: sa.Engine, study: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__(study)
        self._engine, self._clock = engine, clock

    def _take(self) -> None:
        mine = asdict(self._me) | {"beat": self._clock()}
        with self._reporting():
            self._make_table()
            if not self._insert(mine):
                self._take_over(mine)

    def _give_back(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(_LOCK.delete().where(_LOCK.c.study == self._study, _LOCK.c.token == self._me.token))

    def _still_mine(self) -> bool:
        with self._engine.begin() as connection:
            mine = (_LOCK.c.study == self._study) & (_LOCK.c.token == self._me.token)
            return connection.execute(_LOCK.update().where(mine).values(beat=self._clock())).rowcount > 0

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            url = self._engine.url.render_as_string(hide_password=False)
            raise self._no_lock(redact(url), cause_of(error, url), remedy(error, url)) from None

    def _make_table(self) -> None:
        try:
            _METADATA.create_all(self._engine)
        except sa.exc.DBAPIError:
            if not sa.inspect(self._engine).has_table(_LOCK.name):  # else another driver made it at the same moment
                raise

    def _insert(self, mine: dict[str, object]) -> bool:
        try:
            with self._engine.begin() as connection:
                connection.execute(_LOCK.insert().values(study=self._study, **mine))
        except sa.exc.IntegrityError:
            return False
        return True

    def _take_over(self, mine: dict[str, object]) -> None:
        row = self._row()
        if row is not None:
            holder = Holder(token=row.token, host=row.host, pid=row.pid, started=row.started)
            if self._lives(holder, row.beat):
                raise self._refusal(holder)
            if not holder.is_here:
                self._watch(holder, lambda: self._beat_again(row))
            mine = mine | {"beat": self._clock()}
        with self._engine.begin() as connection:
            # If another driver takes over at the same moment, the token has changed, and this changes nothing.
            theirs = (_LOCK.c.study == self._study) & (_LOCK.c.token == (None if row is None else row.token))
            taken = connection.execute(_LOCK.update().where(theirs).values(**mine)).rowcount > 0
        if not taken and not self._insert(mine):  # it may have been given back meanwhile
            raise self._too_late()

    def _row(self) -> sa.Row[Any] | None:
        with self._engine.connect() as connection:
            return connection.execute(sa.select(_LOCK).where(_LOCK.c.study == self._study)).one_or_none()

    def _lives(self, holder: Holder, beat: float) -> bool:
        return holder.lives(abs(self._clock() - beat))  # a beat in the future: a clock was set

    def _beat_again(self, before: sa.Row[Any]) -> bool:
        now = self._row()
        return now is not None and (now.token, now.beat) != (before.token, before.beat)


def _now() -> float:
    """Return seconds on a clock that nobody sets, and that goes on while the machine sleeps, if the system has one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
