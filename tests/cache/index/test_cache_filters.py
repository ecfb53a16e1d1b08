"""Filters, orders, totals and deletion by plan."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from cache_samples import NOW, StillClock, draft, key_of, paid, put
from hypothesis import given
from hypothesis import strategies as st

from assetctl.cache.index.filters import Comparison, EntryFilter, Measure, Operator, parse_filter, parse_sort
from assetctl.cache.store import AssetCache
from assetctl.errors import InvalidRequest, StorageFull
from assetctl.models import AssetRequest, AssetType, Cost, Source

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def cache(tmp_path: Path, clock: StillClock):
    async with AssetCache(tmp_path / "cache", clock=clock) as opened:
        yield opened


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("size>100MB", Comparison(Measure.SIZE, Operator.MORE, 100e6)),
        (" Unused >= 30d ", Comparison(Measure.UNUSED, Operator.AT_LEAST, 30 * 86400)),
        ("age<12h", Comparison(Measure.AGE, Operator.LESS, 12 * 3600)),
        ("cost<=0.5", Comparison(Measure.COST, Operator.AT_MOST, 0.5)),
    ],
)
def test_filter_reads_sizes_spans_and_money(text: str, meant: Comparison):
    assert parse_filter(text) == meant


@pytest.mark.parametrize(
    ("text", "character"),
    [
        ("sise>1", 1),
        ("  weight>1", 3),
        ("size", 5),
        ("size=1", 5),
        ("size>>1", 5),
        ("size>1XB", 6),
        ("age> soon", 6),
        ("cost>-1", 6),
        ("cost>nan", 6),
        ("cost>much", 6),
        ("size>", 6),
        ("", 1),
        (">1", 1),
    ],
)
def test_wrong_filter_says_where(text: str, character: int):
    with pytest.raises(InvalidRequest) as caught:
        parse_filter(text)
    assert (caught.value.why or "").startswith(f"at character {character}:")
    assert caught.value.hint


@given(st.text(max_size=30))
def test_any_text_is_a_filter_or_an_error_of_ours(text: str):
    with suppress(InvalidRequest):
        assert parse_filter(text).value >= 0


@pytest.mark.parametrize("text", ["", "weight", "size:", "size:up", "key; DROP TABLE entries"])
def test_unknown_order_is_refused(text: str):
    with pytest.raises(InvalidRequest):
        parse_sort(text)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EntryFilter(), "abc"),
        (EntryFilter(scene_id="s1"), "ab"),
        (EntryFilter(scene_id="s1", choice_id="c2"), "b"),
        (EntryFilter(character_id="ann"), "c"),
        (EntryFilter(location_id="park"), "a"),
        (EntryFilter(asset_type=AssetType.IMAGE), "c"),
        (EntryFilter(source=Source.GENERATED), "b"),
        (EntryFilter(generator="pixsim"), "b"),
        (EntryFilter(paid=True), "b"),
        (EntryFilter(paid=False), "ac"),
        (EntryFilter(stand_in=True), "c"),
        (EntryFilter(expired=True), "c"),
        (EntryFilter(expired=False), "ab"),
        (EntryFilter(key_prefixes=(key_of("a")[:10].upper(),)), "a"),
        (EntryFilter(key_prefixes=(key_of("a")[:10], key_of("b").upper(), key_of("a"))), "ab"),
        (EntryFilter(key_prefixes=(key_of("a"), key_of("b")), paid=True), "b"),
        (EntryFilter(key_prefixes=(*(f"{number:064x}" for number in range(3000)), key_of("c"))), "c"),
        (EntryFilter(scene_id="' OR 1=1 --"), ""),
        (EntryFilter(comparisons=(parse_filter("size>1"),)), "bc"),
        (EntryFilter(comparisons=(parse_filter("size>=2"), parse_filter("size<3"))), "b"),
        (EntryFilter(comparisons=(parse_filter("age>90m"),)), "a"),
        (EntryFilter(comparisons=(parse_filter("age<=1h"),)), "bc"),
        (EntryFilter(comparisons=(parse_filter("unused<30m"),)), "c"),
        (EntryFilter(comparisons=(parse_filter("cost>0.3"),)), "b"),
        (EntryFilter(comparisons=(parse_filter("cost<0.3"),)), ""),
    ],
)
async def test_filter_finds_what_holds(cache: AssetCache, clock: StillClock, wanted: EntryFilter, found: str):
    await put(cache, draft("a", request=AssetRequest(scene_id="s1", choice_id="c1", location_id="park")), b"1")
    clock.moment += timedelta(hours=1)
    await put(cache, paid("b", request=AssetRequest(scene_id="s1", choice_id="c2")), b"22")
    clock.moment += timedelta(hours=1)
    late = NOW + timedelta(hours=2)
    image = {"asset_type": AssetType.IMAGE, "stand_in": True, "expires_at": late}
    await put(cache, draft("c", request=AssetRequest(character_id="ann"), **image), b"333")
    keys = {key_of(name) for name in found}
    assert {entry.key for entry in await cache.entries(wanted)} == keys
    assert (await cache.totals(wanted)).count == len(keys)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("sort", "order"),
    [("size", "cba"), ("size:asc", "abc"), ("created", "cba"), ("age", "abc"), ("unused:asc", "cba"), ("scene", "cab"),
     ("cost", "abc"), ("used:asc", "abc")],
)  # fmt: skip
async def test_listing_is_in_the_order_asked_for(cache: AssetCache, clock: StillClock, sort: str, order: str):
    for name, scene, cost in (("a", "s2", "3"), ("b", "s3", "2"), ("c", "s1", "1")):
        await put(cache, paid(name, cost, request=AssetRequest(scene_id=scene)), name.encode() * (ord(name) - 96))
        clock.moment += timedelta(minutes=1)
    assert [entry.key for entry in await cache.entries(sort=sort)] == [key_of(name) for name in order]
    assert len(await cache.entries(sort=sort, limit=2)) == 2


@pytest.mark.anyio
async def test_plan_keeps_what_was_paid_for(cache: AssetCache):
    free, bought = await put(cache, draft("free"), b"1"), await put(cache, paid("bought"), b"22")
    plan = await cache.plan_clear(EntryFilter())
    assert ([one.key for one in plan.entries], [one.key for one in plan.kept_paid]) == ([free.key], [bought.key])
    assert (plan.freed_bytes, plan.price.costs) == (1, ())
    plan = await cache.plan_clear(EntryFilter(), include_paid=True)
    assert (len(plan.entries), plan.kept_paid, plan.freed_bytes) == (2, (), 3)


@pytest.mark.anyio
async def test_plan_tells_what_was_spent(cache: AssetCache):
    await put(cache, paid("one", "0.10"), b"1")
    await put(cache, paid("two", "0.20"), b"2")
    await put(cache, paid("three", None), b"3")
    await put(cache, paid("four", None, cost=Cost(Decimal(1), "EUR")), b"4")
    plan = await cache.plan_clear(EntryFilter(), include_paid=True)
    assert plan.price.costs == (Cost(Decimal(1), "EUR"), Cost(Decimal("0.30"), "USD"))
    assert plan.price.unknown_costs == 1


@pytest.mark.anyio
async def test_removed_answer_is_gone_for_good(cache: AssetCache, tmp_path: Path, clock: StillClock):
    await put(cache, draft("one"), b"film")
    report = await cache.remove(await cache.plan_clear(EntryFilter()))
    assert (report.removed, report.freed_bytes, report.index_updated) == (1, 4, True)
    assert not [path for path in (tmp_path / "cache" / "v1" / "blobs").rglob("*") if path.is_file()]
    await cache.aclose()
    (tmp_path / "cache" / "v1" / "index.sqlite3").unlink()
    async with AssetCache(tmp_path / "cache", clock=clock) as rebuilt:
        assert await rebuilt.entries() == []


@pytest.mark.anyio
async def test_shared_bytes_stay_while_somebody_has_them(cache: AssetCache):
    await put(cache, draft("one"), b"film")
    two = await put(cache, draft("two"), b"film")
    plan = await cache.plan_clear(EntryFilter(choice_id="one"))
    assert plan.freed_bytes == 0
    report = await cache.remove(plan)
    assert (report.removed, report.freed_bytes) == (1, 0)
    assert await cache.verified(two) is not None
    plan = await cache.plan_clear(EntryFilter())
    assert (await cache.remove(plan)).freed_bytes == plan.freed_bytes == 4


@pytest.mark.anyio
async def test_what_changed_since_the_plan_stays(cache: AssetCache):
    await put(cache, draft("one"), b"old")
    plan = await cache.plan_clear(EntryFilter())
    new = await put(cache, draft("one"), b"new")
    report = await cache.remove(plan)
    assert (report.removed, report.skipped) == (0, 1)
    assert await cache.verified(new) is not None


@pytest.mark.anyio
async def test_many_entries_are_removed_in_batches(cache: AssetCache):
    for number in range(105):
        await put(cache, draft(str(number)), str(number % 3).encode())
    report = await cache.remove(await cache.plan_clear(EntryFilter()))
    assert (report.removed, report.freed_bytes) == (105, 3)
    assert (await cache.totals()).count == 0


@pytest.mark.anyio
@pytest.mark.parametrize("number", [28, 30], ids=["full", "read-only"])
async def test_removal_makes_room_on_a_full_disk(tmp_path: Path, clock: StillClock, number: int):
    def no_room(change: str, path: Path) -> None:
        if change != "unlink" or number == 30:
            raise OSError(number, os.strerror(number), str(path))

    async with AssetCache(tmp_path / "cache", clock=clock) as cache:
        one = await put(cache, draft("one"), b"film")
    async with AssetCache(tmp_path / "cache", clock=clock, step=no_room) as cache:
        plan = await cache.plan_clear(EntryFilter())
        if number == 30:
            with pytest.raises(StorageFull):
                await cache.remove(plan)
            assert await cache.verified(one) is not None
            return
        report = await cache.remove(plan)
        assert (report.removed, report.freed_bytes, report.index_updated) == (1, 4, False)
        assert await cache.lookup(one.key) is None


@pytest.mark.anyio
async def test_damaged_bytes_are_not_served_from_a_disk_without_room(tmp_path: Path, clock: StillClock):
    def no_room(change: str, path: Path) -> None:
        raise OSError(28, os.strerror(28), f"{change} {path}")

    async with AssetCache(tmp_path / "cache", clock=clock) as cache:
        one = await put(cache, draft("one"), b"film")
    clock.moment += timedelta(days=2)
    async with AssetCache(tmp_path / "cache", clock=clock, step=no_room) as cache:
        path = await cache.verified(one)
        assert path is not None
        path.chmod(0o600)
        path.write_bytes(b"fi")
        assert await cache.verified(one) is None
        assert await cache.confirm_sources([one], NOW) is False
        assert replace(one) == one
