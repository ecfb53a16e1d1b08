"""A cache whose answers a group shares: its own index and files as ever, and the shared folder behind them.

What a member of the group has stored is copied into this user's own cache, hashed on the way, before it is handed out.
Nothing is ever removed from the shared folder, and when it cannot be reached everything goes on without it.
"""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from assetctl.cache.entries import CacheEntry, EntryDraft
from assetctl.cache.index.index import Glimpse
from assetctl.cache.store import AssetCache
from assetctl.errors import CacheError, StorageUnusable
from assetctl.eventloop import in_thread
from assetctl.models import Reuse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from assetctl.cache.sharing.folder import SharedFolder
    from assetctl.clock import Clock
    from assetctl.filesystem import HashedFile

_log = logging.getLogger(__name__)


class SharingCache(AssetCache):
    """As `AssetCache`, and what members of the group store answers too.

    A shared folder that must not be trusted is an error of every method that would use it; one that cannot be reached
    or written is told once.
    """

    def __init__(self, root: Path, *, shared: SharedFolder, clock: Clock, **seams: Any) -> None:
        """Touch nothing yet; `seams` are those of `AssetCache`."""
        super().__init__(root, clock=clock, **seams)
        self._shared = shared
        self._is_sharing_trouble_told = False

    async def lookup(self, key: str) -> CacheEntry | None:
        """The own entry that answers `key` now, else one of another member; None when there is none."""
        own = await super().lookup(key)
        return (await in_thread(self._shared_entries, [key])).get(key) if own is None else own

    async def glimpses(self, keys: Sequence[str]) -> dict[str, Glimpse]:
        """As `AssetCache.glimpses`; what is not here is looked for in the shared folder."""
        own = await super().glimpses(keys)
        shared = await in_thread(self._shared_entries, [key for key in keys if key not in own])
        return own | {key: _glimpse_of(entry) for key, entry in shared.items()}

    async def lookup_all(self, keys: Sequence[str]) -> dict[str, CacheEntry]:
        """As `AssetCache.lookup_all`, and those that other members have."""
        own = await super().lookup_all(keys)
        return own | await in_thread(self._shared_entries, [key for key in keys if key not in own])

    async def verified(self, entry: CacheEntry) -> Path | None:
        """As `AssetCache.verified`; bytes that are not here, or not whole, are taken from the shared folder."""
        if await self._is_own(entry) and (path := await super().verified(entry)) is not None:
            return path
        async with self.partial(entry.suffix) as partial:
            if not await in_thread(self._is_taken, entry, partial):
                return None
            taken = await super().store(partial, _draft_of(entry))
        return await super().verified(taken)

    async def store(
        self, partial_path: Path, draft: EntryDraft | Callable[[], tuple[EntryDraft, HashedFile]]
    ) -> CacheEntry:
        """As `AssetCache.store`; the group has it too, as far as the shared folder can be written."""
        entry = await super().store(partial_path, draft)
        await self._share(entry)
        return entry

    async def store_and_hand_out(
        self, partial_path: Path, draft: EntryDraft | Callable[[], tuple[EntryDraft, HashedFile]]
    ) -> tuple[CacheEntry, Path | None]:
        """As `AssetCache.store_and_hand_out`; the group has it too, as by `store`."""
        entry, path = await super().store_and_hand_out(partial_path, draft)
        await self._share(entry)
        return entry, path

    async def _share(self, entry: CacheEntry) -> None:
        if not entry.stand_in and entry.reuse is not Reuse.ALWAYS:
            await in_thread(self._add, entry)

    async def _is_own(self, entry: CacheEntry) -> bool:
        own = await super().lookup(entry.key)
        if own is None:
            # What is too large to be kept has no row, and is delivered all the same.
            return (await self.whereabouts(entry)).is_present
        return own.blob == entry.blob

    def _shared_entries(self, keys: Sequence[str]) -> dict[str, CacheEntry]:
        if not keys or not self._is_reachable():
            return {}
        return self._shared.entries(keys, self._clock.now(), on_trouble=self._tell_once)

    def _is_taken(self, entry: CacheEntry, partial: Path) -> bool:
        return self._is_reachable() and self._shared.take(entry, partial)

    def _add(self, entry: CacheEntry) -> None:
        if not self._is_reachable():
            return
        try:
            self._shared.add(entry, self._blobs.path_of(entry), self._clock.now())
        except CacheError as error:
            # The asset is stored and confirmed: only the others do without it.
            self._tell_once(error)

    def _is_reachable(self) -> bool:
        try:
            self._shared.open()
        except StorageUnusable:
            raise
        except CacheError as error:
            self._tell_once(error)
            return False
        return True

    def _tell_once(self, error: CacheError) -> None:
        if not self._is_sharing_trouble_told:
            _log.warning("the shared folder is not used: %s: %s", error.what, error.why)
        self._is_sharing_trouble_told = True


def _glimpse_of(entry: CacheEntry) -> Glimpse:
    return Glimpse(entry.key, entry.blob, entry.size_bytes, entry.asset_id, entry.source.value, entry.stand_in)


def _draft_of(entry: CacheEntry) -> EntryDraft:
    return EntryDraft(**{field.name: getattr(entry, field.name) for field in fields(EntryDraft)})
