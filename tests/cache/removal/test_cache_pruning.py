"""What pruning throws away: the rule by itself, and the cache kept within its limits by it."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from cache_samples import NOW, StillClock, bytes_of, draft, key_of, paid, put
from hypothesis import given, settings
from hypothesis import strategies as st

from assetctl.cache.entries import complete
from assetctl.cache.index.filters import EntryFilter
from assetctl.cache.index.index import put as add_row
from assetctl.cache.removal.candidates import Candidate, Ranked, Reason
from assetctl.cache.removal.pruning import SIDECAR_BYTES, Limits, Use, choose, excess_bytes
from assetctl.cache.removal.selecting import in_order
from assetctl.cache.store import AssetCache
from assetctl.models import AssetRequest, Origin, Source

NEVER_S = 10_000 * 86_400.0


def candidate(name: str, blob: str = "", size: int = 100, **changes: bool) -> Candidate:
    flags = {"paid": False, "pinned": False, "costly": False} | changes
    return Candidate(key_of(name), (blob or key_of(name)) + ".mp4", size, asset_id=name, scene_id=None, choice_id=None,
                     **flags)  # fmt: skip


def ranked(name: str, reason: Reason = Reason.SPACE, uses: int = 1, **changes: object) -> Ranked:
    return Ranked(candidate(name, **changes), uses, reason)  # type: ignore[arg-type]


def names(choice: object) -> list[str]:
    return [one.asset_id for one, _ in choice.chosen]  # type: ignore[attr-defined]


def limits(max_size: int, *, min_free: int = 0, max_unused_s: float = NEVER_S) -> Limits:
    return Limits(max_size, min_free, max_unused_s)


def test_no_more_goes_than_is_needed():
    choice = choose([ranked("a"), ranked("b"), ranked("c")], 100 + SIDECAR_BYTES + 1)
    assert (names(choice), choice.freed_bytes) == (["a", "b"], 2 * (100 + SIDECAR_BYTES))
    assert choice.counts() == {Reason.SPACE: 2}


def test_nothing_goes_for_room_that_is_not_needed():
    assert choose([ranked("a")], 0).chosen == ()


def test_what_expired_goes_whether_room_is_needed_or_not():
    assert names(choose([ranked("old", Reason.EXPIRED), ranked("new")], 0)) == ["old"]


def test_an_entry_that_comes_twice_goes_once():
    choice = choose([ranked("old", Reason.EXPIRED), ranked("old", Reason.UNUSED)], 0)
    assert (names(choice), choice.freed_bytes) == (["old"], 100 + SIDECAR_BYTES)


def test_what_is_in_use_stays_and_is_told():
    kept = candidate("used")
    choice = choose([ranked("used"), ranked("free")], 1, in_use={kept.blob})
    assert (names(choice), choice.in_use) == (["free"], (kept,))


def test_entries_that_share_a_blob_go_together_or_not_at_all():
    shared = key_of("shared")
    both = [ranked("a", uses=2, blob=shared), ranked("b", uses=2, blob=shared)]
    assert names(choose(both, 1)) == ["a", "b"]
    assert choose(both[:1], 1).chosen == ()


def test_at_most_so_many_go_at_once():
    assert len(choose([ranked(str(number)) for number in range(9)], 10**9, at_most=4).chosen) == 4


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5000), st.sampled_from(Reason)), max_size=12),
    st.integers(0, 60_000),
    st.sets(st.sampled_from("abcdef")),
)
def test_what_goes_frees_what_it_says_and_never_what_is_in_use(found, needed, used):
    sizes = {blob: size for blob, size, _ in found}
    uses = Counter(blob for blob, _, _ in found)
    order = list(Reason)
    walk = sorted(
        (ranked(str(number), reason, uses[blob], blob=key_of(blob), size=sizes[blob])
         for number, (blob, _, reason) in enumerate(found)), key=lambda one: order.index(one.reason),
    )  # fmt: skip
    in_use = {key_of(blob) + ".mp4" for blob in used}
    choice = choose(walk, needed, in_use=in_use)
    gone = Counter(one.blob for one, _ in choice.chosen)
    freed = sum(sizes[blob] for blob, count in uses.items() if gone[key_of(blob) + ".mp4"] == count)
    assert choice.freed_bytes == freed + len(choice.chosen) * SIDECAR_BYTES
    assert not gone.keys() & in_use
    if choice.freed_bytes < needed:
        left = [one for one in walk if one.candidate not in {gone for gone, _ in choice.chosen}]
        # Only what is in use, or shared with what is, is left.
        assert all(one.candidate.blob in in_use for one in left)


def test_room_is_needed_for_the_cache_or_for_the_disk():
    use = Use(blob_bytes=1000, entries=1, stray_bytes=10, trash_bytes=20, free_bytes=500)
    assert use.total_bytes == 1030 + SIDECAR_BYTES
    assert excess_bytes(use, limits(use.total_bytes)) == 0
    assert excess_bytes(use, limits(use.total_bytes - 7)) == 7
    assert excess_bytes(use, limits(10**9, min_free=600)) == 100


SIZE = 10_000
ONE = SIZE + SIDECAR_BYTES


def film(name: str) -> bytes:
    return bytes_of(name.ljust(10))[:SIZE]


def generated(name: str, **changes: object):
    origin = Origin("generator:free", created_at=NOW, generator="free", job_id=f"job-{name}")
    return draft(name, source=Source.GENERATED, origin=origin, library=None, fingerprint=None, **changes)


async def stored(cache: AssetCache) -> str:
    return "".join(sorted(entry.request.choice_id or "?" for entry in await cache.entries()))


def cache_of(root: Path, clock: StillClock, told: list[str], max_size: int, **more: object) -> AssetCache:
    limits_ = limits(max_size, max_unused_s=more.pop("max_unused_s", NEVER_S))
    return AssetCache(root, clock=clock, limits=limits_, tell=told.append, free_bytes=lambda _: 10**12, **more)


async def fill(root: Path, clock: StillClock, *drafts: object) -> None:
    """Store each a minute after the other, unlimited, in a process that is over."""
    async with AssetCache(root, clock=clock) as cache:
        for one in drafts:
            await put(cache, one, film(one.request.choice_id))
            clock.moment += timedelta(minutes=1)


@pytest.mark.anyio
async def test_a_store_prunes_in_the_order_free_then_costly_and_never_paid(tmp_path: Path, clock: StillClock):
    root, told = tmp_path / "cache", []
    stand_in = generated("s", stand_in=True)
    await fill(root, clock, paid("p"), generated("g"), generated("h"), stand_in, draft("f"))
    for limit, left in ((6, "fghpsx"), (5, "fghpy"), (4, "ghpz"), (3, "hpw"), (2, "pv")):
        async with cache_of(root, clock, told, limit * ONE) as cache:
            await put(cache, draft(left[-1]), film(left[-1]))
            assert set(await stored(cache)) >= {"p", left[-1]}
            used = len(await cache.entries()) * ONE
            assert used <= limit * ONE
    assert told == []


@pytest.mark.anyio
async def test_the_longest_unused_goes_first(tmp_path: Path, clock: StillClock):
    root = tmp_path / "cache"
    await fill(root, clock, draft("a"), draft("b"), draft("c"))
    clock.moment += timedelta(days=2)
    async with cache_of(root, clock, [], 100 * ONE) as cache:
        entry = await cache.lookup(key_of("a"))
        assert entry is not None
        assert await cache.verified(entry)
    async with cache_of(root, clock, [], 3 * ONE) as cache:
        await put(cache, draft("d"), film("d"))
        assert "b" not in await stored(cache)
        assert {"a", "d"} <= set(await stored(cache))


@pytest.mark.anyio
async def test_when_only_what_is_kept_for_ever_is_left_that_is_told_once_and_nothing_goes(tmp_path, clock):
    root, told = tmp_path / "cache", []
    await fill(root, clock, paid("p"), paid("q"))
    async with cache_of(root, clock, told, 2 * ONE) as cache:
        await put(cache, paid("r"), film("r"))
        await put(cache, paid("t"), film("t"))
        assert await stored(cache) == "pqrt"
    assert len(told) == 1
    assert "paid for, pinned or in use" in told[0]


@pytest.mark.anyio
async def test_pinned_stays(tmp_path: Path, clock: StillClock):
    root, told = tmp_path / "cache", []
    await fill(root, clock, draft("a"), draft("b"))
    async with cache_of(root, clock, told, 2 * ONE) as cache:
        assert await cache.set_pinned([key_of("a")], pinned=True) == 1
        await put(cache, draft("c"), film("c"))
        assert await stored(cache) == "ac"


@pytest.mark.anyio
async def test_expired_and_long_unused_go_at_the_first_store_although_there_is_room(tmp_path: Path, clock: StillClock):
    root = tmp_path / "cache"
    soon = NOW + timedelta(hours=1)
    await fill(root, clock, draft("e", expires_at=soon), draft("u"), paid("p", expires_at=soon))
    clock.moment += timedelta(days=3)
    async with cache_of(root, clock, [], 100 * ONE, max_unused_s=2 * 86_400.0) as cache:
        await put(cache, draft("n"), film("n"))
        assert await stored(cache) == "np"


@pytest.mark.anyio
async def test_what_was_made_in_a_future_nobody_believes_goes_as_expired(tmp_path: Path, clock: StillClock):
    root = tmp_path / "cache"
    clock.moment += timedelta(days=500)
    await fill(root, clock, draft("f"))
    clock.moment = NOW
    async with cache_of(root, clock, [], 100 * ONE) as cache:
        plan = await cache.shrink(lambda shrinking, now: shrinking.plan_prune(limits(100 * ONE), now))
        assert plan.reasons == {Reason.EXPIRED: 1}


@pytest.mark.anyio
async def test_an_item_larger_than_the_cache_is_delivered_and_not_kept(tmp_path: Path, clock: StillClock):
    root, told = tmp_path / "cache", []
    await fill(root, clock, draft("a"))
    async with cache_of(root, clock, told, 2 * ONE) as cache:
        entry = await put(cache, draft("big"), b"b" * (3 * ONE))
        path = await cache.verified(entry)
        assert path is not None
        assert path.read_bytes() == b"b" * (3 * ONE)
        assert await cache.lookup(key_of("big")) is None
        # It is handed out: it stays while this process lives, whatever else is stored.
        await put(cache, draft("c"), film("c"))
        assert path.exists()
        assert "delivered and not kept" in told[0]
    async with cache_of(root, clock, told, 2 * ONE) as cache:
        await put(cache, draft("d"), film("d"))
        assert not path.exists()
        assert (await cache.shrink(lambda shrinking, _: shrinking.use())).stray_bytes == 0


@pytest.mark.anyio
async def test_an_item_larger_than_the_cache_is_kept_when_it_was_paid_for(tmp_path: Path, clock: StillClock):
    told: list[str] = []
    async with cache_of(tmp_path / "cache", clock, told, 2 * ONE) as cache:
        await put(cache, paid("big"), b"b" * (3 * ONE))
        assert await cache.lookup(key_of("big")) is not None


@pytest.mark.anyio
async def test_replaced_answers_count_and_go_first(tmp_path: Path, clock: StillClock):
    root = tmp_path / "cache"
    async with AssetCache(root, clock=clock) as cache:
        for number in range(4):
            await put(cache, draft("a"), film(str(number)))
        use = await cache.shrink(lambda shrinking, _: shrinking.use())
        assert (use.blob_bytes, use.entries, use.stray_bytes) == (SIZE, 1, 3 * SIZE)
    async with cache_of(root, clock, [], 3 * ONE) as cache:
        await put(cache, draft("b"), film("b"))
        assert await stored(cache) == "ab"
        use = await cache.shrink(lambda shrinking, _: shrinking.use())
        assert use.total_bytes <= 3 * ONE


@pytest.mark.anyio
async def test_a_stray_that_an_entry_has_again_stays(tmp_path: Path, clock: StillClock):
    root = tmp_path / "cache"
    async with AssetCache(root, clock=clock) as cache:
        for content in ("x", "y", "x"):
            await put(cache, draft("a"), film(content))
    async with cache_of(root, clock, [], ONE) as cache:
        plan = await cache.shrink(lambda shrinking, now: shrinking.plan_prune(limits(ONE), now))
        assert [size for _, size in plan.strays] == [SIZE]
        await cache.shrink(lambda shrinking, now: shrinking.prune(plan, now, keep=True))
        entry = await cache.lookup(key_of("a"))
        assert entry is not None
        assert await cache.verified(entry)


@pytest.mark.anyio
async def test_the_trash_counts_and_goes_before_any_entry(tmp_path: Path, clock: StillClock):
    root = tmp_path / "cache"
    await fill(root, clock, draft("a"), draft("b"), draft("c"))
    async with cache_of(root, clock, [], 3 * ONE) as cache:
        report = await cache.remove(await cache.plan_clear(EntryFilter(choice_id="a")))
        assert report.undoable
        assert (await cache.shrink(lambda shrinking, _: shrinking.use())).trash_bytes == ONE
        await put(cache, draft("d"), film("d"))
        assert await stored(cache) == "bcd"
        assert not list((root / "v1" / "trash").iterdir())


@pytest.mark.anyio
async def test_a_disk_short_of_room_is_made_room_on(tmp_path: Path, clock: StillClock):
    root, told = tmp_path / "cache", []
    await fill(root, clock, draft("a"), draft("b"))
    short = Limits(10**12, 10**9, NEVER_S)
    async with AssetCache(root, clock=clock, limits=short, tell=told.append, free_bytes=lambda _: 10**9 - 5) as cache:
        report = await cache.remove(await cache.plan_clear(EntryFilter(choice_id="b")))
        assert not report.undoable, "short of room nothing is kept"
        await put(cache, draft("c"), film("c"))
        assert await stored(cache) == "c"


@pytest.mark.anyio
async def test_trouble_while_pruning_never_breaks_the_store(tmp_path: Path, clock: StillClock):
    root, told = tmp_path / "cache", []
    await fill(root, clock, draft("a"), draft("b"))

    def refused(change: str, path: Path) -> None:
        if change == "move" and "trash" not in path.parts and path.suffix in {".mp4", ".json"}:
            raise OSError(5, "broken", str(path))

    async with cache_of(root, clock, told, 2 * ONE, step=refused) as cache:
        entry = await put(cache, draft("c"), film("c"))
        assert await cache.verified(entry)
    assert ["could not be pruned" in sentence for sentence in told] == [True]


@pytest.mark.anyio
async def test_pruning_works_without_any_room_left(tmp_path: Path, clock: StillClock):
    root = tmp_path / "cache"
    await fill(root, clock, draft("a"), draft("b"))

    def full(change: str, path: Path) -> None:
        if change not in {"unlink", "rmdir"}:
            raise OSError(28, "no room", str(path))

    async with AssetCache(root, clock=clock, step=full) as cache:
        plan = await cache.shrink(lambda shrinking, now: shrinking.plan_prune(limits(ONE), now))
        report = await cache.shrink(lambda shrinking, now: shrinking.prune(plan, now, keep=True))
        assert (report.removed, report.freed_bytes, report.undoable) == (1, SIZE, False)
    async with AssetCache(root, clock=clock) as cache:
        assert await cache.lookup(key_of("a")) is None


@settings(max_examples=20)
@given(
    kinds=st.lists(st.sampled_from(["copy", "free", "paid", "pinned"]), min_size=1, max_size=8),
    limit=st.integers(1, 6),
)
def test_a_cache_is_within_its_limit_after_a_store_unless_only_what_is_kept_for_ever_is_left(kinds, limit):
    async def check(root: Path) -> None:
        clock, told = StillClock(), []
        for number, kind in enumerate(kinds):
            name = str(number)
            made = {"paid": paid, "free": generated}.get(kind, draft)(name, request=AssetRequest(choice_id=name))
            # Each in a process of its own: none of them is in use.
            async with cache_of(root, clock, told, limit * ONE) as cache:
                await put(cache, made, film(name))
                entries = await cache.entries()
                assert name in {entry.request.choice_id for entry in entries}, "the newest is kept"
                if kind == "pinned":
                    await cache.set_pinned([key_of(name)], pinned=True)
                forever = [entry for entry in entries if entry.paid or entry.pinned]
                assert len(entries) <= max(limit, len(forever) + 1)
            clock.moment += timedelta(minutes=1)
        async with AssetCache(root, clock=clock) as cache:
            left = {entry.request.choice_id for entry in await cache.entries()}
            assert {str(number) for number, kind in enumerate(kinds) if kind in {"paid", "pinned"}} <= left

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(check, Path(folder) / "cache")


@pytest.mark.anyio
async def test_many_thousand_come_in_order_a_page_at_a_time(tmp_path: Path, clock: StillClock):
    async with AssetCache(tmp_path / "cache", clock=clock) as cache:
        drafts = [draft(str(number), library=None) if number % 2 else draft(str(number)) for number in range(4500)]
        entries = [
            complete(one, sha256=key_of(one.asset_id), size_bytes=10, created_at=NOW + timedelta(seconds=number % 1000))
            for number, one in enumerate(drafts)
        ]
        await cache.work(lambda _, index: index.exclusively(lambda run: [add_row(run, entry) for entry in entries]))
        found = await cache.work(lambda _, index: list(in_order(index.read, NOW, NEVER_S)))
        ranks = [(one.candidate.costly, one.reason) for one in found]
        assert ranks == [(False, Reason.SPACE)] * 2250 + [(True, Reason.SPACE)] * 2250
        assert len({one.candidate.key for one in found}) == 4500
        used = {entry.key: entry.last_used_at for entry in entries}
        for half in (found[:2250], found[2250:]):
            times = [used[one.candidate.key] for one in half]
            assert times == sorted(times)


@pytest.mark.anyio
async def test_what_a_damaged_document_hides_is_unknown_and_never_free(tmp_path: Path, clock: StillClock):
    async with AssetCache(tmp_path / "cache", clock=clock) as cache:
        await put(cache, paid("p", generation_time_ms=2000), b"p")
        await put(cache, paid("q", generation_time_ms=3000), b"q")
        damage = "UPDATE documents SET document = '{' WHERE id = (SELECT id FROM entries WHERE key = ?)"
        await cache.work(lambda _, index: index.exclusively(lambda run: run(damage, (key_of("q"),))))
        price = (await cache.plan_clear(EntryFilter(), include_paid=True)).price
        assert (price.unknown_costs, price.unknown_times, price.generation_s) == (1, 1, 2.0)


@pytest.mark.anyio
async def test_what_was_put_away_as_damaged_counts_and_goes_when_room_is_needed(tmp_path: Path, clock: StillClock):
    root = tmp_path / "cache"
    await fill(root, clock, draft("a"), draft("b"))
    async with AssetCache(root, clock=clock) as cache:
        entry = await cache.lookup(key_of("a"))
        assert entry is not None
        path = (await cache.whereabouts(entry)).path
        path.chmod(0o600)
        path.write_bytes(b"x" * SIZE)
        assert await cache.verified(entry) is None
        plan = await cache.shrink(lambda shrinking, now: shrinking.plan_prune(limits(ONE), now))
        assert (plan.use.stray_bytes, len(plan.put_away), plan.deletion.entries) == (SIZE, 1, ())
        assert (await cache.shrink(lambda shrinking, now: shrinking.prune(plan, now, keep=True))).freed_bytes == SIZE
        assert await stored(cache) == "b"
        assert await cache.lost(key_of("a")) is not None, "what is remembered of it stays"
