"""Which file system a path lies on, whether other machines may see it too, and whether it takes what is written."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")  # Linux; nowhere else does a system say so in a file
_FULL_BYTES = 64 * 1024  # less is neither a checkpoint nor a page of a database beside its log

# SQLite's WAL needs memory that all its readers share, which two machines have not, and its locks need `fcntl`, which
# many of these have on paper only. What is not here counts as local.
_NETWORK = frozenset(
    {
        "9p",
        "acfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "panfs",
        "prl_fs",
        "pvfs2",
        "smb3",
        "smbfs",
        "vboxsf",
        "wekafs",
    }
)
# What stands behind `fuse.`; a bare `fuse` says nothing, and local disks are mounted by it too.
_FUSE = frozenset(
    {
        "alluxio-fuse",
        "beegfs",
        "blobfuse",
        "blobfuse2",
        "ceph",
        "ceph-fuse",
        "gcsfuse",
        "geesefs",
        "glusterfs",
        "goofys",
        "grpcfuse",
        "juicefs",
        "moosefs",
        "mount-s3",
        "rclone",
        "s3fs",
        "seaweedfs",
        "sshfs",
    }
)


def file_system(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the type of the file system that a path lies on, such as `ext4` or `fuse.sshfs`.

    Args:
        path: Need not be there.
        mounts: A table in the format of `/proc/self/mountinfo`.

    Returns:
        None where the system has no such table.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    resolved = path.resolve()
    found, depth = None, -1
    for line in lines:
        # 36 35 98:0 /root /mount/point rw,noatime master:1 - ext4 /dev/sda1 rw: the part before the dash varies
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 5 or not kinds:  # noqa: PLR2004 - the mount point is the fifth
            continue
        point = Path(_unescaped(fields[4]))
        # The later of two on the same point hides the earlier one.
        if resolved.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = kinds[0], len(point.parts)
    return found


def is_network(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Return whether a path lies on a file system that other machines may share; False where that can't be known."""
    kind = file_system(path, mounts)
    if kind is None:
        return False
    family, _, rest = kind.partition(".")
    return rest in _FUSE if family in {"fuse", "fuseblk"} else family in _NETWORK


def _unescaped(point: str) -> str:
    """Return a mount point with its spaces, tabs, newlines and backslashes, which the table has in octal."""
    raw = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), os.fsencode(point))
    return os.fsdecode(raw)


def is_full(folder: Path) -> bool:
    """Return whether a file system has no room for another file: neither space worth the name, nor a free inode."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    blocks = found.f_bfree if os.geteuid() == 0 else found.f_bavail
    return blocks * found.f_frsize < _FULL_BYTES or (found.f_files > 0 and found.f_favail == 0)


def why_unwritable(folder: Path) -> str:
    """Return why nothing can be written in a folder, or in the nearest one above it that is there; empty if it can."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if is_full(there):
        return "the disk is full"
    try:
        with tempfile.TemporaryFile(dir=there):
            return ""
    except OSError as error:
        return error.strerror or str(error)
