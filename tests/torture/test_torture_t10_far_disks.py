"""T10: on what other machines or user-space file systems hold, no index, journal or lookups are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from torture_report import Report
from torture_shelf import SetClock, content, draft, key_of

from assetctl import filesystem
from assetctl.cache.lookups import Lookups
from assetctl.cache.store import AssetCache
from assetctl.errors import StorageUnusable
from assetctl.filesystem import FileSystemKind, kind_in
from assetctl.generation.journal import Journal
from assetctl.models import AssetRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

_TABLE = """\
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 0:40 / {point} rw,relatime shared:2 - {kind} server:/export rw
"""
KINDS = {
    "nfs": False, "nfs4": False, "cifs": False, "smb3": False, "fuse.sshfs": False, "fuse.s3fs": False,
    "lustre": False, "9p": False, "virtiofs": False, "ceph": False,
    "ext4": True, "xfs": True, "btrfs": True, "tmpfs": True, "overlay": True, "fuse.ntfs-3g": True,
}  # fmt: skip


async def _store(data: Path, find_kind: Callable[[Path], FileSystemKind]) -> None:
    async with AssetCache(data / "cache", clock=SetClock(), find_kind=find_kind) as cache:
        async with cache.partial(".mp4") as path:
            filesystem.write_new(path, content("name", 1, 500))
            await cache.store(path, draft("name"))
        assert await cache.lookup(key_of("name")) is not None


async def _read(data: Path, find_kind: Callable[[Path], FileSystemKind]) -> None:
    async with AssetCache(data / "cache", clock=SetClock(), find_kind=find_kind) as cache:
        await cache.lookup(key_of("name"))


async def _order(data: Path, find_kind: Callable[[Path], FileSystemKind]) -> None:
    journal = Journal(data / "journal.sqlite3", clock=SetClock(), find_kind=find_kind)
    await journal.intend("k", "pixsim", AssetRequest(scene_id="s"))


async def _remember(data: Path, find_kind: Callable[[Path], FileSystemKind]) -> None:
    lookups = Lookups(data / "lookups", clock=SetClock(), find_kind=find_kind)
    await lookups.remember("k", "x", ttl_s=60)
    if await lookups.recall("k") is None:
        # Its loss costs nothing, so it is refused without an error.
        raise StorageUnusable("nothing is remembered")


DEEDS: tuple[Callable[[Path, Callable[[Path], FileSystemKind]], Awaitable[None]], ...] = (
    _store, _read, _order, _remember,
)  # fmt: skip


def test_shared_file_systems_are_refused_before_anything_is_written(quick_folder: Path):
    with Report("T10") as report:
        unsafe, refused = [], []
        for kind, is_local in KINDS.items():
            for deed in DEEDS:
                data = quick_folder / f"{kind}{deed.__name__}"
                table = _TABLE.format(point=quick_folder, kind=kind)
                was_refused = _is_refused(deed, data, table)
                if was_refused and is_local:
                    refused.append(f"{deed.__name__} on {kind}")
                if not is_local and (not was_refused or data.exists()):
                    unsafe.append(f"{deed.__name__} on {kind}")
        report.tell(kinds=len(KINDS), deeds=len(DEEDS))
        report.all_zero(used_where_unsafe=unsafe, refused_where_safe=refused)


def _is_refused(deed: Callable[..., Awaitable[None]], data: Path, table: str) -> bool:
    try:
        anyio.run(deed, data, lambda path: kind_in(table, str(path)))
    except StorageUnusable:
        return True
    return False
