"""A study's store as a log file, for network file systems: Optuna's JournalStorage.

SQLite's WAL works on one host only; a file that is only appended to works on any. All Optuna tools open this file, and
may write it too: each append holds the lock file that Optuna's own `JournalFileBackend` looks for.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial

from hpsearch.store.backend import Backend, Changes
from hpsearch.store.folding import folded
from hpsearch.store.location import JOURNAL_SCHEME
from hpsearch.store.lock import FileLock
from hpsearch.store.mirror import without_collection
from hpsearch.system.files import sync
from hpsearch.system.lock_file import HeldError, LockFile
from hpsearch.system.lock_holder import Holder

_LOCK_SUFFIX = ".lock"  # Optuna's
_WAIT_S = 90.0  # longer than it takes until the lock of a holder that is gone expires
_TELL_S = 3.0  # warn after this wait
_CHUNK_BYTES = 1 << 20  # read at once

_logger = logging.getLogger(__name__)


class JournalFile(BaseJournalBackend):
    """The file: one JSON object a line.

    A last line that a kill has cut short is no part of it: readers pass over it, and a writer takes it away.

    Args:
        path: The file.
        make: Whether to make it, if it is not there.

    Raises:
        StorageInternalError: From all methods, if the file can't be read or written, or is damaged.
    """

    def __init__(self, path: Path, *, make: bool) -> None:
        self.path = path
        self._lock = LockFile(path.with_name(path.name + _LOCK_SUFFIX), Holder.this_process())
        self._batch: list[bytes] | None = None
        self._lines, self._offset = 0, 0  # how far was read
        if make and not path.exists():
            with self._reporting():
                path.touch()
                sync(path.parent)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield what was appended.

        Args:
            log_number_from: 0 for all logs, folded; any other number for those since the last reading. Its value does
                not matter: `JournalStorage` counts the logs that it was given, and there are more lines.
        """
        if self._batch is not None:
            return
        if log_number_from > 0:
            yield from self._read()
            return
        self._lines, self._offset = 0, 0
        yield from folded(self._read())

    def _read(self) -> Iterator[dict[str, Any]]:
        with self._reporting(), self.path.open("rb") as file:
            file.seek(self._offset)
            while lines := [line for line in file.readlines(_CHUNK_BYTES) if line.endswith(b"\n")]:
                logs = self._decoded(lines, file)
                for line, log in zip(lines, logs, strict=False):  # fewer logs: the last line is none
                    self._offset += len(line)
                    self._lines += 1
                    yield log
                if len(logs) < len(lines):
                    return

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append logs; none of them if the file can't be written."""
        lines = b"".join(json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs)
        if self._batch is None:
            self._append(lines)
        else:
            self._batch.append(lines)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Collect what is appended in the block, and append it all at once at the end; nothing after an error."""
        self._batch = []
        try:
            yield
            lines = b"".join(self._batch)
        finally:
            self._batch = None
        if lines:
            self._append(lines)

    def cut(self) -> None:
        """Take away a last line that is not whole; no reader has seen it."""
        with self._reporting(), self._locked(), self.path.open("r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            end = _whole_until(file, size)
            if end and not _decoded([_last_line(file, end)]):
                end = _whole_until(file, end - 1)
            if end < size:
                _truncate(file, end)
                _logger.warning("%s: its last line was cut short and is taken away (%d bytes)", self.path, size - end)

    def _append(self, lines: bytes) -> None:
        with self._reporting(), self._locked(), self.path.open("r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            end = _whole_until(file, size)
            if end < size:  # another program's that was killed
                _truncate(file, end)
            file.seek(end)
            try:
                _write(file, lines)
                os.fsync(file.fileno())
            except BaseException:
                with suppress(OSError):
                    _truncate(file, end)
                raise

    def _decoded(self, lines: Sequence[bytes], file: Any) -> list[dict[str, Any]]:
        """Return the logs of lines; the last line of the file may be no log, and is then left out."""
        logs = _decoded(lines)
        if logs:
            return logs
        for number, line in enumerate(lines):
            if not _decoded([line]):
                if number < len(lines) - 1 or b"\n" in file.readline():
                    where = self._lines + number + 1
                    raise StorageInternalError(
                        f"line {where} is damaged; allowed: a file as it was written (take the line away if it is what "
                        "a kill left of one)"
                    )
                return [log for whole in lines[:number] for log in _decoded([whole])]
        raise AssertionError("unreachable: lines that are logs one by one are logs together")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        began, pause_s, told = time.monotonic(), 0.001, False
        while not self._taken():
            waited_s = time.monotonic() - began
            if waited_s > _TELL_S and not told:
                _logger.warning("%s: is held; waiting for it, %.0f s at most", self._lock.path, _WAIT_S)
                told = True
            if waited_s > _WAIT_S:
                raise StorageInternalError(f"{self._lock.path} has been held for {_WAIT_S:.0f} s")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 0.1)
        try:
            yield
        finally:
            with suppress(OSError):  # it expires
                self._lock.give_back()

    def _taken(self) -> bool:
        try:
            return self._lock.take()
        except HeldError:
            return False

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageInternalError(error.strerror or str(error)) from None


class JournalLock(FileLock):
    """The lock of a study whose store is a journal; to take it also makes the journal whole.

    Args:
        journal: The study's.
        study: The study's name in the store.
    """

    def __init__(self, journal: JournalFile, study: str) -> None:
        super().__init__(journal.path.parent, study)
        self._journal = journal

    def _take(self) -> None:
        super()._take()
        try:
            self._journal.cut()
        except BaseException as error:
            with suppress(OSError):
                self._give_back()
            if isinstance(error, StorageInternalError):
                raise self._no_lock(str(self._journal.path), str(error)) from None
            raise


class JournalBackend(Backend):
    """A journal in a study's folder.

    Args:
        path: The file.
        make: Whether to make it, if it is not there.
    """

    def __init__(self, path: Path, *, make: bool) -> None:
        self._file = JournalFile(path, make=make)
        try:
            with without_collection():
                storage = JournalStorage(self._file)
        except (AssertionError, AttributeError, LookupError, TypeError) as error:
            raise StorageInternalError(f"is no journal that this version of Optuna reads: {error!r}") from None
        super().__init__(storage, f"{JOURNAL_SCHEME}{path}")

    def lock(self, study: str) -> JournalLock:
        """Return the lock that makes one process the driver of a study."""
        return JournalLock(self._file, study)

    def create_trial(self, study_id: int, number: int, template: FrozenTrial) -> tuple[int, int]:
        """Create a trial in one append; nothing is written if its number is not the next one."""
        if self._has(study_id, number) or (number > 0 and not self._has(study_id, number - 1)):
            return -1, self.storage.get_n_trials(study_id)
        return super().create_trial(study_id, number, template)

    def _has(self, study_id: int, number: int) -> bool:
        try:
            self.storage.get_trial_id_from_study_id_trial_number(study_id, number)
        except KeyError:
            return False
        return True

    def apply(self, changes: Changes) -> None:
        """Write changes in one append.

        Raises:
            UpdateFinishedTrialError: A trial has ended already: another writer was here.
        """
        with self._file.batch():
            super().apply(changes)
        for trial_id in _ids(changes):
            self.storage.get_trial_number_from_id(trial_id)  # reads what was appended, and then Optuna checks it
            break


def _ids(changes: Changes) -> Iterator[int]:
    yield from (trial_id for trial_id, _ in (*changes.values, *changes.attributes))
    yield from changes.ends


def _decoded(lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """Return the logs of lines, or none if one of them is no log."""
    try:
        logs = json.loads(b"[" + b",".join(lines) + b"]")  # twice as fast as line by line
    except ValueError:
        return []
    whole = len(logs) == len(lines) and all(isinstance(log, Mapping) and "op_code" in log for log in logs)
    return logs if whole else []


def _whole_until(file: FileIO, size: int) -> int:
    """Return where the last whole line ends among the first `size` bytes of a file."""
    end = size
    while end > 0:
        start = max(0, end - _CHUNK_BYTES) if end < size else end - 1  # nearly always the last byte is enough
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _last_line(file: FileIO, end: int) -> bytes:
    start = _whole_until(file, end - 1)
    file.seek(start)
    return file.read(end - start)


def _truncate(file: FileIO, end: int) -> None:
    file.truncate(end)
    os.fsync(file.fileno())


def _write(file: FileIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]
