"""One driver at a time: a lock in the store with a heartbeat that expires.

A process id tells on this host whether the holder still lives, so a study can be resumed the moment its driver was
killed; for a holder on another host only the heartbeat tells.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil
import sqlalchemy as sa

from hpsearch.errors import StudyError, StudyLockedError
from hpsearch.storage_url import cause_of, redact

BEAT_S = 10.0
EXPIRE_S = 60.0

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


class DriverLock:
    """The lock of one study, held from `acquire` to `release`.

    Args:
        engine: Of the store's database; the lock has a table of its own there.
        study: The study's name in the store.
        clock: Seconds since the epoch; a test may give its own.
    """

    def __init__(self, engine: sa.Engine, study: str, clock: Callable[[], float] = time.time) -> None:
        self._engine, self._study, self._clock = engine, study, clock
        self._token = uuid.uuid4().hex
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
            StudyError: The database can't be written.
        """
        mine = {"token": self._token, "host": socket.gethostname(), "pid": os.getpid()}
        mine |= {"started": psutil.Process().create_time(), "beat": self._clock()}
        with self._reporting():
            self._make_table()
            if not self._insert(mine):
                self._take_over(mine)
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Give the lock back; where the database is gone, it expires."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        # Another error here would hide the one that ends the study.
        with suppress(sa.exc.SQLAlchemyError), self._engine.begin() as connection:
            connection.execute(_LOCK.delete().where(_LOCK.c.study == self._study, _LOCK.c.token == self._token))

    def beat(self) -> None:
        """Show that the driver lives; notices when another has taken the lock."""
        with self._engine.begin() as connection:
            mine = (_LOCK.c.study == self._study) & (_LOCK.c.token == self._token)
            self._lost = connection.execute(_LOCK.update().where(mine).values(beat=self._clock())).rowcount == 0

    def _beat_on(self) -> None:
        while not self._stop.wait(BEAT_S) and not self._lost:
            try:
                self.beat()
            except sa.exc.SQLAlchemyError:
                # A store that is away for a moment is no reason to stop; the next write of the driver meets it anyway.
                continue

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            url = self._engine.url.render_as_string(hide_password=False)
            raise StudyError(
                f"study {self._study}: can't be locked in {redact(url)}: {cause_of(error, url)}; "
                "repair that, then resume"
            ) from None

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
            if row is not None and self._alive(row):
                raise StudyLockedError(
                    f"study {self._study}: is being run by process {row.pid} on host {row.host}; "
                    f"allowed: one driver at a time (stop that one, or wait {EXPIRE_S:.0f} s if it is gone)"
                )
            # The token in the condition makes this safe against another driver that takes over at the same moment.
            theirs = (_LOCK.c.study == self._study) & (_LOCK.c.token == (None if row is None else row.token))
            taken = connection.execute(_LOCK.update().where(theirs).values(**mine)).rowcount > 0
        given_back = row is None
        if not taken and not (given_back and self._insert(mine)):
            raise StudyLockedError(
                f"study {self._study}: another driver has just taken it; allowed: one driver at a time"
            )

    def _alive(self, row: sa.Row[tuple[object, ...]]) -> bool:
        holder = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name for access by column
        if holder["host"] == socket.gethostname():
            try:
                process = psutil.Process(holder["pid"])
                started, status = process.create_time(), process.status()
            except psutil.NoSuchProcess:
                return False
            # Process ids are used again: only the same start time makes it the same process. A killed driver stays a
            # zombie until its parent, a queue's script or a container's init, asks after it.
            return abs(started - holder["started"]) < 1.0 and status != psutil.STATUS_ZOMBIE
        return bool(self._clock() - holder["beat"] < EXPIRE_S)
