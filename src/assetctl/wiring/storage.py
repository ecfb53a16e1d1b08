"""What is kept on this machine: the cache and the door into it, remembered answers, counted ones."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from assetctl.events import CacheTroubled
from assetctl.wiring.probing import probe

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from assetctl.cache.lookups import Lookups
    from assetctl.cache.removal.pruning import Limits
    from assetctl.cache.sharing.folder import SharedFolder
    from assetctl.cache.store import AssetCache
    from assetctl.cache.usage.usage_log import UsageLog
    from assetctl.events import Event
    from assetctl.providers.intake import Intake
    from assetctl.wiring.surroundings import Surroundings


class Storage:
    """The stores of one data directory, each opened when it is first used."""

    def __init__(self, surroundings: Surroundings, closing: AsyncExitStack) -> None:
        """Open nothing yet; what is opened later is closed with `closing`."""
        self._settings = surroundings.settings
        self._data = surroundings.data
        self._events = surroundings.events
        self._clock = surroundings.clock
        self._tell = surroundings.tell
        self._closing = closing

    @cached_property
    def cache(self) -> AssetCache:
        """The disk cache, shared with a group when the settings name a folder for it."""
        cache = self._new_cache()
        self._closing.push_async_callback(cache.aclose)
        return cache

    def _new_cache(self) -> AssetCache:
        if self.shared is None:
            from assetctl.cache.store import AssetCache

            return AssetCache(self._data.cache, clock=self._clock, limits=self.limits, tell=self._cache_troubled)
        from assetctl.cache.sharing.cache import SharingCache

        return SharingCache(
            self._data.cache, shared=self.shared, clock=self._clock, limits=self.limits, tell=self._cache_troubled
        )

    def _cache_troubled(self, detail: str) -> None:
        self._events.publish(CacheTroubled(None, detail))

    @cached_property
    def shared(self) -> SharedFolder | None:
        """The folder of the group, None when the cache is the user's alone."""
        folder = self._settings.cache.shared
        if folder is None:
            return None
        from assetctl.cache.sharing.folder import SharedFolder

        return SharedFolder(folder)

    @cached_property
    def limits(self) -> Limits:
        """What the cache may hold."""
        from assetctl.cache.removal.pruning import Limits

        wanted = self._settings.cache
        return Limits(wanted.max_size_bytes, wanted.min_free_bytes, wanted.max_unused_s)

    @cached_property
    def intake(self) -> Intake:
        """The door into the cache."""
        from assetctl.providers.intake import Intake

        return Intake(self.cache, probe=probe, clock=self._clock)

    @cached_property
    def lookups(self) -> Lookups:
        """What libraries and the backend answered lately."""
        from assetctl.cache.lookups import Lookups

        return Lookups(self._data.lookups, clock=self._clock)

    @cached_property
    def usage_log(self) -> UsageLog:
        """Where answered requests are counted, each run under a name of its own."""
        from secrets import token_hex

        from assetctl.cache.usage.usage_log import UsageLog

        return UsageLog(self._data.usage, run_id=token_hex(6), clock=self._clock, tell=self._tell)

    def count(self, event: Event) -> None:
        """Listen for answers; the log is built with the first event, a command that asks for nothing needs none."""
        self.usage_log(event)
