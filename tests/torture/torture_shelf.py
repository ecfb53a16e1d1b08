"""A cache as the torture tests use it: plain calls, named contents, and a log of what was begun and what was confirmed.

The log is synced line by line, beside the cache and not in it, so that whoever looks after a kill knows what must be
there. Used by the tests and by the processes they kill.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, Self

import anyio

from assetctl import eventloop, filesystem
from assetctl.cache.entries import CacheEntry, EntryDraft
from assetctl.cache.index.filters import EntryFilter
from assetctl.cache.removal.sweeping import sweep
from assetctl.cache.store import AssetCache
from assetctl.clock import SystemClock
from assetctl.models import AssetRequest, AssetType, Cost, MediaInfo, Origin, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from pathlib import Path

    from assetctl.cache.removal.deletion import RemovalReport
    from assetctl.cache.removal.pruning import Limits
    from assetctl.clock import Clock
    from assetctl.filesystem import Step

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class SetClock:
    """A clock that moves only when told to, or slept on."""

    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    def elapsed_s(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def at_once(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What `work` returns, without a thread or a loop unless it has to wait."""
    return eventloop.run(work, anyio.run)


def key_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def content(name: str, serial: int, size: int | None = None) -> bytes:
    """The bytes of the `serial`-th answer for `name`: no two are alike, and any process can tell them."""
    random = Random(f"{name}/{serial}")
    return f"{name}/{serial}\n".encode() + random.randbytes(random.randrange(1, 40_000) if size is None else size)


def digest_of(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def draft(name: str, *, paid: bool = False, **changes: object) -> EntryDraft:
    known: dict[str, object] = {
        "key": key_of(name),
        "suffix": ".mp4",
        "asset_id": f"asset-{name}",
        "asset_type": AssetType.VIDEO,
        "request": AssetRequest(scene_id="torture", choice_id=name),
        "origin": Origin("library:folder", created_at=NOW),
        "source": Source.PRE_MADE,
        "media": MediaInfo("video/mp4", duration_s=5.0),
        "library": "folder",
        "fingerprint": "f",
    }
    bought: dict[str, object] = {
        "source": Source.GENERATED,
        "origin": Origin("generator:pixsim", created_at=NOW, generator="pixsim", job_id=f"job-{name}"),
        "paid": True,
        "cost": Cost(Decimal("0.40"), "USD"),
        "library": None,
        "fingerprint": None,
    }
    return EntryDraft(**(known | (bought if paid else {}) | changes))  # type: ignore[arg-type]


class Log:
    """What was begun and what was confirmed, one synced line each."""

    def __init__(self, path: Path, *, synced: bool = True) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._synced = synced

    def note(self, word: str, name: str, digest: str | None) -> None:
        os.write(self._descriptor, json.dumps([word, name, digest]).encode() + b"\n")
        if self._synced:
            os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class Shelf:
    """One `AssetCache`, opened for a block, each change of it noted in `log` before and after."""

    def __init__(
        self,
        root: Path,
        *,
        log: Path | None = None,
        clock: Clock | None = None,
        limits: Limits | None = None,
        step: Step = filesystem.no_step,
    ) -> None:
        self.root = root
        self._clock = clock or SystemClock()
        self.cache = AssetCache(root, clock=self._clock, limits=limits, step=step)
        self._step = step
        self._log = None if log is None else Log(log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        at_once(self.cache.aclose)
        if self._log is not None:
            self._log.close()

    def put(self, name: str, serial: int, *, size: int | None = None, **changes: object) -> CacheEntry:
        """`name` has its `serial`-th answer."""
        data = content(name, serial, size)

        async def work() -> CacheEntry:
            async with self.cache.partial(".mp4") as path:
                filesystem.write_new(path, data, step=self._step)
                return await self.cache.store(path, draft(name, **changes))

        self._note("begin", [name], digest_of(data))
        entry = at_once(work)
        self._note("done", [name], digest_of(data))
        return entry

    def put_together(self, names: Sequence[str], serial: int, *, size: int, paid: bool) -> None:
        """Each of `names` has its `serial`-th answer; all went through one transaction of the index."""
        batches = self.cache._storing._batches
        with ThreadPoolExecutor(len(names)) as threads:
            with batches._working:
                stores = []
                for count, name in enumerate(names, 1):
                    # One after the other up to where they wait, so that every run takes the same steps.
                    stores.append(threads.submit(self.put, name, serial, size=size, paid=paid))
                    while len(batches._waiting) < count and not stores[-1].done():
                        time.sleep(0.001)
            for store in stores:
                store.result()

    def find(self, name: str) -> CacheEntry | None:
        return at_once(lambda: self.cache.lookup(key_of(name)))

    def read(self, name: str) -> bytes | None:
        """The bytes that are handed out for `name`."""
        entry = self.find(name)
        path = None if entry is None else at_once(lambda: self.cache.verified(entry))
        return None if path is None else path.read_bytes()

    def clear(self, *names: str, keep: bool = True) -> list[RemovalReport]:
        """`names` have no answer."""
        plans = [at_once(lambda name=name: self.plan(name)) for name in names]
        self._note("begin", names, None)
        reports = [at_once(lambda plan=plan: self.cache.remove(plan, keep=keep)) for plan in plans]
        self._note("done", names, None)
        return reports

    def plan(self, name: str):
        return self.cache.plan_clear(EntryFilter(key_prefixes=(key_of(name),)), include_paid=True)

    def undo(self, name: str, digest: str | None) -> bool:
        """Whether `name`, cleared last, has its answer of `digest` again."""
        self._note("begin", [name], digest)
        report = at_once(lambda: self.cache.shrink(lambda shrinking, now: shrinking.undo(now)))
        is_back = key_of(name) in report.restored
        if is_back:
            self._note("done", [name], digest)
        return is_back

    def prune(self, limits: Limits, *names: str) -> RemovalReport:
        """The cache is within `limits`; of `names` any may have gone."""
        self._note("begin", names, None)
        return at_once(
            lambda: self.cache.shrink(
                lambda shrinking, now: shrinking.prune(shrinking.plan_prune(limits, now), now, keep=True)
            )
        )

    def pin(self, *names: str) -> int:
        """How many of `names` are pinned now and were not."""
        return at_once(lambda: self.cache.set_pinned([key_of(name) for name in names], pinned=True))

    def sweep(self) -> object:
        now = self._clock.now()
        return at_once(lambda: self.cache.work(lambda blobs, index: sweep(blobs, index, now), writing=True))

    def partial_files(self) -> list[Path]:
        folder = self.root / "v1" / "partial"
        return sorted(folder.iterdir()) if folder.exists() else []

    def half_done(self) -> list[Path]:
        """Deletions that were begun and neither finished nor settled."""
        return sorted((self.root / "v1" / "trash").glob("open.*"))

    def blob_files(self) -> list[Path]:
        return sorted((self.root / "v1" / "blobs").rglob("*.mp4"))

    def _note(self, word: str, names: Sequence[str], digest: str | None) -> None:
        if self._log is not None:
            for name in names:
                self._log.note(word, name, digest)
