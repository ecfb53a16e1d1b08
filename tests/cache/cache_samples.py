"""Keys, drafts and a clock for the tests of the cache; also a program that a test runs, kills or starves of rights."""

from __future__ import annotations

import codecs
import hashlib
import os
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import anyio
import anyio.lowlevel

from assetctl import filesystem
from assetctl.cache.entries import CacheEntry, EntryDraft
from assetctl.cache.removal.sweeping import SweepReport, sweep
from assetctl.cache.store import AssetCache
from assetctl.models import AssetRequest, AssetType, Cost, MediaInfo, Origin, Reuse, Source

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class StillClock:
    """A clock that moves only when told to."""

    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    def elapsed_s(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        await anyio.lowlevel.checkpoint()


async def swept(cache: AssetCache) -> SweepReport:
    """What killed processes and replaced answers left in `cache` is listed again or gone, whoever uses it."""
    now = cache._clock.now()
    return await cache.work(lambda blobs, index: sweep(blobs, index, now), writing=True)


def key_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def draft(name: str, **changes: object) -> EntryDraft:
    known = {
        "key": key_of(name),
        "suffix": ".mp4",
        "asset_id": f"asset-{name}",
        "asset_type": AssetType.VIDEO,
        "request": AssetRequest(scene_id="romance_5", choice_id=name, prompt="a lantern", reuse=Reuse.ONCE),
        "origin": Origin("library:folder", created_at=NOW, model="m"),
        "source": Source.PRE_MADE,
        "media": MediaInfo("video/mp4", duration_s=5.0, width=1280, height=720),
        "library": "folder",
        "fingerprint": "size-mtime",
    }
    return EntryDraft(**(known | changes))


def paid(name: str, amount: str | None = "0.40", **changes: object) -> EntryDraft:
    cost = None if amount is None else Cost(Decimal(amount), "USD")
    origin = Origin("generator:pixsim", created_at=NOW, generator="pixsim", job_id=f"job-{name}")
    known = {"source": Source.GENERATED, "origin": origin, "paid": True, "cost": cost, "library": None,
             "fingerprint": None}  # fmt: skip
    return draft(name, **(known | changes))


async def put(cache: AssetCache, entry: EntryDraft, data: bytes) -> CacheEntry:
    async with cache.partial(entry.suffix) as path:
        filesystem.write_new(path, data)
        return await cache.store(path, entry)


def bytes_of(name: str) -> bytes:
    return name.encode() * 1000


class Killer:
    """Ends this process, as `kill -9` does, before the change of the given number."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.seen = 0

    def __call__(self, change: str, path: Path) -> None:  # noqa: ARG002 - a step
        self.seen += 1
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def _store(root: str, at: str, *names: str) -> None:
    killer = Killer(int(at))
    async with AssetCache(Path(root), clock=StillClock(), step=killer) as cache:
        for name in names:
            await put(cache, draft(name), bytes_of(name))
            sys.stdout.write(f"confirmed {name}\n")
            sys.stdout.flush()
    sys.stdout.write(f"changes {killer.seen}\n")


async def _race(root: str, me: str, rounds: str) -> None:
    async with AssetCache(Path(root), clock=StillClock()) as cache:
        for number in range(int(rounds)):
            await put(cache, draft("same"), bytes_of("same"))
            mine = f"{me}-{number}"
            await put(cache, draft(mine), bytes_of(mine))
            await put(cache, draft(f"shares-{mine}"), bytes_of("shared"))
            entry = await cache.lookup(key_of(mine))
            assert entry is not None
            assert await cache.verified(entry) is not None
            assert await cache.lookup(key_of("same")) is not None


async def _read_as_nobody(root: str, name: str) -> None:
    # What Python loads late must be loaded while the interpreter's own folder can be read.
    codecs.lookup("ascii")
    os.setegid(65534)
    os.seteuid(65534)
    async with AssetCache(Path(root), clock=StillClock(NOW + timedelta(days=30))) as cache:
        entry = await cache.lookup(key_of(name))
        assert entry is not None
        path = await cache.verified(entry)
        assert path is not None
        assert await cache.confirm_sources([entry], NOW) is False
        sys.stdout.write(path.read_text(encoding="ascii")[: len(name)] + "\n")
        try:
            await put(cache, draft("more"), b"x")
        except Exception as error:  # noqa: BLE001 - the test asks which one
            sys.stdout.write(type(error).__name__ + "\n")


async def _hit(root: str, name: str) -> None:
    async with AssetCache(Path(root), clock=StillClock()) as cache:
        entry = await cache.lookup(key_of(name))
        assert entry is not None
        assert await cache.verified(entry) is not None
    sys.stdout.write(" ".join(sys.modules))


if __name__ == "__main__":
    anyio.run({"store": _store, "race": _race, "nobody": _read_as_nobody, "hit": _hit}[sys.argv[1]], *sys.argv[2:])
