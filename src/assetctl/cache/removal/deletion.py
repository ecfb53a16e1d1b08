"""Deleting as a plan first, then a deed.

The plan says what goes, what room that really makes and what it would take to have it again; what was paid for, is
pinned or in use stays. The deed moves files first and forgets the rows later, so that it works on a full disk.

Nothing is synced but the index, once for each five thousand entries: after a power cut a file that was just moved may
lie where it was, and there it is whole. What is killed half way is settled at the next start (`undoing.py`).
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.cache.index import strays
from assetctl.cache.index.batching import batches, marks
from assetctl.cache.index.index import uses_of
from assetctl.cache.removal.candidates import NO_PRICE, Price
from assetctl.cache.removal.pruning import SIDECAR_BYTES
from assetctl.cache.removal.undoing import settle_batch
from assetctl.errors import CacheError, StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.files.leases import Leases
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.index import Index
    from assetctl.cache.removal.candidates import Candidate
    from assetctl.cache.removal.trash import Batch, Trash

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 5000


@dataclass(frozen=True, slots=True)
class ClearPlan:
    """What a deletion would do.

    What matched and stays, stays because it was paid for, is pinned, or is in use by one of `holders`. `freed_bytes`
    are those of the blobs whose last entry goes: bytes that another entry shares are not freed.
    """

    entries: tuple[Candidate, ...]
    kept_paid: tuple[Candidate, ...]
    kept_pinned: tuple[Candidate, ...]
    kept_in_use: tuple[Candidate, ...]
    holders: tuple[str, ...]
    freed_bytes: int
    price: Price = NO_PRICE


@dataclass(frozen=True, slots=True)
class RemovalReport:
    """What a deletion did.

    Entries that changed since the plan are `skipped`, those that are in use by now are `in_use`. With `undoable` all
    that went lies in the trash and its bytes are freed when that is emptied. Without `index_updated` there was no room
    even to forget the rows; each is dropped when it is looked up next.
    """

    removed: int
    skipped: int
    in_use: int
    freed_bytes: int
    index_updated: bool
    undoable: bool


def plan_of(
    matching: Sequence[Candidate],
    uses: Mapping[str, int],
    leased: Mapping[str, str],
    *,
    include_paid: bool = False,
    named: bool = False,
) -> ClearPlan:
    """The plan to delete `matching`; `uses` says how many entries there are of each blob, `leased` who uses which.

    What is `named` goes though it is pinned or paid for; what is in use never does.
    """
    kept: defaultdict[str, list[Candidate]] = defaultdict(list)
    for one in matching:
        kept[_fate(one, leased, include_paid=include_paid or named, include_pinned=named)].append(one)
    entries = kept["goes"]
    going = Counter(one.blob for one in entries)
    freed = {one.blob: one.size_bytes for one in entries if going[one.blob] >= uses.get(one.blob, 0)}
    return ClearPlan(
        entries=tuple(entries),
        kept_paid=tuple(kept["paid"]),
        kept_pinned=tuple(kept["pinned"]),
        kept_in_use=tuple(kept["in use"]),
        holders=tuple(sorted({leased[one.blob] for one in kept["in use"]})),
        freed_bytes=sum(freed.values()),
    )


def _fate(one: Candidate, leased: Mapping[str, str], *, include_paid: bool, include_pinned: bool) -> str:
    if one.pinned and not include_pinned:
        return "pinned"
    if one.paid and not include_paid:
        return "paid"
    return "in use" if one.blob in leased else "goes"


@dataclass(slots=True)
class _Tally:
    # Sets, because a batch may be worked on twice.
    removed: set[str] = field(default_factory=set[str])
    skipped: set[str] = field(default_factory=set[str])
    in_use: set[str] = field(default_factory=set[str])
    freed: dict[str, int] = field(default_factory=dict[str, int])


class Deletion:
    """One deed: files go into the trash, or for good, and rows after them."""

    def __init__(self, blobs: Blobs, index: Index, trash: Trash, leases: Leases) -> None:
        """Delete from these."""
        self._blobs = blobs
        self._index = index
        self._trash = trash
        self._leases = leases
        self._batch: Batch | None = None
        self._tally = _Tally()

    def carry_out(self, entries: Sequence[Candidate], *, command: str, now: datetime, keep: bool) -> RemovalReport:
        """What was done to remove `entries`; with `keep` they can be had back, if there is room for that.

        Raises:
            StorageFull: the files cannot be removed, as on a read-only file system.
            CacheError: a file could not be removed; what went before is gone.
        """
        self._batch, self._tally = self._begun(command, now), _Tally()
        try:
            return self._carry_out(entries, keep=keep)
        except CacheError:
            self._settle()
            raise

    def _settle(self) -> None:
        if self._batch is None:
            return
        try:
            settle_batch(self._batch, self._trash, self._blobs, self._index)
            self._trash.finish(self._batch)
        except CacheError as error:
            _log.warning("a deletion stays half done until this process ends: %s", error)

    def _carry_out(self, entries: Sequence[Candidate], *, keep: bool) -> RemovalReport:
        unlisted: list[Candidate] = []
        counts = Counter(one.blob for one in entries)
        for start in range(0, len(entries), _AT_ONCE):
            some = entries[start : start + _AT_ONCE]
            try:
                self._index.exclusively(lambda run, some=some: self._remove(run, some))
            except StorageFull as error:
                _log.info("no room to note a removal: %s", error.why)
                # Not even room to note it: room is made first, for good, and noted at the end.
                unlisted += self._remove_unlisted(some, counts)
        undoable = self._finished(keep=keep and not unlisted)
        tally, updated = self._tally, self._forgotten(unlisted)
        skipped, freed = len(tally.skipped - tally.removed), sum(tally.freed.values())
        return RemovalReport(len(tally.removed), skipped, len(tally.in_use), freed, updated, undoable)

    def _begun(self, command: str, now: datetime) -> Batch | None:
        try:
            return self._trash.begin(command, now)
        except StorageFull as error:
            _log.info("no room for a trash: %s", error.why)
            return None

    def _finished(self, *, keep: bool) -> bool:
        if self._batch is None:
            return False
        if keep:
            size = sum(self._tally.freed.values()) + len(self._tally.removed) * SIDECAR_BYTES
            return self._trash.finish(self._batch, size) is not None
        self._trash.empty(self._batch)
        return False

    def _remove(self, run: Run, some: Sequence[Candidate]) -> None:
        going = self._unchanged(run, some)
        leased = self._leases.of_others()
        going = self._without(going, leased)
        last = _last_uses(run, going)
        # Sidecars first: killed between, an entry is found and settled by what is in the trash.
        for shard, names in _by_shard([*map(_sidecar, going), *last]).items():
            taken = self._take(names, self._blobs.home(shard).parent) if self._blobs.has_shard(shard) else []
            self._tally.freed.update((name, last[name]) for name in taken if name in last)
        going = self._without_late(going, last)
        for keys in batches([one.key for one in going]):
            run(f"DELETE FROM entries WHERE key IN ({marks(keys)})", keys)  # noqa: S608 - question marks
        strays.unlist(run, list(last))
        self._tally.removed.update(one.key for one in going)

    def _unchanged(self, run: Run, some: Sequence[Candidate]) -> list[Candidate]:
        rows: dict[str, str] = {}
        for keys in batches([one.key for one in some]):
            rows |= dict(run(f"SELECT key, blob FROM entries WHERE key IN ({marks(keys)})", keys))  # noqa: S608 - question marks
        self._tally.skipped.update(one.key for one in some if rows.get(one.key) != one.blob)
        return [one for one in some if rows.get(one.key) == one.blob]

    def _without(self, going: Sequence[Candidate], leased: Mapping[str, str]) -> list[Candidate]:
        self._tally.in_use.update(one.key for one in going if one.blob in leased)
        return [one for one in going if one.blob not in leased]

    def _without_late(self, going: Sequence[Candidate], last: Mapping[str, int]) -> list[Candidate]:
        # Whoever hands out a blob first says so and then looks at it. If it was there when they looked, then their word
        # is here by now: the blob goes back.
        if self._batch is None:
            return list(going)
        late = {blob: holder for blob, holder in self._leases.of_others().items() if blob in last}
        for one in going:
            if one.blob in late:
                for name in (one.blob, _sidecar(one)):
                    self._trash.give_back(self._batch, name, self._blobs.home(name))
                self._tally.freed.pop(one.blob, None)
        return self._without(going, late)

    def _take(self, names: Sequence[str], folder: Path) -> list[str]:
        if self._batch is not None:
            return self._trash.take(self._batch, names, folder)
        return [name for name in names if filesystem.remove(folder / name, step=self._blobs.step)]

    def _remove_unlisted(self, some: Sequence[Candidate], counts: Mapping[str, int]) -> list[Candidate]:
        # What could be moved before the room ran out is dropped from the trash too: room is what is wanted now.
        leased = self._leases.of_others()
        going = self._without([one for one in some if one.key not in self._tally.skipped], leased)
        uses = uses_of(self._index.read, {one.blob for one in going})
        for one in going:
            self._remove_anywhere(_sidecar(one))
            if uses.get(one.blob, 0) <= counts[one.blob] and self._remove_anywhere(one.blob):
                self._tally.freed[one.blob] = one.size_bytes
            self._tally.removed.add(one.key)
        return going

    def _remove_anywhere(self, name: str) -> bool:
        moved = self._batch is not None and filesystem.remove(self._batch.path / name, step=self._blobs.step)
        found = self._blobs.has_shard(name) and filesystem.remove(self._blobs.home(name), step=self._blobs.step)
        return moved or found

    def _forgotten(self, unlisted: Sequence[Candidate]) -> bool:
        if not unlisted:
            return True
        # It may have been opened as a file that nobody can write to, for want of room.
        self._index.close()
        try:
            for start in range(0, len(unlisted), _AT_ONCE):
                some = unlisted[start : start + _AT_ONCE]
                self._index.exclusively(lambda run, some=some: self._drop(run, some))
        except CacheError as error:
            _log.warning("the index still lists what was removed: %s", error)
            return False
        return True

    def _drop(self, run: Run, some: Sequence[Candidate]) -> None:
        for one in some:
            if not self._blobs.home(one.blob).exists():
                run("DELETE FROM entries WHERE key = ? AND blob = ?", (one.key, one.blob))


def _sidecar(one: Candidate) -> str:
    return f"{one.blob[:64]}.{one.key}.json"


def _by_shard(names: Iterable[str]) -> dict[str, list[str]]:
    shards: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        shards[name[:2]].append(name)
    return shards


def _last_uses(run: Run, going: Sequence[Candidate]) -> dict[str, int]:
    """The blobs whose last entries are in `going`, with their sizes."""
    counts = Counter(one.blob for one in going)
    uses = uses_of(run, counts)
    return {one.blob: one.size_bytes for one in going if uses.get(one.blob, 0) <= counts[one.blob]}
