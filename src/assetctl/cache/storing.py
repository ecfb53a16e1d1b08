"""Reading, storing and mending entries: where bytes and rows meet. Synchronous; `store.py` is its face.

Bytes first, then the row, and both within the index's write transaction, so that nobody can remove a blob between its
being found and its being listed. Whatever is lost or damaged becomes a miss that is remembered, never an answer.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from assetctl import filesystem, keys
from assetctl.cache import strays
from assetctl.cache.batching import BATCH, batches
from assetctl.cache.blobs import Condition
from assetctl.cache.entries import FURTHEST_AHEAD, complete, milliseconds, moment
from assetctl.cache.index import blob_of, drop, is_used, put
from assetctl.errors import CacheError, StorageFull, StorageUnusable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.blobs import Blobs
    from assetctl.cache.database import Run
    from assetctl.cache.entries import CacheEntry, EntryDraft
    from assetctl.cache.index import Index

_log = logging.getLogger(__name__)

TOUCH_AFTER: Final = timedelta(days=1)
ORPHAN_AGE_S: Final = 86_400.0
"""How long a blob without a row stays: somebody may be handing it out, or about to list it."""
QUARANTINE_AGE_S: Final = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep did: entries that got their row back, files removed and their bytes."""

    adopted: int
    removed_files: int
    freed_bytes: int


@dataclass(frozen=True, slots=True)
class _Change:
    """`entry` in place of `previous`, which is `kept` apart if it was paid for.

    `sidecar` is that of `entry`, sealed.
    """

    entry: CacheEntry
    previous: CacheEntry | None
    kept: CacheEntry | None
    sidecar: Path


def find(key: str, blobs: Blobs, index: Index, now: datetime) -> CacheEntry | None:
    """The current entry of `key` whose blob is there."""
    entry = index.get(key)
    return entry if entry is not None and _is_there(entry, blobs, index, now) else None


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


def confirm(key: str, checked_at: datetime, fingerprint: str | None, blobs: Blobs, index: Index) -> bool:
    """Whether the entry of `key` now says that its source stood behind it at `checked_at` with `fingerprint`."""
    entry = index.get(key)
    if entry is None:
        return False
    confirmed = replace(entry, checked_at=moment(milliseconds(checked_at)), fingerprint=fingerprint)
    try:
        if confirmed.fingerprint != entry.fingerprint:
            blobs.rewrite_sidecar(confirmed)
        index.confirm(confirmed)
    except (StorageFull, StorageUnusable) as error:
        _log.info("the look at the source was not noted: %s", error)
        return False
    return True


def set_pinned(keys: Sequence[str], pinned: bool, blobs: Blobs, index: Index) -> int:  # noqa: FBT001 - the wish itself
    """How many entries of `keys` are pinned now and were not, or the other way round."""

    def work(run: Run, batch: Sequence[str]) -> list[str]:
        changed = [entry for entry in index.of_keys(run, batch) if entry.pinned is not pinned]
        for entry in changed:
            wanted = replace(entry, pinned=pinned)
            # The sidecar first: a rebuilt index must not forget a pin that was confirmed.
            blobs.rewrite_sidecar(wanted)
            put(run, wanted)
        return [entry.key for entry in changed]

    distinct = list(dict.fromkeys(keys))
    return sum(len(index.exclusively(lambda run, batch=batch: work(run, batch))) for batch in batches(distinct))


def sweep(blobs: Blobs, index: Index, now: datetime, *, in_use: Collection[str] = ()) -> SweepReport:
    """What killed processes and replaced answers left is listed again or gone; blobs `in_use` stay.

    Raises:
        CacheError: something could not be listed or removed.
    """
    known, adopted = blobs.entries(), 0
    while batch := list(islice(known, BATCH)):
        adopted += index.adopt(batch, blobs.is_on_disk)
        index.exclusively(lambda run, batch=batch: _forget_superseded(run, batch, blobs, index))
    files = {path.name: path for path in blobs.blob_files() if _is_older(path, now, ORPHAN_AGE_S)}
    used = index.uses(list(files))
    orphans = [path for name, path in files.items() if name not in used and name not in in_use]
    freed = index.exclusively(lambda run: [_remove_orphan(run, path, blobs) for path in orphans])
    freed += [_remove(path, blobs) for path in blobs.quarantined_files() if _is_older(path, now, QUARANTINE_AGE_S)]
    sizes = [size for size in freed if size is not None]
    return SweepReport(adopted, len(sizes), sum(sizes))


def _forget_superseded(run: Run, entries: Sequence[CacheEntry], blobs: Blobs, index: Index) -> None:
    # A killed replacement leaves two sidecars of one key: the older one would come back once the other is cleared.
    current = {entry.key: entry for entry in index.of_keys(run, [entry.key for entry in entries])}
    for entry in entries:
        newer = current.get(entry.key)
        if newer and newer.sha256 != entry.sha256 and newer.created_at >= entry.created_at and blobs.is_on_disk(newer):
            blobs.remove_sidecar(entry)


def _is_older(path: Path, now: datetime, age_s: float) -> bool:
    try:
        # Renaming and sealing set the change time, which no copy brings along.
        return now.timestamp() - path.lstat().st_ctime > age_s
    except FileNotFoundError:
        return False


def _remove_orphan(run: Run, path: Path, blobs: Blobs) -> int | None:
    if is_used(run, path.name):
        return None
    strays.unlist(run, [path.name])
    return _remove(path, blobs)


def _remove(path: Path, blobs: Blobs) -> int | None:
    try:
        size = path.lstat().st_size
    except FileNotFoundError:
        return None
    return size if filesystem.remove(path, step=blobs.step) else None
