"""One driver at a time: a lock in the store with a heartbeat that expires.

A process id tells on this host whether the holder still lives, so a study can be resumed the moment its driver was
killed; for a holder on another host only the heartbeat tells.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import sqlalchemy as sa

from hpsearch.errors import StudyError, StudyLockedError
from hpsearch.holder import EXPIRE_S, Holder
from hpsearch.lock_file import HeldError, LockFile
from hpsearch.storage_url import cause_of, redact

BEAT_S = 10.0
LOCK_FILE = "driver.lock"

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
        self._take()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Give the lock back; where the store is gone, it expires."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        # Another error here would hide the one that ends the study.
        with suppress(sa.exc.SQLAlchemyError, OSError):
            self._give_back()

    def beat(self) -> None:
        """Show that the driver lives; notices when another has taken the lock."""
        self._lost = not self._still_mine()

    def _beat_on(self) -> None:
        while not self._stop.wait(BEAT_S) and not self._lost:
            # A store that is away for a moment is no reason to stop; the next write of the driver meets it anyway.
            with suppress(sa.exc.SQLAlchemyError, OSError):
                self.beat()

    @abstractmethod
    def _take(self) -> None:
        """Take the lock, also from a holder that is gone."""

    @abstractmethod
    def _give_back(self) -> None:
        """Give the lock back, if it is this driver's."""

    @abstractmethod
    def _still_mine(self) -> bool:
        """Write a heartbeat; return whether the lock is this driver's."""

    def _refusal(self, holder: Holder | None) -> StudyLockedError:
        who = "another process" if holder is None else f"process {holder.pid} on host {holder.host}"
        return StudyLockedError(
            f"study {self._study}: is being run by {who}; "
            f"allowed: one driver at a time (stop that one, or wait {EXPIRE_S:.0f} s if it is gone)"
        )

    def _too_late(self) -> StudyLockedError:
        return StudyLockedError(f"study {self._study}: another driver has just taken it; allowed: one driver at a time")

    def _no_lock(self, where: str, why: str) -> StudyError:
        return StudyError(f"study {self._study}: can't be locked in {where}: {why}; repair that, then resume")


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
            if not self._file.take():
                raise self._too_late()
            self._file.touch()
        except HeldError as error:
            raise self._refusal(error.holder) from None
        except OSError as error:
            raise self._no_lock(str(self._file.path.parent), error.strerror or str(error)) from None

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
        clock: Seconds since the epoch; a test may give its own.
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
            raise self._no_lock(redact(url), cause_of(error, url)) from None

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
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(_LOCK).where(_LOCK.c.study == self._study)).one_or_none()
            holder = None if row is None else Holder(token=row.token, host=row.host, pid=row.pid, started=row.started)
            if row is not None and holder is not None and self._lives(holder, row.beat):
                raise self._refusal(holder)
            # The token in the condition makes this safe against another driver that takes over at the same moment.
            theirs = (_LOCK.c.study == self._study) & (_LOCK.c.token == (None if row is None else row.token))
            taken = connection.execute(_LOCK.update().where(theirs).values(**mine)).rowcount > 0
        given_back = row is None
        if not taken and not (given_back and self._insert(mine)):
            raise self._too_late()

    def _lives(self, holder: Holder, beat: float) -> bool:
        return holder.lives(self._clock() - beat)
