"""The cache as the rest of the house sees it: async, one per process, opened on first use.

Disk work happens in worker threads. It keeps answers and their bytes; whether an answer may be served, bought again or
thrown away is decided above it.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import asynccontextmanager
from functools import cached_property
from functools import partial as bound
from typing import TYPE_CHECKING, Final, Self, TypeVar

from assetctl import eventloop, filesystem
from assetctl.cache.answers import pinning, reading
from assetctl.cache.answers.likeness import most_alike
from assetctl.cache.answers.storing import Storing
from assetctl.cache.files.blobs import Blobs
from assetctl.cache.files.leases import Leases
from assetctl.cache.index.filters import MIN_PREFIX, EntryFilter, check_prefix, parse_sort
from assetctl.cache.index.index import Glimpse, Index, Totals, Whereabouts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from assetctl.cache.entries import CacheEntry, EntryDraft
    from assetctl.cache.removal.deletion import ClearPlan, RemovalReport
    from assetctl.cache.removal.pruning import Limits
    from assetctl.cache.removal.shrinking import Shrinking
    from assetctl.clock import Clock
    from assetctl.filesystem import FindKind, HashedFile, Step
    from assetctl.models import AssetRequest

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_FORMAT: Final = "v1"
_NEAREST_OF: Final = 500
_NEWEST_FIRST: Final = "created:desc"
_EVERYTHING: Final = EntryFilter()


class AssetCache:
    """Answers and their bytes under one folder; safe to use from many tasks and many processes at once.

    Every method may raise `StorageUnusable`, `StorageFull` or `CacheError` when the folder cannot be used.
    """

    def __init__(
        self,
        root: Path,
        *,
        clock: Clock,
        limits: Limits | None = None,
        tell: Callable[[str], None] = _log.info,
        free_bytes: Callable[[Path], int | None] = filesystem.free_bytes,
        find_kind: FindKind = filesystem.kind_of,
        step: Step = filesystem.no_step,
    ) -> None:
        """Touch nothing yet. Only the folder of our own format within `root` is used; newer ones are left alone.

        With `limits`, each store is followed by pruning where they are exceeded; what that cannot do, `tell` hears.
        """
        folder = root / _FORMAT
        self._root = root
        self._find_kind = find_kind
        self._clock = clock
        self._blobs = Blobs(root, folder, step=step)
        self._index = Index(
            folder / "index.sqlite3",
            aside=self._blobs.quarantined,
            scratch=self._blobs.partial,
            entries_on_disk=self._blobs.entries,
            step=step,
        )
        self._storing = Storing(self._blobs, self._index, after=self._after_stores)
        self._leases = Leases(folder / "leases", inside=folder, step=step)
        self._limits, self._tell_trouble, self._free_bytes = limits, tell, free_bytes
        self._opening = threading.Lock()
        self._is_open = False
        self._is_writable = False

    async def __aenter__(self) -> Self:
        """The cache itself; still nothing is opened."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """The cache is closed."""
        await self.aclose()

    async def aclose(self) -> None:
        """No file of the cache is open in this process; the next use opens it again."""
        with eventloop.shield():
            await eventloop.in_thread(self._leases.close)
            await eventloop.in_thread(self._index.close)

    async def lookup(self, key: str) -> CacheEntry | None:
        """The entry that answers `key` now; None when there is none, it expired, or its blob is not there."""
        return await self._reading(bound(reading.find, key))

    async def glimpses(self, keys: Sequence[str]) -> dict[str, Glimpse]:
        """For each of `keys` that `lookup` would find, what its row says; thousands at the price of a few lookups.

        A damaged row may be left out.
        """
        return await self._reading(bound(reading.find_all, keys))

    async def lookup_all(self, keys: Sequence[str]) -> dict[str, CacheEntry]:
        """The entries of `keys` as `lookup` gives them, whether or not they are current and their blobs are there."""
        return await self._in_thread(lambda: {entry.key: entry for entry in self._index.of_all(keys)})

    async def verified(self, entry: CacheEntry) -> Path | None:
        """The path of the entry's bytes, read-only, which hash to its digest at this moment.

        The path stays valid while this cache is open: nobody prunes or clears it. None when the bytes are damaged or
        gone: they are put away, and `lost` tells of the entry from now on.
        """
        return await self._in_thread(lambda: self._handed_out(entry))

    async def lost(self, key: str) -> CacheEntry | None:
        """What was known of `key` when its bytes were found damaged or gone, None when that never happened.

        Ask this before paying again: the job, or the library, that it came from may still have the bytes.
        """
        return await self._in_thread(lambda: self._blobs.lost(key))

    async def find_by_asset_id(self, asset_id: str) -> CacheEntry | None:
        """The newest current entry of this asset whose blob is there."""
        return await self._reading(bound(reading.find_asset, asset_id))

    async def find_by_prefix(self, text: str) -> list[CacheEntry]:
        """Every entry, by key, whose key or digest begins with `text`.

        Raises:
            InvalidRequest: `text` is not at least 4 hex digits.
        """
        prefix = check_prefix(text, shortest=MIN_PREFIX)
        return await self._in_thread(lambda: self._index.by_prefix(prefix))

    async def nearest(self, request: AssetRequest) -> CacheEntry | None:
        """The entry of the same scene and choice that has most in common with `request`, the newest of equals."""
        if request.scene_id is None and request.choice_id is None:
            return None
        moment = EntryFilter(scene_id=request.scene_id, choice_id=request.choice_id)
        found = await self.entries(moment, _NEWEST_FIRST, _NEAREST_OF)
        return most_alike(found, request)

    @asynccontextmanager
    async def partial(self, suffix: str = "") -> AsyncGenerator[Path]:
        """Within the block, a path where nothing is yet, to write bytes to and hand to `store`; gone afterwards.

        Its name says which process writes it, so that it is swept if that process is killed.
        """
        if not self._is_writable:
            await self._in_thread(lambda: None, writing=True)
        path = self._blobs.temporary(suffix)
        try:
            yield path
        finally:
            # What was stored is gone: no thread need be woken to see that.
            if _is_there(path):
                with eventloop.shield():
                    await self._in_thread(lambda: filesystem.remove(path))

    async def store(
        self, partial_path: Path, draft: EntryDraft | Callable[[], tuple[EntryDraft, HashedFile]]
    ) -> CacheEntry:
        """The entry that answers `draft.key` from now on, in place of any earlier one, on the disk for good.

        `partial_path` is a file written within `partial`; it becomes the blob. Bytes that are there already are kept
        once. A `draft` that is yet to be made is made in the same worker thread, and the file with it if it will; it
        comes with what the file was when its bytes were hashed, and they are hashed once more only if it is no longer.
        """
        return await self._in_thread(lambda: self._stored(partial_path, draft), writing=True)

    async def store_and_hand_out(
        self, partial_path: Path, draft: EntryDraft | Callable[[], tuple[EntryDraft, HashedFile]]
    ) -> tuple[CacheEntry, Path | None]:
        """As `store`, and the path that `verified` gives for it; waking another thread for that takes as long again."""

        def work() -> tuple[CacheEntry, Path | None]:
            entry = self._stored(partial_path, draft)
            return entry, self._handed_out(entry)

        return await self._in_thread(work, writing=True)

    async def confirm_sources(self, entries: Sequence[CacheEntry], checked_at: datetime) -> bool:
        """Whether it is noted that the sources of `entries` stood behind them at `checked_at`.

        Not so in a read-only cache. What others took the place of meanwhile stays as it is.
        """
        return await self._in_thread(lambda: reading.confirm(entries, checked_at, self._index))

    async def entries(
        self, filter_: EntryFilter = _EVERYTHING, sort: str = _NEWEST_FIRST, limit: int | None = None
    ) -> list[CacheEntry]:
        """At most `limit` matching entries in the order `sort` names (see `parse_sort`), expired ones included.

        Raises:
            InvalidRequest: `sort` or the key prefix is none.
        """
        order, now = parse_sort(sort), self._clock.now()
        return await self._in_thread(lambda: self._index.select(filter_, now, order, limit))

    async def keys(
        self, filter_: EntryFilter = _EVERYTHING, sort: str = _NEWEST_FIRST, limit: int | None = None
    ) -> list[str]:
        """The keys of `entries`, without reading what else is known of them."""
        order, now = parse_sort(sort), self._clock.now()
        return await self._in_thread(lambda: self._index.keys(filter_, now, order, limit))

    async def whereabouts(self, entry: CacheEntry) -> Whereabouts:
        """Where the bytes of `entry` are; they are not read."""
        return await self._in_thread(
            lambda: Whereabouts(
                self._blobs.path_of(entry),
                self._blobs.is_present(entry),
                self._index.uses([entry.blob]).get(entry.blob, 0),
            )
        )

    async def totals(self, filter_: EntryFilter = _EVERYTHING) -> Totals:
        """The sums over the matching entries.

        Raises:
            InvalidRequest: the key prefix is none.
        """
        now = self._clock.now()
        return await self._in_thread(lambda: self._index.totals(filter_, now))

    async def set_pinned(self, keys: Sequence[str], *, pinned: bool) -> int:
        """How many of `keys` changed: all that have an entry are pinned from now on, or not; on the disk for good.

        Raises:
            StorageFull: no room to note it; what was noted before stays noted.
        """
        return await self._in_thread(
            lambda: pinning.set_pinned(keys, pinned, self._blobs, self._index), writing=bool(keys)
        )

    async def work(self, work: Callable[[Blobs, Index], _T], *, writing: bool = False) -> _T:
        """What `work` returned, in a worker thread: for what looks after the cache as a whole."""
        return await self._in_thread(lambda: work(self._blobs, self._index), writing=writing)

    def in_use(self) -> frozenset[str]:
        """The blobs that living processes use, this one too. For `work`: it reads files."""
        return self._leases.own.union(self._leases.of_others())

    async def groups(self, dimension: str, limit: int) -> tuple[list[tuple[str, int, int]], int]:
        """As `Index.sums`: the largest groups of entries that share a value; and how many groups there are."""
        return await self._in_thread(lambda: (self._index.sums(dimension, limit), self._index.sums_count(dimension)))

    async def plan_clear(self, filter_: EntryFilter, *, include_paid: bool = False) -> ClearPlan:
        """What deleting the matching entries would do; nothing is done."""
        return await self.shrink(lambda shrinking, now: shrinking.plan_clear(filter_, now, include_paid=include_paid))

    async def remove(self, plan: ClearPlan, *, keep: bool = True) -> RemovalReport:
        """What was done of `plan`; works with no room left on the disk. With `keep` it can be undone for a day."""
        return await self.shrink(lambda shrinking, now: shrinking.clear(plan, now, keep=keep))

    async def shrink(self, work: Callable[[Shrinking, datetime], _T]) -> _T:
        """What `work` returned, in a worker thread: clearing, pruning and undoing; it is handed the time too."""
        return await self._in_thread(lambda: work(self._shrinking, self._clock.now()))

    @cached_property
    def _shrinking(self) -> Shrinking:
        from assetctl.cache.removal.shrinking import Shrinking  # noqa: PLC0415 - an answer from the cache shrinks nothing

        return Shrinking(
            self._root / _FORMAT,
            blobs=self._blobs,
            index=self._index,
            leases=self._leases,
            limits=self._limits,
            free_bytes=self._free_bytes,
            tell=self._tell_trouble,
        )

    def _after_stores(self, entries: Sequence[CacheEntry]) -> None:
        for entry in entries:
            self._leases.keep_new(entry.blob)
        if self._limits is not None:
            self._shrinking.after_stores(entries, self._clock.now())

    def _stored(
        self, partial_path: Path, draft: EntryDraft | Callable[[], tuple[EntryDraft, HashedFile]]
    ) -> CacheEntry:
        known, hashed = draft() if callable(draft) else (draft, None)
        return self._storing.store(partial_path, known, self._clock.now(), hashed=hashed)

    def _handed_out(self, entry: CacheEntry) -> Path | None:
        # Said first, looked at second: whoever removes it looks for our word once more after moving it away.
        self._leases.hand_out(entry.blob)
        return reading.verify(entry, self._blobs, self._index, self._clock.now())

    async def _reading(self, work: Callable[[Blobs, Index, datetime], _T]) -> _T:
        return await self._in_thread(lambda: work(self._blobs, self._index, self._clock.now()))

    async def _in_thread(self, work: Callable[[], _T], *, writing: bool = False) -> _T:
        def opened() -> _T:
            self._open(writing=writing)
            return work()

        return await eventloop.in_thread(opened)

    def _open(self, *, writing: bool) -> None:
        with self._opening:
            if not self._is_open:
                filesystem.require_local(self._root, "the cache's index", find_kind=self._find_kind)
                self._blobs.open()
                self._is_open = True
            if writing and not self._is_writable:
                self._blobs.open_for_writing(self._clock.now())
                self._shrinking.tidy_trash(self._clock.now())
                self._is_writable = True


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)
