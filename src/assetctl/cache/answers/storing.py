"""Answers stored: bytes first, then the row. Synchronous; `store.py` is its face.

Names and rows come about within one write transaction of the index, so that nobody can remove a blob between its being
found and its being listed. Answers that are stored at the same time go through it together, and no one of them is
confirmed before all of them are on the disk.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from assetctl import filesystem, keys
from assetctl.batching import Batches
from assetctl.cache.entries import FURTHEST_AHEAD, complete
from assetctl.cache.files.blobs import Condition
from assetctl.cache.index import strays
from assetctl.cache.index.index import put
from assetctl.errors import CacheError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry, EntryDraft
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.index import Index
    from assetctl.filesystem import HashedFile

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _New:
    """The sealed bytes of `temporary` as the first answer of their key: `entry`, and `sidecar` its sealed sidecar.

    Whether the cache has the bytes already `is_there`.
    """

    temporary: Path
    entry: CacheEntry
    sidecar: Path
    is_there: bool


@dataclass(frozen=True, slots=True)
class _Change:
    """`entry` in place of `previous`, which is `kept` apart if it was paid for; `sidecar` is of `entry` and sealed."""

    new: _New
    entry: CacheEntry
    previous: CacheEntry | None
    kept: CacheEntry | None
    sidecar: Path


class Storing:
    """Stores answers in one cache; safe to use from any thread."""

    def __init__(self, blobs: Blobs, index: Index, *, after: Callable[[Sequence[CacheEntry]], None]) -> None:
        """Touch nothing yet; what was stored together is told to `after` before any of it is confirmed."""
        self._blobs = blobs
        self._index = index
        self._after = after
        self._batches = Batches(self._store)

    def store(
        self, temporary: Path, draft: EntryDraft, now: datetime, *, hashed: HashedFile | None = None
    ) -> CacheEntry:
        """The entry of `draft` with the bytes of `temporary`, which is gone; all of it on the disk.

        They are hashed unless `temporary` is still the very file that was `hashed`.

        Raises:
            CacheError: it could not be stored, or is not what was `hashed`; `temporary` may be still there.
        """
        found = filesystem.seal(temporary, step=self._blobs.step)
        digest = _digest(temporary, found, hashed)
        entry = complete(draft, sha256=digest, size_bytes=found.st_size, created_at=now)
        is_there = self._blobs.condition(entry) is Condition.WHOLE
        # Before the batch, in which everybody would wait for it.
        sidecar = self._blobs.sealed_sidecar(entry)
        try:
            return self._batches.take_part(_New(temporary, entry, sidecar, is_there))
        except BaseException:
            filesystem.remove(sidecar)
            raise

    def _store(self, news: Sequence[_New]) -> list[CacheEntry]:
        changes = self._index.exclusively(lambda run: _changed(news, run, self._blobs, self._index))
        _tidy(changes, self._blobs)
        entries = [change.entry for change in changes]
        self._after(entries)
        return entries


def _digest(temporary: Path, found: os.stat_result, hashed: HashedFile | None) -> str:
    if hashed is not None and hashed.is_still(found):
        return hashed.sha256
    digest = filesystem.sha256_of(temporary)
    if hashed is not None and hashed.sha256 != digest:
        raise CacheError(
            f"`{temporary}` is not what was hashed",
            why=f"its SHA-256 is {digest[:12]}…, it was {hashed.sha256[:12]}…",
            hint="ask again",
        )
    return digest


def _changed(news: Sequence[_New], run: Run, blobs: Blobs, index: Index) -> list[_Change]:
    changes: list[_Change] = []
    try:
        for new in news:
            changes.append(_change(new, run, blobs, index))
            # At once: the next one may have the same key.
            _list(run, changes[-1])
        entries = [change.entry for change in changes]
        blobs.make_shards(entries)
        for change in changes:
            # Looked at again: whoever removed the blob since we hashed it has finished.
            is_there = change.new.is_there and blobs.is_present(change.entry)
            blobs.place(None if is_there else change.new.temporary, change.sidecar, change.entry)
        blobs.sync_names(entries)
    except BaseException:
        for change in changes:
            if change.sidecar != change.new.sidecar:
                filesystem.remove(change.sidecar)
        raise
    return changes


def _change(new: _New, run: Run, blobs: Blobs, index: Index) -> _Change:
    previous = next(iter(index.of_keys(run, [new.entry.key])), None)
    entry = _in_place_of(previous, new.entry)
    kept = _kept_apart(previous, entry)
    if kept is not None:
        blobs.rewrite_sidecars([kept])
    return _Change(new, entry, previous, kept, new.sidecar if entry == new.entry else blobs.sealed_sidecar(entry))


def _in_place_of(previous: CacheEntry | None, entry: CacheEntry) -> CacheEntry:
    """`entry` as it is when it takes the place of `previous`."""
    if previous is None:
        return entry
    at = _after(previous, entry.created_at)
    # A pin is somebody's word about the key, whatever answers it.
    return replace(entry, created_at=at, checked_at=at, last_used_at=at, verified_at=at, pinned=previous.pinned)


def _list(run: Run, change: _Change) -> None:
    put(run, change.entry)
    if change.kept is not None:
        put(run, change.kept)
    elif change.previous is not None and change.previous.blob != change.entry.blob:
        strays.leave(run, change.previous.blob, change.previous.size_bytes)


def _kept_apart(previous: CacheEntry | None, entry: CacheEntry) -> CacheEntry | None:
    """What was paid for and gets replaced, under a key of its own: no request finds it there, and no sweep takes it."""
    if previous is None or not previous.paid or previous.sha256 == entry.sha256:
        return None
    return replace(previous, key=keys.superseded_key(previous.key, previous.sha256))


def _tidy(changes: Sequence[_Change], blobs: Blobs) -> None:
    try:
        for change in changes:
            for left in (change.new.temporary, change.new.sidecar):
                filesystem.remove(left, step=blobs.step)
            if change.previous is not None and change.previous.sha256 != change.entry.sha256:
                # Its bytes may be in use: they stay until a sweep, or until their room is needed.
                blobs.remove_sidecar(change.previous)
        blobs.forget_lost({change.entry.key for change in changes})
    except CacheError as error:
        # The entries are confirmed; what is left over here goes with the next sweep.
        _log.warning("something was left behind while storing: %s", error)


def _after(previous: CacheEntry, now: datetime) -> datetime:
    # A clock that went back must not make the replaced entry look like the newer one to a rebuild.
    if previous.created_at > now + FURTHEST_AHEAD:
        return now
    return max(now, previous.created_at + timedelta(milliseconds=1))
