"""A lock file that one process at a time holds, also on a network file system: the process that makes it has it.

`O_EXCL` is atomic on all common file systems, on NFS since version 3. `flock` and `fcntl` locks are not used, for many
network file systems have none, or keep them on one machine. Ages are taken from the file system's own clock, so that
the clocks of machines need not agree.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from hpsearch.system.lock_holder import EXPIRE_S, Holder


class HeldError(Exception):
    """A living process holds the file.

    Args:
        holder: The process; None if the file does not say.
    """

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(holder)
        self.holder = holder


class LockFile:
    """A lock that is a file.

    Args:
        path: The file; its folder exists.
        me: The process that takes it.
    """

    def __init__(self, path: Path, me: Holder) -> None:
        self.path, self._me = path, me
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Take the lock, also from a holder that is gone.

        Returns:
            Whether it was taken; False if another process was faster.

        Raises:
            HeldError: Its holder lives.
            OSError: The file can't be made.
        """
        if self._make():
            return True
        found = self.look()
        if found is None:  # it was just given back
            return self._make()
        if found.lives:
            raise HeldError(found.holder)
        return self._take_over(found)

    def touch(self) -> None:
        """Show that the holder lives. It touches this holder's own file, also if another has replaced it.

        Raises:
            OSError: The file system does not answer.
        """
        if self._descriptor is not None:
            os.fsync(self._descriptor)  # else other machines may see an empty file for a while
            os.utime(self._descriptor)

    def is_mine(self) -> bool:
        """Return whether this holder has the lock.

        Raises:
            OSError: The file system does not answer.
        """
        try:
            holder = _read(self.path)
        except FileNotFoundError:
            return False
        return holder is not None and holder.token == self._me.token

    def give_back(self) -> None:
        """Give the lock back, if it is still this holder's.

        Raises:
            OSError: The file system does not answer.
        """
        try:
            if self.is_mine():
                self.path.unlink(missing_ok=True)
        finally:
            self._keep(None)

    def _make(self) -> bool:
        try:
            self._keep(self._write(self.path))
        except FileExistsError:
            return False
        return True

    def _write(self, path: Path) -> int:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        try:
            os.write(descriptor, self._signature)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return descriptor

    def _keep(self, descriptor: int | None) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = descriptor

    def look(self) -> Found | None:
        """Return what the file says; None if it is not there."""
        try:
            return Found(_read(self.path), _touched_s(self.path), self._now_s)
        except FileNotFoundError:
            return None

    def _now_s(self) -> float:
        """Return the file system's own time."""
        probe = self._beside(self._me, ".now")
        descriptor = os.open(probe, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            os.write(descriptor, self._signature)
            os.utime(descriptor)
            return os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)
            probe.unlink(missing_ok=True)

    def _take_over(self, gone: Found) -> bool:
        """Replace the file of a holder that is gone.

        Before that, a process takes a lock on this one holder. So of several that see it gone only one replaces its
        file, and none replaces its successor's.
        """
        claim = LockFile(self._beside(gone.holder), self._me)
        try:
            if not claim.take():
                return False
        except HeldError:
            return False
        try:
            now = self.look()
            if now is None or now.holder != gone.holder or now.lives:
                return False
            successor = self._beside(self._me, ".tmp")
            descriptor = self._write(successor)
            successor.replace(self.path)
            self._keep(descriptor)
        finally:
            with suppress(OSError):
                claim.give_back()
        self._sweep()
        return True

    def _sweep(self) -> None:
        """Remove what processes left that were killed while they took this lock: it is held now, so nobody needs it."""
        for path in self.path.parent.glob(f"{self._hidden}.*"):
            with suppress(OSError):
                left = LockFile(path, self._me).look()
                if left is not None and not left.lives:
                    path.unlink(missing_ok=True)

    @property
    def _signature(self) -> bytes:
        return (json.dumps(asdict(self._me)) + "\n").encode()

    @property
    def _hidden(self) -> str:
        return self.path.name if self.path.name.startswith(".") else f".{self.path.name}"

    def _beside(self, holder: Holder | None, suffix: str = "") -> Path:
        return self.path.with_name(f"{self._hidden}.{'unknown' if holder is None else holder.token[:12]}{suffix}")


@dataclass(frozen=True, slots=True)
class Found:
    """What a lock file says: its holder, None if it names none, and when it was last touched."""

    holder: Holder | None
    touched_s: float
    now_s: Callable[[], float]

    @property
    def lives(self) -> bool:
        """Whether its holder lives."""
        # The last touch may lie in the future: a clock was set.
        here = self.holder is not None and self.holder.is_here
        silent_s = 0.0 if here else abs(self.now_s() - self.touched_s)
        return silent_s < EXPIRE_S if self.holder is None else self.holder.lives(silent_s)


def _read(path: Path) -> Holder | None:
    """Return the holder that a lock file names; None if it is another program's file, or was cut short."""
    if path.is_symlink():  # Optuna's lock points to what it locks
        return None
    try:
        # To open a file asks a network file system itself; to read its attributes alone may ask a cache.
        raw = json.loads(path.read_bytes())
        return Holder(
            token=str(raw["token"]), host=str(raw["host"]), pid=int(raw["pid"]), started=float(raw["started"])
        )
    except (ValueError, KeyError, TypeError):
        return None


def _touched_s(path: Path) -> float:
    if path.is_symlink():
        return path.lstat().st_mtime
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_mtime
