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
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry, EntryDraft
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.index import Index

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _New:
    """The sealed bytes of `temporary`, to be stored as `draft` says; whether the cache has them already `is_there`."""

    temporary: Path
    draft: EntryDraft
    size_bytes: int
    sha256: str
    is_there: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class _Change:
    """`entry` in place of `previous`, which is `kept` apart if it was paid for; `sidecar` is that of `entry`."""

    new: _New
    entry: CacheEntry
    previous: CacheEntry | None
    kept: CacheEntry | None
    sidecar: Path


class Storing:
    """Stores answers in one cache; safe to use from any thread."""

    def __init__(self, blobs: Blobs, index: Index) -> None:
        """Touch nothing yet."""
        self._blobs = blobs
        self._index = index
        self._batches = Batches(self._store)

    def store(self, temporary: Path, draft: EntryDraft, now: datetime) -> CacheEntry:
        """The entry of `draft` with the bytes of `temporary`, which is gone; all of it on the disk.

        Raises:
            CacheError: it could not be stored; `temporary` may be still there.
        """
        filesystem.seal(temporary, step=self._blobs.step)
        with filesystem.translated(temporary):
            size = temporary.stat().st_size
        digest = filesystem.sha256_of(temporary)
        is_there = self._blobs.condition_of(digest + draft.suffix, size) is Condition.WHOLE
        return self._batches.take_part(_New(temporary, draft, size, digest, is_there, now))

    def _store(self, news: Sequence[_New]) -> list[CacheEntry]:
        changes = self._index.exclusively(lambda run: _changed(news, run, self._blobs, self._index))
        _tidy(changes, self._blobs)
        return [change.entry for change in changes]


def _changed(news: Sequence[_New], run: Run, blobs: Blobs, index: Index) -> list[_Change]:
    changes: list[_Change] = []
    try:
        for new in news:
            changes.append(_change(new, run, blobs, index))
            # At once: the next one may have the same key.
            _list(run, changes[-1])
        filesystem.seal_all([change.sidecar for change in changes], step=blobs.step)
        for change in changes:
            # Looked at again: whoever removed the blob since we hashed it has finished.
            is_there = change.new.is_there and blobs.is_present(change.entry)
            blobs.place(None if is_there else change.new.temporary, change.sidecar, change.entry)
        blobs.sync_names(change.entry for change in changes)
    except BaseException:
        for change in changes:
            filesystem.remove(change.sidecar)
        raise
    return changes


def _change(new: _New, run: Run, blobs: Blobs, index: Index) -> _Change:
    previous = next(iter(index.of_keys(run, [new.draft.key])), None)
    entry = complete(
        new.draft,
        sha256=new.sha256,
        size_bytes=new.size_bytes,
        created_at=_after(previous, new.now),
        # A pin is somebody's word about the key, whatever answers it.
        pinned=previous is not None and previous.pinned,
    )
    kept = _kept_apart(previous, entry)
    if kept is not None:
        blobs.rewrite_sidecars([kept])
    return _Change(new, entry, previous, kept, blobs.written_sidecar(entry))


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
            filesystem.remove(change.new.temporary, step=blobs.step)
            if change.previous is not None and change.previous.sha256 != change.entry.sha256:
                # Its bytes may be in use: they stay until a sweep, or until their room is needed.
                blobs.remove_sidecar(change.previous)
        blobs.forget_lost({change.entry.key for change in changes})
    except CacheError as error:
        # The entries are confirmed; what is left over here goes with the next sweep.
        _log.warning("something was left behind while storing: %s", error)


def _after(previous: CacheEntry | None, now: datetime) -> datetime:
    # A clock that went back must not make the replaced entry look like the newer one to a rebuild.
    if previous is None or previous.created_at > now + FURTHEST_AHEAD:
        return now
    return max(now, previous.created_at + timedelta(milliseconds=1))
