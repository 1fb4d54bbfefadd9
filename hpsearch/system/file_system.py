"""Which file system a path lies on, and whether other machines may see it too."""

from __future__ import annotations

import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")  # only Linux has this file

# SQLite's WAL needs memory that all readers share, so they must be on one machine. Its locks need `fcntl`, which many
# of these file systems do not really have. Any other counts as local.
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
# What follows `fuse.`. A bare `fuse` says nothing: local disks are mounted by it too.
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
        path: The path; it need not be there.
        mounts: A table in the format of `/proc/self/mountinfo`.

    Returns:
        The type; None if the system has no such table.
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
        # The later of two mounts on the same point hides the earlier one.
        if resolved.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = kinds[0], len(point.parts)
    return found


def is_network(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Return whether a path lies on a file system that other machines may share; False if that can't be known."""
    kind = file_system(path, mounts)
    if kind is None:
        return False
    family, _, rest = kind.partition(".")
    return rest in _FUSE if family in {"fuse", "fuseblk"} else family in _NETWORK


def _unescaped(point: str) -> str:
    """Return a mount point with its spaces, tabs, newlines and backslashes, which are octal in the table."""
    raw = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), os.fsencode(point))
    return os.fsdecode(raw)
