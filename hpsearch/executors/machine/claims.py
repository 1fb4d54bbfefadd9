"""What the studies of one user take of this machine, told to each other by files in one folder.

Each driver has a file of its own there and holds the lock on it. The kernel frees the lock however the driver ends, so
a claim never outlives its driver. One more lock is held while a driver chooses, so that two that start at the same
moment don't choose the same.
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
_WAIT_S = 30.0  # choosing takes the time of a few questions to the GPU driver
_POLL_S = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What one study takes of this machine.

    Attributes:
        study: Its name.
        pid: Its driver's process.
        cpus: Threads of all its workers together.
        cores: The cores that its driver may use; studies with no core in common don't take any from each other.
        gpus: Keys of its GPUs (`Gpu.key`).
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
    """A claim, until it is closed or the process ends.

    Args:
        path: Its file.
        descriptors: Those that hold its locks, the file's first.
    """

    def __init__(self, path: Path | None = None, descriptors: tuple[int, ...] = ()) -> None:
        self._path, self._descriptors = path, descriptors

    def close(self) -> None:
        """Give it back; a second time does nothing."""
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
    """The moment in which nobody else chooses.

    Args:
        folder: Where claims lie; None if there is no such place.
        others: What the other studies have.
        notice: Worth telling; empty if nothing is.
    """

    def __init__(self, folder: Path | None, others: tuple[Claim, ...], notice: str = "") -> None:
        self._folder, self.others, self.notice = folder, others, notice

    def take(self, claim: Claim) -> Held:
        """Claim something for this process; a full disk must not keep it from starting."""
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
    """Let no other study of this user choose meanwhile.

    Where there is no place for claims, as on a read-only file system, studies don't see each other; a notice says so.

    Args:
        folder: Where claims lie; None for what `HPSEARCH_CLAIMS` names, else a folder among the temporary ones.

    Raises:
        ResourceError: The folder is another user's, or another study has been choosing for half a minute.
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
    """Return where claims lie.

    It is not `XDG_RUNTIME_DIR`: that one goes when its user logs out, while the study goes on.
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
        with suppress(FileNotFoundError):  # the last study that ran has just removed it
            found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ResourceError(
            f"{folder}: is {'a link or a file' if not stat.S_ISDIR(found.st_mode) else 'the folder of another user'}; "
            f"allowed: a folder of your own, which {VARIABLE} can name"
        )
    if stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
        folder.chmod(0o700)


def _only_one(folder: Path) -> int:
    """Return a descriptor that holds the lock of the one that chooses."""
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
    """Remove the lock's file if no study runs any more, and the folder unless it was given."""
    path = folder / _CHOOSING
    with suppress(OSError):  # it is gone, or full again: others see to it
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            if _lock(descriptor) and _is_at(path, descriptor) and list(folder.iterdir()) == [path]:
                path.unlink()
                if folder == _own_folder():
                    folder.rmdir()
        finally:
            _release(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether a file that was opened is still the one of this name: its last user removes it."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


def _living(folder: Path) -> tuple[Claim, ...]:
    """Return the claims whose drivers live, and remove the files of those that were killed."""
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue  # given back at this moment
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
        return None  # given back at this moment, or another version's


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _release(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough where a forked child has the same file open
    os.close(descriptor)
