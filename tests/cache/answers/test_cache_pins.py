"""Pins and times of verification: a pin is confirmed for good, a verification is the index's own business."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cache_samples import NOW, StillClock, bytes_of, draft, key_of, paid, put

from assetctl.cache.index.filters import EntryFilter, State
from assetctl.cache.store import AssetCache
from assetctl.errors import InvalidRequest, StorageFull

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cache(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as opened:
        yield opened


def index_of(root: Path) -> Path:
    return root / "v1" / "index.sqlite3"


async def pinned_keys(cache: AssetCache) -> set[str]:
    return {entry.key for entry in await cache.entries(EntryFilter(pinned=True))}


async def test_pinned_is_what_was_named_and_is_there(cache: AssetCache):
    one, two = [await put(cache, draft(name), bytes_of(name)) for name in ("one", "two")]
    assert await cache.set_pinned([one.key, one.key, key_of("nobody")], pinned=True) == 1
    assert await pinned_keys(cache) == {one.key}
    assert (await cache.totals()).pinned_count == 1
    assert await cache.set_pinned([one.key, two.key], pinned=True) == 1
    assert await cache.set_pinned([one.key, two.key], pinned=False) == 2
    assert await pinned_keys(cache) == set()


async def test_pinning_nothing_touches_nothing(cache: AssetCache, root: Path):
    assert await cache.set_pinned([], pinned=True) == 0
    assert not (root / "v1" / "blobs").exists()


async def test_pin_survives_the_loss_of_the_index(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        for name in ("one", "two"):
            await put(cache, draft(name), bytes_of(name))
        await cache.set_pinned([key_of("one")], pinned=True)
    index_of(root).unlink()
    async with AssetCache(root, clock=clock) as cache:
        assert await pinned_keys(cache) == {key_of("one")}
        await cache.set_pinned([key_of("one")], pinned=False)
    index_of(root).unlink()
    async with AssetCache(root, clock=clock) as cache:
        assert await pinned_keys(cache) == set()


async def test_pin_belongs_to_the_key_whatever_answers_it(cache: AssetCache):
    await put(cache, draft("one"), b"old")
    await cache.set_pinned([key_of("one")], pinned=True)
    assert (await put(cache, draft("one"), b"new")).pinned
    assert await pinned_keys(cache) == {key_of("one")}


async def test_pin_that_cannot_be_kept_is_refused(root: Path, clock: StillClock):
    def full(change: str, path: Path) -> None:
        if change == "create":
            raise OSError(28, os.strerror(28), str(path))

    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("one"), b"film")
    async with AssetCache(root, clock=clock, step=full) as cache:
        with pytest.raises(StorageFull):
            await cache.set_pinned([key_of("one")], pinned=True)
        assert await pinned_keys(cache) == set()


async def test_sidecars_of_before_there_were_pins_are_read(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        entry = await put(cache, draft("one"), b"film")
    (sidecar,) = (root / "v1" / "blobs").rglob("*.json")
    document = json.loads(sidecar.read_text(encoding="ascii"))
    # Nor were there check sums.
    del document["pinned"], document["document_sha256"]
    sidecar.chmod(0o600)
    sidecar.write_text(json.dumps(document), encoding="ascii")
    index_of(root).unlink()
    async with AssetCache(root, clock=clock) as cache:
        assert await cache.entries() == [entry]


async def test_index_of_the_first_version_is_rebuilt(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        entry = await put(cache, draft("one"), b"film")
    index_of(root).unlink()
    with closing(sqlite3.connect(index_of(root))) as connection:
        connection.execute("CREATE TABLE entries (key TEXT PRIMARY KEY NOT NULL)")
        connection.execute("PRAGMA user_version = 1")
    async with AssetCache(root, clock=clock) as cache:
        assert await cache.lookup(entry.key) == entry


async def test_handing_out_counts_as_verification(cache: AssetCache, clock: StillClock):
    entry = await put(cache, draft("one"), b"film")
    clock.moment += timedelta(days=2)
    assert await cache.verified(entry) is not None
    (found,) = await cache.entries()
    assert (found.verified_at, found.last_used_at) == (clock.moment, clock.moment)


async def test_rebuilt_index_does_not_claim_a_verification(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("one"), b"film")
    index_of(root).unlink()
    async with AssetCache(root, clock=clock) as cache:
        assert [entry.verified_at for entry in await cache.entries()] == [None]


async def test_totals_of_all_equal_those_of_a_filter_that_all_pass(cache: AssetCache):
    assert await cache.totals() == await cache.totals(EntryFilter(key_prefixes=("0",), expired=True))
    for name, data in (("one", b"film"), ("two", b"film"), ("three", b"other")):
        await put(cache, draft(name), data)
    await put(cache, paid("four"), b"more!")
    await cache.set_pinned([key_of("two")], pinned=True)
    totals = await cache.totals()
    assert totals == await cache.totals(EntryFilter(expired=False))
    assert (totals.count, totals.size_bytes, totals.logical_bytes) == (4, 14, 18)


async def test_keys_are_those_of_the_entries_in_their_order(cache: AssetCache):
    for name in ("one", "two", "three"):
        await put(cache, draft(name), name.encode() * len(name))
    entries = await cache.entries(sort="size", limit=2)
    assert await cache.keys(sort="size", limit=2) == [entry.key for entry in entries]
    assert len(await cache.keys()) == 3


async def test_whereabouts_are_told_without_reading(cache: AssetCache):
    one = await put(cache, draft("one"), b"film")
    await put(cache, draft("two"), b"film")
    place = await cache.whereabouts(one)
    assert (place.path.name, place.is_present, place.uses) == (one.blob, True, 2)
    place.path.unlink()
    assert not (await cache.whereabouts(one)).is_present


@pytest.mark.parametrize(
    ("state", "found"),
    [(State.PINNED, "a"), (State.PAID, "b"), (State.STAND_IN, "c"), (State.EXPIRED, "c"), (State.CURRENT, "ab")],
)
async def test_state_chooses(cache: AssetCache, state: State, found: str):
    await put(cache, draft("a"), b"a")
    await put(cache, paid("b"), b"b")
    await put(cache, draft("c", stand_in=True, expires_at=NOW), b"c")
    await cache.set_pinned([key_of("a")], pinned=True)
    assert set(await cache.keys(EntryFilter().with_state(state))) == {key_of(name) for name in found}


async def test_nothing_is_current_and_expired():
    with pytest.raises(InvalidRequest, match="both"):
        EntryFilter().with_state(State.CURRENT).with_state(State.EXPIRED)
