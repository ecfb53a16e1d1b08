"""What is unsafe on a file server is refused there before anything is written, and nothing is bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cache_samples import StillClock, key_of

from assetctl.cache.store import AssetCache
from assetctl.errors import StorageUnusable
from assetctl.events import AssetEventBus
from assetctl.filesystem import FileSystemKind
from assetctl.generation.journal import Journal
from assetctl.generation.ordering import OrderDesk
from assetctl.models import AssetRequest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def nfs(_path: Path) -> FileSystemKind:
    return FileSystemKind("nfs4", is_local=False, mount_point="/home")


async def test_the_index_of_the_cache(data):
    async with AssetCache(data / "cache", clock=StillClock(), find_kind=nfs) as cache:
        with pytest.raises(StorageUnusable, match="index"):
            await cache.lookup(key_of("a"))
        with pytest.raises(StorageUnusable, match="index"):
            async with cache.partial(".mp4"):
                pass
    assert not data.exists()


async def test_the_journal(data):
    journal = Journal(data / "journal.sqlite3", clock=StillClock(), find_kind=nfs)
    with pytest.raises(StorageUnusable, match="journal"):
        await journal.intend(key_of("a"), "pixsim", AssetRequest(scene_id="a"))
    assert not data.exists()
    await Journal(data / "journal.sqlite3", clock=StillClock()).intend("a", "pixsim", AssetRequest(scene_id="a"))
    with pytest.raises(StorageUnusable, match="journal"):
        await journal.orders(open_only=True)


async def test_the_locks_of_orders(data):
    clock = StillClock()
    journal = Journal(data / "journal.sqlite3", clock=clock)
    desk = OrderDesk(
        journal, locks_folder=data / "locks", clock=clock, events=AssetEventBus(), allowance=None, find_kind=nfs
    )
    with pytest.raises(StorageUnusable, match="locks"):
        async with desk.exclusively(key_of("a")):
            pass
    assert not data.exists()
