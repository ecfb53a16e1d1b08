"""A program that clears or brings back, and ends itself at a given change; run by `test_cache_trash.py`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio
from cache_samples import StillClock

from assetctl.cache.index.filters import EntryFilter
from assetctl.cache.store import AssetCache


async def _work(what: str, root: str, at: str) -> None:
    left = [int(at)]

    def step(change: str, path: Path) -> None:  # noqa: ARG001 - a step
        left[0] -= 1
        if left[0] == 0:
            os._exit(77)

    async with AssetCache(Path(root), clock=StillClock(), step=step) as cache:
        if what == "undo":
            await cache.shrink(lambda shrinking, now: shrinking.undo(now))
        else:
            plan = await cache.plan_clear(EntryFilter(), include_paid=True)
            await cache.remove(plan, keep=what == "clear")


if __name__ == "__main__":
    anyio.run(_work, *sys.argv[1:])
