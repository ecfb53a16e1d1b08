"""An answer found, and its bytes handed out: hashed each time, and a miss that is remembered where they are not whole.

Synchronous; `store.py` is its face.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from assetctl.cache.entries import milliseconds
from assetctl.cache.files.blobs import Condition
from assetctl.cache.index.index import blob_of, drop
from assetctl.errors import CacheError, StorageFull, StorageUnusable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.index import Glimpse, Index

_log = logging.getLogger(__name__)

TOUCH_AFTER: Final = timedelta(days=1)


def find(key: str, blobs: Blobs, index: Index, now: datetime) -> CacheEntry | None:
    """The current entry of `key` whose blob is there."""
    entry = index.get(key)
    return entry if entry is not None and _is_there(entry, blobs, index, now) else None


def find_all(keys: Sequence[str], blobs: Blobs, index: Index, now: datetime) -> dict[str, Glimpse]:
    """At a glance, the current entry of each of `keys` whose blob is there; the others are left out, nothing is mended.

    One question to the index for some hundred keys, and one look at each file.
    """
    glimpses = index.current(keys, now)
    present = blobs.present(glimpse.blob for glimpse in glimpses)
    return {glimpse.key: glimpse for glimpse in glimpses if glimpse.blob in present}


def find_asset(asset_id: str, blobs: Blobs, index: Index, now: datetime) -> CacheEntry | None:
    """The newest current entry of this asset whose blob is there."""
    return next((entry for entry in index.by_asset_id(asset_id) if _is_there(entry, blobs, index, now)), None)


def _is_there(entry: CacheEntry, blobs: Blobs, index: Index, now: datetime) -> bool:
    return entry.is_current(now) and (blobs.is_present(entry) or _was_set_right(entry, blobs, index))


def verify(entry: CacheEntry, blobs: Blobs, index: Index, now: datetime) -> Path | None:
    """The path of the entry's blob, its bytes just hashed and found right; None when they are not, and are put away."""
    if blobs.condition(entry) is not Condition.WHOLE and not _was_set_right(entry, blobs, index):
        return None
    if abs(now - entry.last_used_at) > TOUCH_AFTER:
        try:
            index.touch(entry.key, entry.blob, milliseconds(now))
        except CacheError as error:
            # A cache that cannot be written, or is busy, is still read.
            _log.info("the time of use was not noted: %s", error)
    return blobs.path_of(entry)


def _was_set_right(entry: CacheEntry, blobs: Blobs, index: Index) -> bool:
    """Whether somebody has put sound bytes in place meanwhile; if not, they are put away and the rows dropped."""
    try:
        return put_away(entry, blobs, index) is None
    except (StorageFull, StorageUnusable) as error:
        # Nothing can be moved here; it stays a miss each time it is asked for.
        _log.warning("damaged or missing bytes could not be put away: %s", error)
        return False


def put_away(entry: CacheEntry, blobs: Blobs, index: Index) -> list[CacheEntry] | None:
    """The entries that had the bytes of `entry`, which are out of the way; each is remembered as lost and has no row.

    None when the bytes are whole.

    Raises:
        CacheError: they could not be moved, or not all of it be noted.
    """

    def work(run: Run) -> list[CacheEntry] | None:
        if blobs.condition(entry) is Condition.WHOLE:
            return None
        blobs.quarantine(entry)
        losers = [sharer for sharer in sharers if blob_of(run, sharer.key) == entry.blob]
        for loser in losers:
            blobs.remember_lost(loser)
            drop(run, loser.key)
        return losers

    sharers = index.of_blob(entry.blob)
    return index.exclusively(work)


def confirm(entries: Sequence[CacheEntry], checked_at: datetime, index: Index) -> bool:
    """Whether the rows of `entries` now say that their sources stood behind them at `checked_at`."""
    try:
        index.confirm(entries, milliseconds(checked_at))
    except (StorageFull, StorageUnusable) as error:
        _log.info("the look at the source was not noted: %s", error)
        return False
    return True
