"""What the studies of one user have claimed of this machine: each has a file in one common folder.

A driver holds the lock on its file. The kernel frees the lock however the driver ends, so a claim never outlives its
driver. A driver that chooses holds one more lock, so that two that start at the same moment don't choose the same.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from hpsearch.errors import ResourceError

VARIABLE = "HPSEARCH_CLAIMS"

_CHOOSING = "choosing"
_SUFFIX = ".claim"
_WAIT_S = 30.0  # to choose takes a few calls of the GPU driver
_POLL_S = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What one study has claimed of this machine.

    Attributes:
        study: Its name.
        pid: The process of its driver.
        cpus: The threads of all its workers together.
        cores: The cores that its driver may use. Studies without a common core take none from each other.
        gpus: The keys of its GPUs (`Gpu.key`).
    """

    study: str
    pid: int
    cpus: int = 0
    cores: tuple[int, ...] = ()
    gpus: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """For people: whose claim it is."""
        return f"study {self.study} (process {self.pid})"


class Held:
    """A claim that is held until it is closed or the process ends.

    Args:
        path: Its file.
        descriptors: They hold its locks, the one of the file first.
    """

    def __init__(self, path: Path | None = None, descriptors: tuple[int, ...] = ()) -> None:
        self._path, self._descriptors = path, descriptors

    def close(self) -> None:
        """Give the claim back; a second call does nothing."""
        path, descriptors = self._path, self._descriptors
        self._path, self._descriptors = None, ()
        if path is not None:
            path.unlink(missing_ok=True)
        for descriptor in descriptors:
            _release(descriptor)
        if path is not None:
            _tidy(path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Choosing:
    """A moment in which no other study chooses.

    Args:
        folder: The folder of claims; None if there can't be one.
        others: What other studies have claimed.
        notice: What people should know; empty if there is nothing.
    """

    def __init__(self, folder: Path | None, others: tuple[Claim, ...], notice: str = "") -> None:
        self._folder, self.others, self.notice = folder, others, notice

    def take(self, claim: Claim) -> Held:
        """Claim something for this process. A full disk does not keep it from starting."""
        if self._folder is None:
            return Held()
        path = self._folder / f"{claim.pid}-{secrets.token_hex(4)}{_SUFFIX}"
        # A lock on the folder keeps systemd-tmpfiles from removing what lies there for ten days.
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        file = _open(path)
        held = Held(path, (file, folder))
        try:
            fcntl.flock(folder, fcntl.LOCK_SH)
            fcntl.flock(file, fcntl.LOCK_EX)
            os.write(file, json.dumps(asdict(claim)).encode())
        except OSError:
            held.close()
        return held


@contextmanager
def choosing(folder: Path | None = None) -> Iterator[Choosing]:
    """Keep other studies of this user from choosing until the exit.

    If claims can't be written, as on a read-only file system, studies don't see each other; a notice says so.

    Args:
        folder: The folder of claims; None for the one that `HPSEARCH_CLAIMS` names, or else a temporary one.

    Raises:
        ResourceError: The folder is another user's, or another study has kept it for half a minute.
    """
    folder = folder or claims_folder()
    lock = None
    try:
        lock = _only_one(folder)
        chosen = Choosing(folder, _living(folder))
    except OSError as error:
        why = f"{folder}: {error.strerror}: what other studies use of this machine is not known"
        chosen = Choosing(None, (), f"{why}; {VARIABLE} can name another folder")
    try:
        yield chosen
    finally:
        if lock is not None:
            _release(lock)
            _tidy(folder)


def claims_folder() -> Path:
    """Return the folder of claims.

    It is not in `XDG_RUNTIME_DIR`, which is removed when the user logs out, while a study goes on.
    """
    given = os.environ.get(VARIABLE)
    return Path(given).absolute() if given else _own_folder()


def _own_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"hpsearch-{os.geteuid()}"


def _make(folder: Path) -> None:
    found = None
    while found is None:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        with suppress(FileNotFoundError):  # the last study has just removed it
            found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ResourceError(
            f"{folder}: is {'a link or a file' if not stat.S_ISDIR(found.st_mode) else 'the folder of another user'}; "
            f"allowed: a folder of your own, which {VARIABLE} can name"
        )
    if stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
        folder.chmod(0o700)


def _only_one(folder: Path) -> int:
    """Take the lock of the one study that chooses, and return its descriptor."""
    path, deadline = folder / _CHOOSING, time.monotonic() + _WAIT_S
    while True:
        _make(folder)
        with suppress(FileNotFoundError):  # as above
            descriptor = _open(path)
            if _lock(descriptor) and _is_at(path, descriptor):
                return descriptor
            os.close(descriptor)
        if time.monotonic() > deadline:
            raise ResourceError(
                f"{path}: another study has held this lock for {_WAIT_S:.0f} s; "
                "allowed: end that one if it hangs, then start again"
            )
        time.sleep(_POLL_S)


def _tidy(folder: Path) -> None:
    """Remove the lock's file if no study runs any more, and the folder too unless the user named it."""
    path = folder / _CHOOSING
    with suppress(OSError):  # it is gone, or in use again
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            if _lock(descriptor) and _is_at(path, descriptor) and list(folder.iterdir()) == [path]:
                path.unlink()
                if folder == _own_folder():
                    folder.rmdir()
        finally:
            _release(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Return whether an open file is still the one of this name: its last user removes it."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


def _living(folder: Path) -> tuple[Claim, ...]:
    """Return the claims of living drivers, and remove the files of killed ones."""
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue  # it was just given back
        try:
            if _lock(descriptor):
                path.unlink(missing_ok=True)
            else:
                found.append(_read(path))
        finally:
            os.close(descriptor)
    return tuple(claim for claim in found if claim is not None)


def _read(path: Path) -> Claim | None:
    try:
        raw: dict[str, Any] = json.loads(path.read_text())
        return Claim(**{**raw, "cores": tuple(raw["cores"]), "gpus": tuple(raw["gpus"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None  # it was just given back, or another version wrote it


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _release(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough if a forked child has the file open too
    os.close(descriptor)
