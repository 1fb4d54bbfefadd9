"""A small disk that can be full or read-only, in its own mount namespace: nobody else sees it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

PAGE = os.sysconf("SC_PAGE_SIZE")  # the least room of a file on this disk
MOUNTS_OF = "TEST_MOUNTS_OF"  # names the process whose mounts a command sees
ROOMY = "size=64m,nr_inodes=10000"


def can_mount() -> bool:
    """Return whether this process may make a mount namespace."""
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(not can_mount(), reason="needs the right to make a mount namespace")


class Disk:
    """A disk mounted on a folder.

    Args:
        folder: Made, if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._holder.stdout.readline()
        self.environment = {MOUNTS_OF: str(self._holder.pid)}
        self._mount("-t", "tmpfs", "-o", ROOMY, "none", str(folder))

    @property
    def seen(self) -> Path:
        """The folder's path for this process."""
        return Path(f"/proc/{self._holder.pid}/root{self._folder}")

    def make_roomy(self) -> None:
        self._mount("-o", f"remount,{ROOMY}", str(self._folder))

    def leave(self, pages: int) -> None:
        """Leave room for a number of pages."""
        found = os.statvfs(self.seen)
        used = found.f_blocks - found.f_bfree
        self._mount("-o", f"remount,size={max(1, used + pages) * PAGE}", str(self._folder))

    def leave_inodes(self, count: int) -> None:
        """Leave room for a number of files."""
        found = os.statvfs(self.seen)
        used = found.f_files - found.f_ffree
        self._mount("-o", f"remount,nr_inodes={used + count}", str(self._folder))

    def make_read_only(self) -> None:
        """Let no further file be opened for writing; open files go on."""
        self._mount("--bind", str(self._folder), str(self._folder))
        self._mount("-o", "remount,bind,ro", str(self._folder))

    def make_writable(self) -> None:
        self._enter("umount", str(self._folder))

    def close(self) -> None:
        self._holder.communicate()

    def _mount(self, *arguments: str) -> None:
        self._enter("mount", *arguments)

    def _enter(self, *command: str) -> None:
        subprocess.run(["nsenter", "--mount", f"--target={self._holder.pid}", *command], check=True)
