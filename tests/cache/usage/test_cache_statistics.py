"""Statistics: what is cached by every dimension, and what requests came to, with unknown as null."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from cache_samples import NOW, StillClock, draft, key_of, paid, put

from assetctl.cache.store import AssetCache
from assetctl.cache.usage.statistics import collect, statistics_document
from assetctl.cache.usage.usage_log import UsageLog
from assetctl.models import Asset, AssetRequest, AssetType, Cost, MediaInfo, Origin, Source

pytestmark = pytest.mark.anyio


def asset(source: Source, *, took_ms: int | None = None, cost: Cost | None = None) -> Asset:
    media = MediaInfo("video/mp4")
    origin = Origin("generator:pixsim", NOW)
    known = Asset("a", Path("/nowhere"), AssetType.VIDEO, source, origin, "0" * 64, 100, media)
    return replace(known, generation_time_ms=took_ms, cost=cost)


@pytest.fixture
def log(root: Path) -> UsageLog:
    return UsageLog(root / "usage", run_id="run-1", clock=StillClock(), tell=pytest.fail)


@pytest.fixture
async def cache(root: Path):
    async with AssetCache(root, clock=StillClock()) as opened:
        yield opened


async def document(cache: AssetCache, root: Path, **options: object) -> dict:
    found = statistics_document(await collect(cache, root / "usage", clock=StillClock(), **options))
    return json.loads(json.dumps(found))


async def test_empty_cache_has_no_rates(cache: AssetCache, root: Path):
    found = await document(cache, root)
    assert (found["entries"], found["logical_bytes"], found["physical_bytes"]) == (0, 0, 0)
    assert found["by"] == {name: {"count": 0, "largest": []} for name in ("type", "source", "generator", "scene")}
    ever = found["usage"]["ever"]
    assert (ever["requests"], ever["hit_rate"], ever["byte_hit_rate"], ever["time_hit_rate"]) == (0, None, None, None)
    assert ever["seconds"] == {"saved": None, "spent": None, "unknown": 0}
    assert found["usage"]["run"]["run_id"] is None


async def test_entries_are_told_by_every_dimension(cache: AssetCache, root: Path):
    for name in ("one", "two"):
        await put(cache, draft(name), b"same")
    await put(cache, paid("three", request=AssetRequest(), asset_type=AssetType.AUDIO), b"other bytes")
    await cache.set_pinned([key_of("one")], pinned=True)
    found = await document(cache, root)
    assert (found["entries"], found["logical_bytes"], found["physical_bytes"]) == (3, 19, 15)
    assert (found["pinned"], found["paid"]) == (1, 1)
    assert found["by"]["type"]["largest"] == [
        {"value": "audio", "entries": 1, "logical_bytes": 11},
        {"value": "video", "entries": 2, "logical_bytes": 8},
    ]
    assert [group["value"] for group in found["by"]["generator"]["largest"]] == ["pixsim", None]
    assert [group["value"] for group in found["by"]["scene"]["largest"]] == [None, "romance_5"]


async def test_only_the_largest_groups_are_told_and_all_are_counted(cache: AssetCache, root: Path):
    for number in range(5):
        await put(cache, draft(str(number), request=AssetRequest(scene_id=f"s{number}")), b"x" * (number + 1))
    scenes = (await document(cache, root, top=2))["by"]["scene"]
    assert [group["value"] for group in scenes["largest"]] == ["s4", "s3"]
    assert scenes["count"] == 5


async def test_what_hits_save_is_told_by_currency_and_unknown_is_counted(cache: AssetCache, root: Path, log: UsageLog):
    log.record(asset(Source.CACHED, took_ms=1500, cost=Cost(Decimal("0.40"), "USD")))
    log.record(asset(Source.CACHED, cost=Cost(Decimal("0.10"), "EUR")))
    log.record(asset(Source.GENERATED, took_ms=4500, cost=Cost(Decimal("1.20"), "USD")))
    log.record(asset(Source.PRE_MADE))
    found = await document(cache, root, run_id="run-1")
    for period in ("run", "today", "last_30_days", "ever"):
        told = found["usage"][period]
        assert (told["requests"], told["hits"], told["hit_rate"], told["byte_hit_rate"]) == (4, 2, 0.5, 0.5)
        assert told["seconds"] == {"saved": 1.5, "spent": 4.5, "unknown": 1}
        assert told["time_hit_rate"] == 0.25
        assert told["money"]["saved"] == [
            {"amount": "0.10", "currency": "EUR"},
            {"amount": "0.40", "currency": "USD"},
        ]
        assert told["money"]["spent"] == [{"amount": "1.20", "currency": "USD"}]
        assert told["money"]["unknown"] == 0
        assert {miss["source"] for miss in told["misses"]} == {"generated", "pre_made"}
    assert found["usage"]["run"]["run_id"] == "run-1"
