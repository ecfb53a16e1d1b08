"""The bench's made-up caches are real ones: opened without repair, with true totals and whole files."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assetctl.cache.index.filters import EntryFilter
from assetctl.cache.index.schema import RECOUNT
from assetctl.cache.store import AssetCache
from assetctl.clock import SystemClock

if TYPE_CHECKING:
    from assetctl.cache.index.database import Run

BENCH = Path(__file__).parents[1] / "bench" / "cache_data.py"


@pytest.fixture(scope="module")
def cache_data():
    spec = importlib.util.spec_from_file_location("cache_data", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["cache_data"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["cache_data"]


def _recount(run: Run) -> None:
    for statement in RECOUNT:
        run(statement)


@pytest.mark.anyio
async def test_made_cache_is_taken_as_it_is(cache_data, tmp_path: Path):
    made = cache_data.make(tmp_path / "cache", 300, files=20)
    assert (made.entries, made.index_bytes > 100_000) == (300, True)
    async with AssetCache(tmp_path / "cache", clock=SystemClock()) as cache:
        totals = await cache.totals()
        assert totals.count == 300
        assert totals == await cache.totals(EntryFilter(expired=False))
        assert totals.size_bytes < totals.logical_bytes
        await cache.work(lambda _, index: index.exclusively(_recount))
        assert await cache.totals() == totals
        for number in range(20):
            entry = await cache.lookup(cache_data.key_of(number))
            assert entry is not None
            assert await cache.verified(entry) is not None
    assert not (tmp_path / "cache" / "v1" / "quarantine").exists()


@pytest.mark.anyio
async def test_made_sidecars_rebuild_the_index(cache_data, tmp_path: Path):
    cache_data.make(tmp_path / "cache", 30, files=30)
    async with AssetCache(tmp_path / "cache", clock=SystemClock()) as cache:
        before = await cache.entries(sort="key")
    (tmp_path / "cache" / "v1" / "index.sqlite3").unlink()
    async with AssetCache(tmp_path / "cache", clock=SystemClock()) as cache:
        assert await cache.entries(sort="key") == before
