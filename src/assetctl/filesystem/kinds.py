"""What kind of file system a folder lies on: databases and locks are sound on a local one alone.

SQLite and kernel locks trust what network and user-space file systems only pretend to do. The kind is read from the
table of mounts, nothing is tried out; where a system does not tell, the folder is taken for local.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from assetctl.errors import StorageUnusable

if sys.platform in ("win32", "darwin"):  # pragma: no cover - the other systems
    import ctypes

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN: Final = "unknown"

_MOUNT_TABLE: Final = Path("/proc/self/mountinfo")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
# As /proc/self/mountinfo and statfs(2) of macOS name them: other machines have the files, or another kernel does.
_SHARED: Final = frozenset(
    {"9p", "acfs", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "drvfs", "fhgfs", "fuse", "ftp", "fusefs",
     "gfs", "gfs2", "glusterfs", "gpfs", "lustre", "macfuse", "mmfs", "ncp", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2",
     "orangefs", "osxfuse", "panfs", "prl_fs", "pvfs2", "quobyte", "smb", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs",
     "vmhgfs", "webdav", "wekafs"}
)  # fmt: skip
# User-space file systems that keep their files on a disk of this machine.
_LOCAL_FUSE: Final = frozenset(
    {"fuse.apfs", "fuse.exfat", "fuse.ext2", "fuse.fuse-overlayfs", "fuse.lowntfs-3g", "fuse.ntfs", "fuse.ntfs-3g"}
)


@dataclass(frozen=True, slots=True)
class FileSystemKind:
    """The file system of a folder; `name` is the system's own word for it, `mount_point` where it begins if known."""

    name: str
    is_local: bool
    mount_point: str | None = None


class FindKind(Protocol):
    """Tells the kind of the file system that a path, there or not, is on."""

    def __call__(self, path: Path) -> FileSystemKind:
        """Never raises for what the world did."""
        ...


def kind_of(path: Path) -> FileSystemKind:
    """The file system that `path`, there or not, is on."""
    real = os.path.realpath(path)
    if sys.platform == "win32":  # pragma: no cover - Windows
        return _windows_kind(real)
    if sys.platform == "darwin":  # pragma: no cover - macOS
        return _macos_kind(real)
    try:
        mounts = _MOUNT_TABLE.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # pragma: no cover - no /proc
        return FileSystemKind(UNKNOWN, is_local=True)
    return kind_in(mounts, real)


def kind_in(mounts: str, real_path: str) -> FileSystemKind:
    """The file system of `real_path`, absolute and free of links, by a table as in proc_pid_mountinfo(5)."""
    found = FileSystemKind(UNKNOWN, is_local=True)
    for mount_point, name in _mounted(mounts):
        # Of two mounts on one point the later one hides the earlier.
        if _lies_in(real_path, mount_point) and len(mount_point) >= len(found.mount_point or ""):
            found = FileSystemKind(name, is_local(name), mount_point)
    return found


def is_local(name: str) -> bool:
    """Whether a file system of this kind is the business of this machine's kernel alone."""
    if name.startswith("fuse."):
        return name in _LOCAL_FUSE
    return name not in _SHARED


def require_local(folder: Path, what: str, *, find_kind: FindKind = kind_of) -> None:
    """`folder` is not known to lie on a file system that `what` is unsafe on.

    Raises:
        StorageUnusable: it does; says which kind and what to do.
    """
    kind = find_kind(folder)
    if not kind.is_local:
        where = "" if kind.mount_point is None else f" mounted at `{kind.mount_point}`"
        raise StorageUnusable(
            f"`{folder}` cannot hold {what}",
            why=f"it lies on `{kind.name}`{where}, where databases and locks of several processes are not safe",
            hint="choose a folder on a local disk with `--data-dir`; files can be shared there with `cache.shared`",
        )


def _mounted(mounts: str) -> Iterator[tuple[str, str]]:
    for line in mounts.splitlines():
        before, dash, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if dash and len(fields) > 4:  # noqa: PLR2004 - the mount point is the fifth field
            yield _plain(fields[4]), kinds[0]


def _plain(text: str) -> str:
    # The kernel writes blanks, tabs, newlines and backslashes as three octal digits.
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)


def _lies_in(path: str, mount_point: str) -> bool:
    return path == mount_point or path.startswith(mount_point.rstrip("/") + "/")


if sys.platform == "win32":  # pragma: no cover - Windows

    def _windows_kind(real: str) -> FileSystemKind:
        drive = os.path.splitdrive(real)[0]
        # fileapi.h: DRIVE_REMOTE is 4; a path that begins with two backslashes names a server.
        kernel = ctypes.WinDLL("kernel32")
        remote = drive.startswith("\\\\") or kernel.GetDriveTypeW(drive + "\\") == 4  # noqa: PLR2004 - named above
        return FileSystemKind("network drive" if remote else "local drive", not remote, drive)


if sys.platform == "darwin":  # pragma: no cover - macOS

    class _Statfs(ctypes.Structure):
        # sys/mount.h, the 64-bit form.
        _fields_ = (
            ("f_sizes", ctypes.c_uint32 * 2),
            ("f_counts", ctypes.c_uint64 * 5),
            ("f_fsid", ctypes.c_int32 * 2),
            ("f_owner_type_flags_subtype", ctypes.c_uint32 * 4),
            ("f_fstypename", ctypes.c_char * 16),
            ("f_mntonname", ctypes.c_char * 1024),
            ("f_mntfromname", ctypes.c_char * 1024),
            ("f_reserved", ctypes.c_uint32 * 8),
        )

    def _macos_kind(real: str) -> FileSystemKind:
        there = Path(real)
        while not there.exists() and there != there.parent:
            there = there.parent
        library, found = ctypes.CDLL(None), _Statfs()
        # On Intel the plain name is the old 32-bit form.
        statfs = getattr(library, "statfs$INODE64", None) or library.statfs
        if statfs(os.fsencode(there), ctypes.byref(found)) != 0:
            return FileSystemKind(UNKNOWN, is_local=True)
        name = found.f_fstypename.decode(errors="replace")
        return FileSystemKind(name, is_local(name), found.f_mntonname.decode(errors="replace"))
