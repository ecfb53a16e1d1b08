"""What `bench/cache.py` measures or needs done in a process of its own: `python bench/cache_deeds.py NAME ARGUMENT...`.

Each prints one JSON object. They stand apart so that the process that measures loads nothing of this.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import statistics
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import cache_data

from assetctl import eventloop
from assetctl.cache.index.queries import SELECT
from assetctl.cache.removal.pruning import Limits
from assetctl.cache.store import AssetCache
from assetctl.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CENTURY_S = 36500 * 86400.0


def make(data: str, entries: str, files: str) -> dict[str, Any]:
    """A cache of made-up rows, the first `files` of them with real bytes; when its first entry was made."""
    Path(data).mkdir(mode=0o700, parents=True)
    made = cache_data.make(Path(data) / "cache", int(entries), files=int(files))
    os.sync()
    return {"start_s": cache_data.START.timestamp(), "index_bytes": made.index_bytes, "seconds": made.seconds}


def lookup(data: str, count: str) -> dict[str, Any]:
    """Microseconds for a lookup: by a bare SELECT of the same columns, by the index, by hand and through a thread."""
    keys = [cache_data.key_of(number) for number in range(int(count))]
    cache = AssetCache(Path(data) / "cache", clock=SystemClock())

    async def all_keys() -> None:
        for key in keys:
            if await cache.lookup(key) is None:
                raise SystemExit(f"not found: {key}")

    async def by_index() -> float:
        return await cache.work(lambda _, index: _each_us(index.get, keys))

    def by_select() -> float:
        path = Path(data) / "cache" / "v1" / "index.sqlite3"
        with closing(sqlite3.connect(path)) as connection:
            sql = f"{SELECT} WHERE e.key = ?"
            return _each_us(lambda key: connection.execute(sql, (key,)).fetchone(), keys)

    def timed(run: Callable[[], object]) -> float:
        started = time.perf_counter()
        run()
        return (time.perf_counter() - started) / len(keys) * 1e6

    ways: dict[str, Callable[[], float]] = {
        "select": by_select,
        "index": lambda: eventloop.run(by_index, anyio.run),
        "lookup": lambda: timed(lambda: eventloop.run(all_keys, anyio.run)),
        "thread": lambda: timed(lambda: anyio.run(all_keys)),
    }
    rounds = [{name: way() for name, way in ways.items()} for _ in range(4)][1:]  # the first one warms up
    return {name: statistics.median(one[name] for one in rounds) for name in ways}


def _each_us(get: Callable[[str], object], keys: Sequence[str]) -> float:
    started = time.perf_counter()
    for key in keys:
        get(key)
    return (time.perf_counter() - started) / len(keys) * 1e6


def decide(data: str, share: str) -> dict[str, Any]:
    """The seconds in which pruning decides, from opening the cache, when it may hold `share` of what it does."""

    async def plan() -> dict[str, Any]:
        async with AssetCache(Path(data) / "cache", clock=SystemClock()) as cache:
            use = await cache.shrink(lambda shrinking, _: shrinking.use())
        limits = Limits(int(use.total_bytes * float(share)), 0, CENTURY_S)
        started = time.perf_counter()
        async with AssetCache(Path(data) / "cache", clock=SystemClock()) as cache:
            found = await cache.shrink(lambda shrinking, now: shrinking.plan_prune(limits, now))
        taken = time.perf_counter() - started
        return {"seconds": taken, "entries": len(found.deletion.entries), "max_size": limits.max_size_bytes}

    return anyio.run(plan)


def store(data: str, count: str, size: str, at_once: str = "1") -> dict[str, Any]:
    """The seconds to store `count` blobs of `size` bytes, `at_once` together, each confirmed once it is on the disk."""
    drafts = [cache_data.entry_of(number, 0) for number in range(int(count))]

    async def all_drafts() -> float:
        limits = Limits(10**15, 0, CENTURY_S)  # looked at after each store, as for everybody
        started = time.perf_counter()
        async with AssetCache(Path(data) / "cache", clock=SystemClock(), limits=limits) as cache:
            left = iter(drafts)

            async def some() -> None:
                for draft in left:
                    async with cache.partial(draft.suffix) as path:
                        path.write_bytes(os.urandom(int(size)))
                        await cache.store(path, draft)

            if int(at_once) == 1:
                await some()
            else:
                await eventloop.started()
                async with anyio.create_task_group() as tasks:
                    for _ in range(int(at_once)):
                        tasks.start_soon(some)
        return time.perf_counter() - started

    Path(data).mkdir(mode=0o700, parents=True)
    return {"seconds": eventloop.run(all_drafts, anyio.run)}


def plain_store(folder: str, count: str, size: str) -> dict[str, Any]:
    """The seconds to write, sync and rename as many files."""
    Path(folder).mkdir()
    started = time.perf_counter()
    for number in range(int(count)):
        temporary = Path(folder) / "temporary"
        with temporary.open("wb") as file:
            file.write(os.urandom(int(size)))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(Path(folder) / f"{number}")
    return {"seconds": time.perf_counter() - started}


def plain_hashes(folder: str) -> dict[str, Any]:
    """The seconds to read and hash all blobs in `folder`, and nothing else."""
    started = time.perf_counter()
    for path in Path(folder).glob("*/*"):
        if path.suffix != ".json":
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")
    return {"seconds": time.perf_counter() - started}


def plain_files(folder: str, count: str) -> dict[str, Any]:
    """Files as long as sidecars, in as many folders as the cache has, on the disk."""
    for number in range(int(count)):
        shard = Path(folder) / f"{number % 256:02x}"
        shard.mkdir(parents=True, exist_ok=True)
        (shard / f"{number:0128x}").write_bytes(b"x" * 1500)
    os.sync()
    return {}


DEEDS = {deed.__name__: deed for deed in (make, lookup, decide, store, plain_store, plain_hashes, plain_files)}


if __name__ == "__main__":
    print(json.dumps(DEEDS[sys.argv[1]](*sys.argv[2:])))
