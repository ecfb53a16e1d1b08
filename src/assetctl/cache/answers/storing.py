"""An answer stored: bytes first, then the row. Synchronous; `store.py` is its face.

Both happen within the index's write transaction, so that nobody can remove a blob between its being found and its being
listed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from assetctl import filesystem, keys
from assetctl.cache.entries import FURTHEST_AHEAD, complete
from assetctl.cache.files.blobs import Condition
from assetctl.cache.index import strays
from assetctl.cache.index.index import put
from assetctl.errors import CacheError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry, EntryDraft
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.index import Index

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Change:
    """`entry` in place of `previous`, which is `kept` apart if it was paid for.

    `sidecar` is that of `entry`, sealed.
    """

    entry: CacheEntry
    previous: CacheEntry | None
    kept: CacheEntry | None
    sidecar: Path


def store(temporary: Path, draft: EntryDraft, blobs: Blobs, index: Index, now: datetime) -> CacheEntry:
    """The entry of `draft` with the bytes of `temporary`, which is gone; all of it on the disk.

    Raises:
        CacheError: it could not be stored; `temporary` may be still there.
    """
    filesystem.seal(temporary, step=blobs.step)
    with filesystem.translated(temporary):
        size = temporary.stat().st_size
    bytes_ = filesystem.sha256_of(temporary), size
    change = _prepared(draft, bytes_, index.get(draft.key), blobs, now)

    def work(run: Run) -> _Change:
        nonlocal change
        found = next(iter(index.of_keys(run, [draft.key])), None)
        if found not in (change.previous, change.entry):
            # Somebody was faster while the bytes were hashed: what they stored may be paid for, and is replaced now.
            filesystem.remove(change.sidecar, step=blobs.step)
            change = _prepared(draft, bytes_, found, blobs, now)
        # Looked at again: whoever removed the blob since we hashed it has finished.
        is_there = is_whole and blobs.is_present(change.entry)
        blobs.place(None if is_there else temporary, change.sidecar, change.entry)
        _list(run, change)
        return change

    try:
        is_whole = blobs.condition(change.entry) is Condition.WHOLE
        done = index.exclusively(work)
    except BaseException:
        filesystem.remove(change.sidecar)
        raise
    _tidy(temporary, done.entry, done.previous, blobs)
    return done.entry


def _prepared(
    draft: EntryDraft, bytes_: tuple[str, int], previous: CacheEntry | None, blobs: Blobs, now: datetime
) -> _Change:
    entry = complete(
        draft,
        sha256=bytes_[0],
        size_bytes=bytes_[1],
        created_at=_after(previous, now),
        # A pin is somebody's word about the key, whatever answers it.
        pinned=previous is not None and previous.pinned,
    )
    kept = _kept_apart(previous, entry)
    if kept is not None:
        blobs.rewrite_sidecar(kept)
    return _Change(entry, previous, kept, blobs.sealed_sidecar(entry))


def _list(run: Run, change: _Change) -> None:
    put(run, change.entry)
    if change.kept is not None:
        put(run, change.kept)
    elif change.previous is not None and change.previous.blob != change.entry.blob:
        strays.leave(run, change.previous)


def _kept_apart(previous: CacheEntry | None, entry: CacheEntry) -> CacheEntry | None:
    """What was paid for and gets replaced, under a key of its own: no request finds it there, and no sweep takes it."""
    if previous is None or not previous.paid or previous.sha256 == entry.sha256:
        return None
    return replace(previous, key=keys.superseded_key(previous.key, previous.sha256))


def _tidy(temporary: Path, entry: CacheEntry, previous: CacheEntry | None, blobs: Blobs) -> None:
    try:
        filesystem.remove(temporary, step=blobs.step)
        if previous is not None and previous.sha256 != entry.sha256:
            # Its bytes may be in use: they stay until a sweep, or until their room is needed.
            blobs.remove_sidecar(previous)
        blobs.forget_lost(entry.key)
    except CacheError as error:
        # The entry is confirmed; what is left over here goes with the next sweep.
        _log.warning("something was left behind while storing: %s", error)


def _after(previous: CacheEntry | None, now: datetime) -> datetime:
    # A clock that went back must not make the replaced entry look like the newer one to a rebuild.
    if previous is None or previous.created_at > now + FURTHEST_AHEAD:
        return now
    return max(now, previous.created_at + timedelta(milliseconds=1))
