"""Which file system a path lies on: tables of mounts as Linux writes them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hpsearch.system.file_system import file_system, is_network

TABLE = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
40 22 0:35 / /home rw,relatime shared:20 master:7 propagate_from:2 - nfs4 server:/export/home rw,vers=4.2,addr=10.0.0.1
41 40 8:2 / /home/me/scratch rw,relatime - xfs /dev/sdb1 rw
42 22 0:36 / /lab\040data rw - cifs //server/lab\040data rw
43 22 0:37 / /autofs rw - autofs /etc/auto.misc rw,fd=7
44 43 0:38 / /autofs rw - lustre 10.0.0.2@tcp:/work rw
45 22 0:39 / /mnt/ssh rw - fuse.sshfs me@host:/ rw,user_id=1000
46 22 0:40 / /mnt/usb rw - fuseblk /dev/sdc1 rw
47 22 0:41 / /mnt/portable rw - fuse.portable /dev/sdc2 rw
48 22 0:42 / /mnt/bucket rw - fuse.juicefs JuiceFS:bucket rw
49 22 8:3 /disk /homework rw - btrfs /dev/sdd1 rw
not a mount
"""


@pytest.fixture
def mounts(tmp_path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/srv/studies", "ext4", False),
        ("/", "ext4", False),
        ("/home/me/studies", "nfs4", True),
        ("/home", "nfs4", True),
        ("/home/me/../you", "nfs4", True),
        ("/homework", "btrfs", False),
        ("/home/me/scratch/studies", "xfs", False),
        ("/lab data/studies", "cifs", True),
        ("/autofs/studies", "lustre", True),
        ("/mnt/ssh/studies", "fuse.sshfs", True),
        ("/mnt/usb/studies", "fuseblk", False),
        ("/mnt/portable", "fuse.portable", False),
        ("/mnt/bucket/studies", "fuse.juicefs", True),
    ],
)
def test_the_longest_mount_point_counts_and_of_equal_ones_the_last(mounts, path, kind, network):
    assert file_system(Path(path), mounts) == kind
    assert is_network(Path(path), mounts) is network


def test_a_link_is_followed(mounts, tmp_path):
    (tmp_path / "studies").symlink_to("/home/me/studies")
    assert is_network(tmp_path / "studies" / "cnn", mounts)


def test_without_a_table_everything_is_local(tmp_path):
    assert file_system(tmp_path, tmp_path / "missing") is None
    assert not is_network(tmp_path, tmp_path / "missing")


@pytest.mark.skipif(sys.platform != "linux", reason="no other system has the table")
def test_this_machine_has_a_file_system_for_every_path(tmp_path):
    assert file_system(Path("/proc/self/status")) == "proc"
    assert file_system(tmp_path)
    assert not is_network(Path("/proc"))
