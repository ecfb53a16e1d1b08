"""What the cache holds for many requests at once, its bytes unread: for reports, never to serve from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetctl.models import Source
from assetctl.providers.intake import asset_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from assetctl.cache.store import AssetCache
    from assetctl.models import Asset


async def holdings(cache: AssetCache, keys: Sequence[str], since: datetime | None = None) -> dict[str, Asset]:
    """The assets that the cache has an entry of, by those of `keys` that have one; their bytes were not looked at.

    With `since` only those that were stored from that moment on: older ones may be no answer any more.

    Raises:
        CacheError: the cache cannot be used.
    """
    found = await cache.work(lambda blobs, index: [(entry, blobs.path_of(entry)) for entry in index.of_all(keys)])
    return {
        entry.key: asset_of(entry, path, Source.CACHED, request=entry.request)
        for entry, path in found
        if since is None or entry.created_at >= since
    }
