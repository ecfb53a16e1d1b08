"""Which file systems databases and locks are trusted to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.errors import StorageUnusable
from assetctl.filesystem import FileSystemKind, kind_in, kind_of, require_local
from assetctl.filesystem.kinds import UNKNOWN, is_local

MOUNTS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 0:40 / /home rw,relatime shared:2 - nfs4 filer:/home rw,vers=4.2
31 30 8:1 / /home/ann/fast rw - xfs /dev/sda1 rw
32 27 0:41 / /mnt/team\\040files rw master:3 - cifs //filer/team rw
33 27 0:42 / /mnt/twice rw - ext4 /dev/sdb1 rw
34 33 0:43 / /mnt/twice rw - fuse.sshfs host:/ rw
35 27 0:44 / /mnt/back\\134slash rw - lustre 10.0.0.1@tcp:/l rw
36 27 0:45 / /homestead rw - btrfs /dev/sdc1 rw
broken line
37 27 0:46
"""


@pytest.mark.parametrize(
    ("path", "name", "local"),
    [
        ("/", "ext4", True),
        ("/var/lib/assetctl", "ext4", True),
        ("/home", "nfs4", False),
        ("/home/ann/.local/share/assetctl", "nfs4", False),
        ("/home/ann/fast/data", "xfs", True),
        ("/home/ann/faster", "nfs4", False),
        ("/homestead/data", "btrfs", True),
        ("/mnt/team files/cache", "cifs", False),
        ("/mnt/twice/data", "fuse.sshfs", False),
        ("/mnt/back\\slash/x", "lustre", False),
        ("/proc/self", "proc", True),
    ],
)
def test_kind_is_that_of_the_innermost_and_latest_mount(path: str, name: str, local: object):
    found = kind_in(MOUNTS, path)
    assert (found.name, found.is_local) == (name, local)


@pytest.mark.parametrize(
    "name",
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "lustre", "ceph", "glusterfs", "fuse.glusterfs", "beegfs", "afs",
     "fuse.sshfs", "fuse.s3fs", "fuse", "vboxsf", "virtiofs", "afpfs", "webdav"],
)  # fmt: skip
def test_what_other_machines_may_write_to_is_not_local(name: str):
    assert not is_local(name)


@pytest.mark.parametrize(
    "name",
    ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "apfs", "fuseblk", "fuse.ntfs-3g", "fuse.fuse-overlayfs"],
)
def test_disks_of_this_machine_are_local(name: str):
    assert is_local(name)


def test_a_table_that_tells_nothing_is_no_refusal():
    assert kind_in("", "/data") == FileSystemKind(UNKNOWN, is_local=True)
    assert kind_in("nonsense - ", "/data").name == UNKNOWN


@given(st.text(), st.text())
def test_no_table_and_no_path_breaks_the_reading(table: str, path: str):
    assert kind_in(table, "/" + path).name is not None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_machine_is_asked_about_folders_that_are_there_or_not_and_through_links(tmp_path: Path):
    assert kind_of(Path("/proc/self")).name == "proc"
    (tmp_path / "link").symlink_to("/proc")
    assert kind_of(tmp_path / "link" / "self").name == "proc"
    there, missing = kind_of(tmp_path), kind_of(tmp_path / "not" / "yet")
    assert there == missing
    assert there.mount_point is not None
    assert os.path.ismount(there.mount_point)


def test_a_shared_file_system_is_refused_with_its_kind_and_advice(tmp_path: Path):
    def nfs(path: Path) -> FileSystemKind:
        return kind_in(MOUNTS, f"/home/{path.name}")

    with pytest.raises(StorageUnusable) as caught:
        require_local(tmp_path, "the journal of jobs", find_kind=nfs)
    assert "cannot hold the journal of jobs" in caught.value.what
    assert caught.value.why is not None
    assert "`nfs4` mounted at `/home`" in caught.value.why
    assert caught.value.hint is not None
    assert "--data-dir" in caught.value.hint
    assert "cache.shared" in caught.value.hint


def test_a_kind_without_a_known_mount_point_is_refused_too(tmp_path: Path):
    with pytest.raises(StorageUnusable, match="cannot hold"):
        require_local(tmp_path, "anything", find_kind=lambda _: FileSystemKind("network drive", is_local=False))


def test_a_local_one_is_accepted(tmp_path: Path):
    require_local(tmp_path, "anything", find_kind=lambda _: FileSystemKind("ext4", is_local=True))
