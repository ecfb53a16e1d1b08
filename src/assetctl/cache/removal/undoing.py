"""Bringing back what was cleared, and settling what a killed process left half way.

Bytes come back first, then the row, then the sidecar: killed at any point, asking again finishes it, and no row is ever
without its bytes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.cache.entries import milliseconds, moment
from assetctl.cache.files.blobs import SIDECAR_NAME
from assetctl.cache.index.index import blob_of, drop, put
from assetctl.cache.removal.trash import UNDONE
from assetctl.errors import AssetUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.index import Index
    from assetctl.cache.removal.trash import Batch, Trash

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class UndoReport:
    """What was brought back of the deed of `command` at `made_at`, by key.

    What is `overwritten` has a newer answer, which stays; of what is `gone` the bytes have been freed or the record is
    damaged.
    """

    command: str
    made_at: datetime
    restored: tuple[str, ...]
    overwritten: tuple[str, ...]
    gone: tuple[str, ...]
    size_bytes: int


def undo(trash: Trash, blobs: Blobs, index: Index, now: datetime) -> UndoReport:
    """What was brought back of the last deed that is still in the trash.

    Raises:
        AssetUnavailable: nothing is there to bring back.
        CacheError: it could not be brought back; what was not is in the trash still.
    """
    settle(trash, blobs, index)
    kept = [batch for batch in trash.batches() if batch.writer is None and batch.command != UNDONE]
    if not kept or kept[-1].is_over(now):
        raise AssetUnavailable(
            "there is nothing to bring back",
            why="what is cleared is kept for 24 hours, unless its room is needed or `--now` was said",
            hint="ask for the assets again: what a library or a paid job has is fetched for nothing",
        )
    report = _Undoing(kept[-1], trash, blobs, index, now).carry_out()
    # What could not come back stays until the trash is swept, but is no longer what the next undo is about.
    trash.finish(kept[-1], command=UNDONE)
    return report


class _Undoing:
    def __init__(self, batch: Batch, trash: Trash, blobs: Blobs, index: Index, now: datetime) -> None:
        self._batch = batch
        self._trash = trash
        self._blobs = blobs
        self._index = index
        self._now = now
        # In the order in which they came; a transaction may be worked on twice.
        self._fates: dict[str, _Fate] = {}
        self._sizes: dict[str, int] = {}

    def carry_out(self) -> UndoReport:
        sidecars = [name for name in self._batch.names() if SIDECAR_NAME.fullmatch(name)]
        for start in range(0, len(sidecars), _AT_ONCE):
            some = sidecars[start : start + _AT_ONCE]
            back = self._index.exclusively(lambda run, some=some: self._restored(run, some))
            for name in back:
                self._trash.give_back(self._batch, name, self._blobs.home(name))
            # What is said to be back must be found again though the index be lost.
            self._sync(back)
        return UndoReport(
            command=self._batch.command,
            made_at=moment(self._batch.made_ms),
            restored=self._keys(_Fate.RESTORED),
            overwritten=self._keys(_Fate.OVERWRITTEN),
            gone=self._keys(_Fate.GONE),
            size_bytes=sum(self._sizes.values()),
        )

    def _keys(self, fate: _Fate) -> tuple[str, ...]:
        return tuple(key for key, found in self._fates.items() if found is fate)

    def _restored(self, run: Run, sidecars: Sequence[str]) -> list[str]:
        """The sidecars whose bytes and rows are back."""
        back: list[str] = []
        for name in sidecars:
            fate = self._fate(run, name)
            self._fates[name.split(".")[1]] = fate
            if fate is _Fate.RESTORED:
                back.append(name)
        # The rows will be on the disk: their bytes must be there before, where the rows say.
        self._sync(back)
        return back

    def _sync(self, names: Sequence[str]) -> None:
        for shard in {self._blobs.home(name).parent for name in names}:
            filesystem.sync_folder(shard, step=self._blobs.step)

    def _fate(self, run: Run, name: str) -> _Fate:
        entry = self._blobs.entry_at(self._batch.path, name)
        if entry is None:
            return _Fate.GONE
        if (current := blob_of(run, entry.key)) is not None:
            # A row without its sidecar is what a killed undo left: that is finished now.
            is_ours = current == entry.blob and not os.path.lexists(self._blobs.home(name))
            return _Fate.RESTORED if is_ours and self._blobs.is_present(entry) else _Fate.OVERWRITTEN
        if not self._has_bytes_again(entry):
            return _Fate.GONE
        # It counts as used now: what somebody just wanted back is not the next to be pruned.
        put(run, replace(entry, last_used_at=moment(milliseconds(self._now))))
        self._sizes[entry.blob] = entry.size_bytes
        return _Fate.RESTORED

    def _has_bytes_again(self, entry: CacheEntry) -> bool:
        if self._blobs.is_present(entry):
            return True
        return self._trash.give_back(self._batch, entry.blob, self._blobs.home(entry.blob))


class _Fate(Enum):
    RESTORED = "restored"
    OVERWRITTEN = "overwritten"
    GONE = "gone"


def settle(trash: Trash, blobs: Blobs, index: Index) -> None:
    """What dead processes were about to delete is, entry by entry, in the trash or in the cache."""
    for batch in trash.batches():
        if batch.is_abandoned:
            settle_batch(batch, trash, blobs, index)
            trash.finish(batch)


def sweep(trash: Trash, blobs: Blobs, index: Index, now: datetime) -> None:
    """Nothing that was kept for long enough is in the trash any more."""
    for batch in trash.batches():
        if batch.is_over(now):
            settle_batch(batch, trash, blobs, index)
            trash.empty(batch)


def settle_batch(batch: Batch, trash: Trash, blobs: Blobs, index: Index) -> None:
    """Each entry that `batch` has files of is in it, or in the cache."""
    names = batch.names()
    here = set(names)

    def work(run: Run) -> None:
        for match in filter(None, map(SIDECAR_NAME.fullmatch, names)):
            digest, key = match.groups()
            blob = blob_of(run, key)
            if blob is None or not blob.startswith(digest):
                continue
            if os.path.lexists(blobs.home(blob)):
                # Its bytes and its row are in place: it was not deleted, or brought back but for this.
                if not os.path.lexists(blobs.home(match[0])):
                    trash.give_back(batch, match[0], blobs.home(match[0]))
            elif blob in here:
                drop(run, key)

    index.exclusively(work)
