"""Storing, finding and sweeping when others do the same at the same time."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest
from cache_samples import NOW, StillClock, bytes_of, draft, key_of, paid, put

from assetctl import filesystem
from assetctl.cache.answers.storing import Storing
from assetctl.cache.index.filters import EntryFilter
from assetctl.cache.removal.pruning import Limits
from assetctl.cache.store import AssetCache
from assetctl.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry, EntryDraft
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.index import Index

pytestmark = pytest.mark.anyio

ROOMY = Limits(max_size_bytes=10**9, min_free_bytes=0, max_unused_s=1e9)
NO_ROOM = Limits(max_size_bytes=1, min_free_bytes=0, max_unused_s=1e9)


class Between:
    """Stores another answer of the key once the first one has sealed its bytes."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.intruder = None

    def __call__(self, change: str, path: Path) -> None:
        if change == "chmod" and path.suffix != ".json" and self.intruder is not None:
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
            storing = Storing(blobs, index, after=lambda _: None)
            return storing.store(temporary, paid("clip"), NOW + timedelta(minutes=1))

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


class Counting:
    """Counts the changes of each kind, of all threads."""

    def __init__(self) -> None:
        self.changes: list[str] = []

    def __call__(self, change: str, path: Path) -> None:  # noqa: ARG002 - a step
        self.changes.append(change)


@asynccontextmanager
async def _held_up(cache: AssetCache, count: int, then: Callable[[], Awaitable[object]] | None = None):
    """What is stored in the block waits for its turn until `count` wait, and until `then` is done."""
    batches = cache._storing._batches
    await anyio.to_thread.run_sync(batches._working.acquire)
    try:
        yield
        with anyio.fail_after(60):
            while len(batches._waiting) < count:  # noqa: ASYNC110 - threads are waited for
                await anyio.sleep(0.001)
        if then is not None:
            await then()
    finally:
        # Whatever happened: who waits for a lock cannot be cancelled.
        batches._working.release()


async def _put_together(cache: AssetCache, *drafts: EntryDraft) -> list[CacheEntry | Exception]:
    """What storing each of `drafts` came to; all of them are sealed before the first one gets its turn."""
    outcomes: dict[str, CacheEntry | Exception] = {}

    async def one(wanted: EntryDraft) -> None:
        try:
            outcomes[wanted.asset_id] = await put(cache, wanted, bytes_of(wanted.asset_id))
        except CacheError as error:
            outcomes[wanted.asset_id] = error

    async with anyio.create_task_group() as tasks, _held_up(cache, len(drafts)):
        for wanted in drafts:
            tasks.start_soon(one, wanted)
    return [outcomes[wanted.asset_id] for wanted in drafts]


async def test_what_is_stored_at_the_same_time_shares_a_transaction(root: Path):
    step = Counting()
    async with AssetCache(root, clock=StillClock(), step=step) as cache:
        await put(cache, draft("first"), b"film")
        step.changes.clear()
        names = [f"clip{number}" for number in range(8)]
        entries = await _put_together(cache, *map(draft, names))
        assert (step.changes.count("commit"), step.changes.count("sync")) == (1, 16)
        for name, entry in zip(names, entries, strict=True):
            assert await cache.lookup(key_of(name)) == entry
    (root / "v1" / "index.sqlite3").unlink()
    async with AssetCache(root, clock=StillClock()) as rebuilt:
        assert (await rebuilt.totals()).count == 9


async def test_what_is_stored_at_the_same_time_is_held_to_the_limits_once(root: Path):
    looks: list[Path] = []
    async with AssetCache(root, clock=StillClock(), limits=ROOMY, free_bytes=looks.append) as cache:
        await put(cache, draft("first"), b"film")
        looks.clear()
        await _put_together(cache, *(draft(f"clip{number}") for number in range(8)))
        assert len(looks) == 1


async def test_of_several_answers_of_one_key_at_the_same_time_the_last_one_stands_and_paid_ones_are_kept(root: Path):
    async with AssetCache(root, clock=StillClock()) as cache:
        drafts = [paid("clip", asset_id=f"take{number}") for number in range(3)]
        entries = await _put_together(cache, *drafts)
        assert await cache.lookup(key_of("clip")) == max(entries, key=lambda entry: entry.created_at)
        kept = await cache.entries(EntryFilter(paid=True))
        assert {entry.sha256 for entry in kept} == {entry.sha256 for entry in entries}
    (root / "v1" / "index.sqlite3").unlink()
    async with AssetCache(root, clock=StillClock()) as rebuilt:
        assert {entry.sha256 for entry in await rebuilt.entries()} == {entry.sha256 for entry in entries}


async def test_the_same_bytes_under_several_keys_at_the_same_time_are_kept_once(root: Path):
    async with AssetCache(root, clock=StillClock()) as cache:
        drafts = [draft(name, asset_id="same") for name in ("a", "b", "c")]
        await _put_together(cache, *drafts)
        totals = await cache.totals()
        assert (totals.count, totals.size_bytes) == (3, len(bytes_of("same")))
        assert list((root / "v1" / "partial").iterdir()) == []


async def test_bytes_that_somebody_clears_after_they_were_found_there_are_put_there(root: Path):
    async with AssetCache(root, clock=StillClock()) as other, AssetCache(root, clock=StillClock()) as mine:
        await put(other, draft("a"), bytes_of("asset-b"))

        async def clear() -> None:
            await other.remove(await other.plan_clear(EntryFilter(key_prefixes=(key_of("a"),))))

        async with anyio.create_task_group() as tasks, _held_up(mine, 1, clear):
            tasks.start_soon(put, mine, draft("b"), bytes_of("asset-b"))
        entry = await mine.lookup(key_of("b"))
        assert entry is not None
        path = await mine.verified(entry)
        assert path is not None
        assert path.read_bytes() == bytes_of("asset-b")


async def test_one_that_cannot_be_stored_takes_none_of_the_others_along(root: Path):
    refused = hashlib.sha256(bytes_of("asset-b")).hexdigest()

    def step(change: str, path: Path) -> None:
        if change == "rename" and path.name.startswith(refused):
            raise OSError(errno.EIO, "input/output error")

    async with AssetCache(root, clock=StillClock(), step=step) as cache:
        first, second, third = await _put_together(cache, draft("a"), draft("b"), draft("c"))
        assert isinstance(second, CacheError)
        assert [await cache.lookup(key_of(name)) for name in "abc"] == [first, None, third]
        assert list((root / "v1" / "partial").iterdir()) == []


async def _put_hashed(cache: AssetCache, name: str, hashed: Callable[[Path], filesystem.HashedFile]) -> CacheEntry:
    """The entry of `name`, whose file `hashed` has still the time to change once it is written."""
    async with cache.partial(".mp4") as path:
        filesystem.write_new(path, bytes_of(name))
        return await cache.store(path, lambda: (draft(name), hashed(path)))


async def test_a_digest_of_the_very_file_is_believed(root: Path):
    async with AssetCache(root, clock=StillClock()) as cache:
        entry = await _put_hashed(cache, "clip", lambda path: replace(filesystem.hash_file(path), sha256="ab" * 32))
        assert entry.sha256 == "ab" * 32, "it was not hashed again"
        assert await cache.verified(entry) is None, "what is handed out is hashed"
        assert await cache.lookup(entry.key) is None


async def test_a_file_that_changed_after_it_was_hashed_is_not_stored(root: Path):
    def changed(path: Path) -> filesystem.HashedFile:
        hashed = filesystem.hash_file(path)
        path.write_bytes(bytes_of("bill"))
        os.utime(path, ns=(0, 0))
        return hashed

    async with AssetCache(root, clock=StillClock()) as cache:
        with pytest.raises(CacheError, match="not what was hashed"):
            await _put_hashed(cache, "clip", changed)
        assert await cache.lookup(key_of("clip")) is None
        assert list((root / "v1" / "partial").iterdir()) == []


async def test_a_copy_of_what_was_hashed_is_hashed_again_and_stored(root: Path):
    def copied(path: Path) -> filesystem.HashedFile:
        hashed = filesystem.hash_file(path)
        filesystem.copy(path, root.parent / "copy")
        (root.parent / "copy").replace(path)
        return hashed

    async with AssetCache(root, clock=StillClock()) as cache:
        entry = await _put_hashed(cache, "clip", copied)
        assert await cache.verified(entry) is not None


async def _put_and_handed_out(cache: AssetCache, name: str) -> tuple[CacheEntry, Path | None]:
    async with cache.partial(".mp4") as path:
        filesystem.write_new(path, bytes_of(name))
        return await cache.store_and_hand_out(path, lambda: (draft(name), filesystem.hash_file(path)))


async def test_what_is_handed_out_when_it_is_stored_stays_in_use(root: Path):
    async with AssetCache(root, clock=StillClock()) as cache:
        entry, path = await _put_and_handed_out(cache, "clip")
        assert path is not None
        assert path.read_bytes() == bytes_of("clip")
        for number in range(20):
            await put(cache, draft(f"clip{number}"), bytes_of(f"clip{number}"))
        assert entry.blob in cache.in_use()


async def test_what_is_damaged_when_it_is_stored_is_not_handed_out(root: Path):
    def step(change: str, path: Path) -> None:  # noqa: ARG001 - a step
        if change == "commit":
            for blob in (root / "v1" / "blobs").glob("*/*.mp4"):
                blob.chmod(0o600)
                blob.write_bytes(bytes_of("bill"))

    async with AssetCache(root, clock=StillClock(), step=step) as cache:
        entry, path = await _put_and_handed_out(cache, "clip")
        assert path is None
        assert await cache.lookup(entry.key) is None
        assert await cache.lost(entry.key) == entry


async def test_what_a_key_has_already_is_in_the_sidecar_of_its_new_answer(root: Path):
    async with AssetCache(root, clock=StillClock()) as cache:
        await put(cache, draft("clip"), b"old")
        await cache.set_pinned([key_of("clip")], pinned=True)
        await put(cache, draft("clip"), b"new")
        assert list((root / "v1" / "partial").iterdir()) == []
    (root / "v1" / "index.sqlite3").unlink()
    async with AssetCache(root, clock=StillClock()) as rebuilt:
        entry = await rebuilt.lookup(key_of("clip"))
        assert entry is not None
        assert (entry.pinned, entry.size_bytes) == (True, 3)
        path = await rebuilt.verified(entry)
        assert path is not None
        assert path.read_bytes() == b"new"


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
