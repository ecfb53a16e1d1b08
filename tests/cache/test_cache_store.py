"""Storing, looking up and handing out: what was confirmed is served whole, and nothing else is."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cache_samples import NOW, StillClock, draft, key_of, paid, put, swept

from assetctl import filesystem
from assetctl.cache.entries import complete
from assetctl.cache.index.filters import EntryFilter
from assetctl.cache.store import AssetCache
from assetctl.errors import CacheError, InvalidRequest, StorageFull, StorageUnusable
from assetctl.models import AssetRequest, Source

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "cache"


@pytest.fixture
async def cache(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as opened:
        yield opened


def blob_files(root: Path) -> list[Path]:
    return [path for path in (root / "v1" / "blobs").rglob("*.mp4") if path.is_file()]


async def test_stored_answer_is_found_and_whole(cache: AssetCache):
    stored = await put(cache, draft("confess"), b"film")
    found = await cache.lookup(key_of("confess"))
    assert found == stored
    path = await cache.verified(stored)
    assert path is not None
    assert path.read_bytes() == b"film"
    assert path.name == f"{stored.sha256}.mp4"


async def test_unknown_key_is_a_miss(cache: AssetCache):
    assert await cache.lookup(key_of("nobody")) is None
    assert await cache.lost(key_of("nobody")) is None


async def test_answer_outlives_the_process_that_stored_it(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as first:
        stored = await put(first, paid("confess"), b"film")
    async with AssetCache(root, clock=clock) as second:
        assert await second.lookup(stored.key) == stored


@pytest.mark.parametrize("source", [Source.PLACEHOLDER, Source.CACHED])
async def test_placeholder_is_not_cached(source: Source):
    with pytest.raises(ValueError, match="is not cached"):
        draft("confess", source=source)


async def test_everything_is_private_whatever_the_umask(root: Path, clock: StillClock):
    before = os.umask(0)
    try:
        async with AssetCache(root, clock=clock) as cache:
            await put(cache, draft("confess"), b"film")
            for path in [root.parent, *root.parent.rglob("*")]:
                mode = stat.S_IMODE(path.lstat().st_mode)
                assert mode & 0o077 == 0, f"{path} has {mode:o}"
            assert stat.S_IMODE(blob_files(root)[0].lstat().st_mode) == 0o400
    finally:
        os.umask(before)


async def test_folder_says_that_it_is_a_cache(cache: AssetCache, root: Path):
    await put(cache, draft("confess"), b"film")
    assert (root / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55")


async def test_same_bytes_are_kept_once(cache: AssetCache, root: Path):
    one = await put(cache, draft("one"), b"film")
    two = await put(cache, draft("two"), b"film")
    assert one.blob == two.blob
    assert len(blob_files(root)) == 1
    totals = await cache.totals()
    assert (totals.count, totals.size_bytes) == (2, 4)


async def test_partial_is_gone_after_the_block(cache: AssetCache, root: Path):
    async with cache.partial(".mp4") as path:
        assert not path.exists()
        path.write_bytes(b"half")
    assert list((root / "v1" / "partial").iterdir()) == []


async def test_new_answer_replaces_the_old_one(cache: AssetCache, clock: StillClock):
    await put(cache, draft("confess"), b"first")
    clock.moment -= timedelta(days=3)
    second = await put(cache, draft("confess"), b"second")
    assert await cache.lookup(key_of("confess")) == second
    assert (await cache.totals()).count == 1


async def test_replaced_bytes_stay_until_a_sweep_a_day_later(cache: AssetCache, root: Path, clock: StillClock):
    await put(cache, draft("confess"), b"first")
    await put(cache, draft("confess"), b"second")
    assert (await swept(cache)).removed_files == 0
    assert len(blob_files(root)) == 2
    clock.moment = _real_now(clock) + timedelta(days=2)
    assert (await swept(cache)).freed_bytes == 5
    assert [path.read_bytes() for path in blob_files(root)] == [b"second"]


def _real_now(clock: StillClock):
    return clock.moment.fromtimestamp(time.time(), tz=clock.moment.tzinfo)


@pytest.mark.parametrize(
    ("damage", "is_kept"),
    [
        (lambda path: path.write_bytes(b"fiLm"), True),
        (lambda path: path.write_bytes(b"fil"), True),
        (lambda path: path.write_bytes(b""), True),
        (lambda path: path.write_bytes(b"film and more"), True),
        (lambda path: path.unlink(), False),
        (lambda path: (path.unlink(), path.mkdir()), True),
        (lambda path: (path.unlink(), os.mkfifo(path)), True),
        (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), True),
    ],
    ids=["changed", "cut", "emptied", "grown", "deleted", "folder", "pipe", "link"],
)
async def test_damaged_bytes_are_never_served(cache: AssetCache, root: Path, damage, is_kept):
    stored = await put(cache, paid("confess"), b"film")
    sharer = await put(cache, draft("shares"), b"film")
    path = blob_files(root)[0]
    path.chmod(0o600)
    damage(path)
    assert await cache.verified(stored) is None
    assert await cache.lookup(stored.key) is None
    assert await cache.lookup(sharer.key) is None
    assert await cache.lost(stored.key) == stored
    kept = [found for found in (root / "v1" / "quarantine").iterdir() if found.suffix == ".mp4"]
    assert len(kept) == is_kept
    again = await put(cache, paid("confess"), b"film")
    assert await cache.verified(again) is not None
    assert await cache.lost(stored.key) is None


async def test_missing_blob_is_a_miss_and_remembered(cache: AssetCache, root: Path):
    stored = await put(cache, paid("confess"), b"film")
    blob_files(root)[0].unlink()
    assert await cache.lookup(stored.key) is None
    assert (await cache.totals()).count == 0
    assert await cache.lost(stored.key) == stored


async def test_damaged_blob_is_replaced_when_the_same_bytes_are_stored(cache: AssetCache, root: Path):
    await put(cache, draft("one"), b"film")
    path = blob_files(root)[0]
    path.chmod(0o600)
    path.write_bytes(b"garbage")
    two = await put(cache, draft("two"), b"film")
    assert await cache.verified(two) is not None


async def test_nothing_behind_a_planted_link_is_served_or_removed(cache: AssetCache, root: Path, tmp_path: Path):
    stored = await put(cache, draft("confess"), b"film")
    shard = root / "v1" / "blobs" / stored.sha256[:2]
    elsewhere = tmp_path / "elsewhere"
    shard.rename(elsewhere)
    shard.symlink_to(elsewhere)
    plan = await cache.plan_clear(EntryFilter())
    assert await cache.verified(stored) is None
    assert await cache.lookup(stored.key) is None
    await cache.remove(plan)
    assert {path.suffix for path in elsewhere.iterdir()} == {".mp4", ".json"}
    with pytest.raises(StorageUnusable, match="cannot hold"):
        await put(cache, draft("confess"), b"film")


@pytest.mark.parametrize("is_shard", [True, False])
async def test_no_glimpse_goes_through_a_planted_link(cache: AssetCache, root: Path, tmp_path: Path, is_shard):
    stored = await put(cache, draft("confess"), b"film")
    assert stored.key in await cache.glimpses([stored.key])
    folder = root / "v1" / "blobs" / (stored.sha256[:2] if is_shard else "")
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert await cache.glimpses([stored.key]) == {}


@pytest.mark.parametrize(
    ("lived", "served"),
    [
        (timedelta(days=89), True),
        (timedelta(days=91), False),
        (timedelta(days=-300), True),
        (-timedelta(days=500), False),
    ],
)
async def test_expiry_holds_whatever_the_clock_does(cache: AssetCache, clock: StillClock, lived, served):
    await put(cache, draft("confess", expires_at=NOW + timedelta(days=90)), b"film")
    clock.moment = NOW + lived
    assert (await cache.lookup(key_of("confess")) is not None) is served
    clock.moment = NOW + timedelta(days=1)
    assert await cache.lookup(key_of("confess")) is not None


async def test_expiry_too_far_ahead_is_not_believed(cache: AssetCache):
    await put(cache, draft("confess", expires_at=NOW + timedelta(days=4000)), b"film")
    assert await cache.lookup(key_of("confess")) is None


async def test_use_is_noted_once_a_day(cache: AssetCache, clock: StillClock):
    stored = await put(cache, draft("confess"), b"film")
    clock.moment += timedelta(hours=20)
    await cache.verified(stored)
    assert await cache.lookup(stored.key) == stored
    clock.moment += timedelta(hours=10)
    await cache.verified(stored)
    found = await cache.lookup(stored.key)
    assert found is not None
    assert found.last_used_at == clock.moment


async def test_confirmed_sources_are_noted(cache: AssetCache):
    stored = await put(cache, draft("confess"), b"film")
    other = await put(cache, draft("wait"), b"another")
    later = NOW + timedelta(hours=3)
    assert await cache.confirm_sources([stored, replace(stored, key=key_of("nobody"))], later)
    assert await cache.lookup(stored.key) == replace(stored, checked_at=later)
    assert await cache.lookup(other.key) == other
    assert await cache.lookup(key_of("nobody")) is None


async def test_a_source_is_not_confirmed_of_what_took_its_place(cache: AssetCache):
    stored = await put(cache, draft("confess"), b"film")
    newer = await put(cache, draft("confess"), b"another")
    assert await cache.confirm_sources([stored], NOW + timedelta(hours=3))
    assert await cache.lookup(stored.key) == newer


async def test_newest_entry_of_an_asset_is_found(cache: AssetCache, clock: StillClock):
    await put(cache, draft("one", asset_id="a"), b"1")
    clock.moment += timedelta(seconds=1)
    two = await put(cache, draft("two", asset_id="a"), b"2")
    assert await cache.find_by_asset_id("a") == two
    assert await cache.find_by_asset_id("b") is None


async def test_prefix_finds_keys_and_digests(cache: AssetCache):
    stored = await put(cache, draft("confess"), b"film")
    assert await cache.find_by_prefix(stored.key[:4]) == [stored]
    assert await cache.find_by_prefix(stored.sha256[:6].upper()) == [stored]
    assert await cache.find_by_prefix(stored.key) == [stored]
    for wrong in ("abc", "zzzz", "%%%%"):
        with pytest.raises(InvalidRequest):
            await cache.find_by_prefix(wrong)


async def test_nearest_differs_least(cache: AssetCache):
    base = AssetRequest(scene_id="s", choice_id="c", prompt="a bench", seed=1)
    near = await put(
        cache, draft("near", request=AssetRequest(scene_id="s", choice_id="c", prompt="a bench", seed=2)), b"1"
    )
    await put(cache, draft("far", request=AssetRequest(scene_id="s", choice_id="c", prompt="a sea", seed=3)), b"2")
    await put(cache, draft("other", request=AssetRequest(scene_id="s", prompt="a bench", seed=1)), b"3")
    assert await cache.nearest(base) == near
    assert await cache.nearest(AssetRequest(scene_id="t")) is None
    assert await cache.nearest(AssetRequest(prompt="a bench")) is None


async def test_half_characters_of_a_server_are_stored(cache: AssetCache):
    stored = await put(cache, draft("confess", asset_id="bad\ud800id"), b"film")
    assert await cache.lookup(stored.key) == stored
    assert await cache.find_by_asset_id("bad\ud800id") == stored


async def test_newer_format_is_left_alone(cache: AssetCache, root: Path):
    newer = root / "v2" / "blobs"
    newer.mkdir(parents=True)
    (newer / "x").write_text("theirs", encoding="ascii")
    await put(cache, draft("confess"), b"film")
    await cache.remove(await cache.plan_clear(EntryFilter(), include_paid=True))
    await swept(cache)
    assert (newer / "x").read_text(encoding="ascii") == "theirs"


async def test_link_instead_of_bytes_is_not_stored(cache: AssetCache, tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("x", encoding="ascii")
    async with cache.partial(".mp4") as path:
        path.symlink_to(secret)
        with pytest.raises(StorageUnusable):
            await cache.store(path, draft("confess"))
    assert secret.read_text(encoding="ascii") == "x"
    assert (await cache.totals()).count == 0


async def test_folder_that_is_a_link_is_refused(root: Path, clock: StillClock, tmp_path: Path):
    os.mkdir(root.parent)  # noqa: PTH102 - one quick call
    os.symlink(tmp_path, root)  # noqa: PTH211 - as above
    async with AssetCache(root, clock=clock) as cache:
        with pytest.raises(StorageUnusable) as caught:
            await cache.lookup(key_of("x"))
    assert caught.value.why == "it is a link"


class Failing:
    """Answers the change of one number with an errno; counts them all."""

    def __init__(self, at: int, number: int) -> None:
        self.at = at
        self.number = number
        self.seen = 0
        self.failed = ""

    def __call__(self, change: str, path: Path) -> None:
        self.seen += 1
        if self.seen == self.at:
            self.failed = change
            raise OSError(self.number, os.strerror(self.number), str(path))


@pytest.mark.parametrize(
    "number", [28, 122, 30, 13, 5, 24], ids=["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EIO", "EMFILE"]
)
async def test_every_failing_change_is_one_error_and_no_wrong_bytes(tmp_path: Path, clock: StillClock, number: int):
    errors: list[CacheError] = []
    for at in range(1, 60):
        step = Failing(at, number)
        root = tmp_path / f"try-{at}"
        async with AssetCache(root, clock=clock) as whole:
            kept = await put(whole, draft("kept"), b"kept")
        async with AssetCache(root, clock=clock, step=step) as cache:
            try:
                await put(cache, draft("confess"), b"film")
            except CacheError as error:
                errors.append(error)
            if not step.failed:
                break
            assert await cache.verified(kept) is not None
            found = await cache.lookup(key_of("confess"))
            assert found is None or (await cache.verified(found)) is not None
            assert step.failed == "unlink" or list((root / "v1" / "partial").iterdir()) == []
    else:
        pytest.fail("there is no end of changes")
    assert len(errors) > 5
    assert {isinstance(error, StorageFull) for error in errors} == {number in (28, 122, 30)}


async def test_full_disk_names_path_and_free_room(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock, step=Failing(6, 28)) as cache:
        with pytest.raises(StorageFull) as caught:
            await cache.lookup(key_of("x"))
    assert str(root) in caught.value.what, caught.value.what
    assert "free" in (caught.value.why or "")


async def test_dead_writers_leavings_go_at_the_next_start(cache: AssetCache, root: Path):
    await put(cache, draft("confess"), b"film")
    writer = filesystem.current_writer()
    dead = root / "v1" / "partial" / f"{writer.pid}-1-{writer.host}-{writer.boot}.abc.mp4"
    dead.write_bytes(b"half")
    await swept(cache)
    assert dead.exists()
    async with AssetCache(root, clock=StillClock()) as next_start:
        await swept(next_start)
    assert not dead.exists()


def test_entry_states_which_bytes_it_has():
    entry = complete(draft("x"), sha256="ab" * 32, size_bytes=1, created_at=NOW)
    assert entry.blob == "ab" * 32 + ".mp4"


async def test_paid_bytes_outlive_the_answer_that_replaces_them(cache: AssetCache, clock: StillClock):
    bought = await put(cache, paid("confess"), b"bought film")
    await put(cache, draft("confess"), b"film from the library")
    clock.moment += timedelta(days=2)
    await swept(cache)
    (kept,) = await cache.entries(EntryFilter(paid=True))
    assert (kept.sha256, kept.asset_id, kept.cost) == (bought.sha256, bought.asset_id, bought.cost)
    path = await cache.verified(kept)
    assert path is not None
    assert path.read_bytes() == b"bought film"
    assert (await cache.lookup(key_of("confess"))).source is Source.PRE_MADE  # type: ignore[union-attr]


async def test_paid_bytes_that_were_replaced_are_found_again_by_a_rebuild(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        bought = await put(cache, paid("confess"), b"bought film")
        await put(cache, draft("confess"), b"film from the library")
    (root / "v1" / "index.sqlite3").unlink()
    async with AssetCache(root, clock=clock) as cache:
        assert [entry.sha256 for entry in await cache.entries(EntryFilter(paid=True))] == [bought.sha256]
        assert len(await cache.entries()) == 2


# Many keys at once


async def test_many_keys_are_found_at_a_glance_as_one_by_one(cache: AssetCache, clock: StillClock, root: Path):
    names = [f"n{number}" for number in range(1_200)]
    for name in names[:30]:
        await put(cache, draft(name, expires_at=NOW + timedelta(days=1 if name == "n7" else 9)), name.encode())
    await put(cache, paid("n30", stand_in=True), b"stand-in")
    (root / "v1" / "blobs" / (blob := (await cache.lookup(key_of("n3"))).blob)[:2] / blob).unlink()
    clock.moment += timedelta(days=2)
    found = await cache.glimpses([key_of(name) for name in names])
    expected = {key_of(name): entry for name in names if (entry := await cache.lookup(key_of(name))) is not None}
    assert len(expected) == 29
    assert found.keys() == expected.keys()
    for key, glimpse in found.items():
        entry = expected[key]
        assert (glimpse.blob, glimpse.size_bytes, glimpse.asset_id, glimpse.source, bool(glimpse.stand_in)) == (
            entry.blob,
            entry.size_bytes,
            entry.asset_id,
            entry.source.value,
            entry.stand_in,
        )
    assert await cache.lookup_all([*expected, key_of("nobody")]) == expected


async def test_no_keys_are_no_question(cache: AssetCache):
    assert await cache.glimpses([]) == {}
    assert await cache.lookup_all([]) == {}
