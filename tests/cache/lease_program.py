"""A program that is handed the bytes of an entry and lives until it is told to end; run by `test_cache_leases.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
from cache_samples import StillClock, key_of

from assetctl.cache.store import AssetCache


async def _hold(root: str, name: str) -> None:
    async with AssetCache(Path(root), clock=StillClock()) as cache:
        entry = await cache.lookup(key_of(name))
        assert entry is not None
        sys.stdout.write(f"{await cache.verified(entry)}\n")
        sys.stdout.flush()
        sys.stdin.readline()


if __name__ == "__main__":
    anyio.run(_hold, *sys.argv[1:])
