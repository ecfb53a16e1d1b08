"""Storing, finding and sweeping when others do the same at the same time."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cache_samples import NOW, StillClock, draft, key_of, paid, put

from assetctl import filesystem
from assetctl.cache.answers.storing import store
from assetctl.cache.index.filters import EntryFilter
from assetctl.cache.removal.pruning import Limits
from assetctl.cache.store import AssetCache

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.index import Index

pytestmark = pytest.mark.anyio

ROOMY = Limits(max_size_bytes=10**9, min_free_bytes=0, max_unused_s=1e9)
NO_ROOM = Limits(max_size_bytes=1, min_free_bytes=0, max_unused_s=1e9)


class Between:
    """Stores another answer of the key once the first one has sealed its bytes and its sidecar."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.intruder = None

    def __call__(self, change: str, path: Path) -> None:
        if path.suffix == ".json" and change == "create" and self.intruder is not None:
            intruder, self.intruder = self.intruder, None
            intruder()


async def test_a_paid_answer_stored_while_the_bytes_were_hashed_is_kept_apart(root: Path):
    between = Between(1)
    async with (
        AssetCache(root, clock=StillClock()) as other,
        AssetCache(root, clock=StillClock(), step=between) as mine,
    ):
        await put(other, draft("clip"), b"old")
        source = root.parent / "bought"
        source.write_bytes(b"bought film")

        def buy(blobs: Blobs, index: Index) -> CacheEntry:
            temporary = blobs.temporary(".mp4")
            filesystem.copy(source, temporary)
            return store(temporary, paid("clip"), blobs, index, NOW + timedelta(minutes=1))

        between.intruder = lambda: buy(other._blobs, other._index)
        await put(mine, draft("clip"), b"new")
        assert between.intruder is None, "the other one came in between"
        (kept,) = await mine.entries(EntryFilter(paid=True))
        path = await mine.verified(kept)
        assert path is not None
        assert path.read_bytes() == b"bought film"
        found = await mine.lookup(key_of("clip"))
        assert found is not None
        assert not found.paid
    (root / "v1" / "index.sqlite3").unlink()
    async with AssetCache(root, clock=StillClock()) as rebuilt:
        assert len(await rebuilt.entries(EntryFilter(paid=True))) == 1


async def test_an_asset_whose_bytes_are_gone_is_not_found_by_its_id(root: Path):
    async with AssetCache(root, clock=StillClock()) as cache:
        entry = await put(cache, draft("clip"), b"film")
        (await cache.whereabouts(entry)).path.unlink()
        assert await cache.find_by_asset_id(entry.asset_id) is None
        assert await cache.lost(entry.key) == entry


async def test_replaced_bytes_that_were_handed_out_after_the_plan_stay(root: Path):
    async with AssetCache(root, clock=StillClock()) as cache:
        old = await put(cache, draft("clip"), b"old")
        await put(cache, draft("clip"), b"new")
    async with AssetCache(root, clock=StillClock()) as reader, AssetCache(root, clock=StillClock()) as pruner:
        plan = await pruner.shrink(lambda shrinking, now: shrinking.plan_prune(NO_ROOM, now))
        assert [blob for blob, _ in plan.strays] == [old.blob]
        path = await reader.verified(old)
        assert path is not None
        await pruner.shrink(lambda shrinking, now: shrinking.prune(plan, now, keep=False))
        assert path.read_bytes() == b"old"
        again = await pruner.shrink(lambda shrinking, now: shrinking.plan_prune(ROOMY, now))
        assert again.use.stray_bytes == 3, "it is still listed"


def _orphan(root: Path) -> Path:
    path = root / "v1" / "blobs" / "aa" / f"{'aa' * 32}.mp4"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(b"nobody's")
    return path


def _in_two_days() -> StillClock:
    return StillClock(datetime.now(tz=UTC) + timedelta(days=2))


async def test_pruning_by_hand_removes_old_files_that_no_entry_has(root: Path):
    clock = _in_two_days()
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("clip"), b"film")
        orphan = _orphan(root)
        plan = await cache.shrink(lambda shrinking, now: shrinking.plan_prune(ROOMY, now))
        report = await cache.shrink(lambda shrinking, now: shrinking.prune(plan, now, keep=True))
        assert (report.freed_bytes, orphan.exists()) == (len(b"nobody's"), False)


async def test_a_store_sweeps_once_a_day(root: Path):
    async def stored(name: str, clock: StillClock) -> None:
        async with AssetCache(root, clock=clock, limits=ROOMY) as cache:
            await put(cache, draft(name), name.encode())

    clock = _in_two_days()
    await stored("first", clock)
    os.utime(root / "v1" / "swept", (clock.moment.timestamp(),) * 2)
    orphan = _orphan(root)
    await stored("an hour later", StillClock(clock.moment + timedelta(hours=1)))
    assert orphan.exists()
    await stored("a day later", StillClock(clock.moment + timedelta(days=1)))
    assert not orphan.exists()


async def test_an_index_with_damage_that_sqlite_cannot_spell_is_rebuilt(root: Path):
    async with AssetCache(root, clock=StillClock()) as cache:
        entry = await put(cache, draft("clip"), b"film")
    index = root / "v1" / "index.sqlite3"
    whole = index.read_bytes()
    damaged = whole.replace(b"CREATE TABLE entries", b"CREATE T\xf3BLE entries")
    assert damaged != whole
    index.write_bytes(damaged)
    async with AssetCache(root, clock=StillClock()) as cache:
        assert await cache.lookup(entry.key) is not None
