"""Deleting as a plan first, then a deed.

The plan says what goes, what room that really makes and what it cost; what was paid for stays unless that is asked for.
The deed unlinks first and forgets the rows later, so that it works on a full disk.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from assetctl.cache.index import blob_of, drop, is_used
from assetctl.errors import StorageFull
from assetctl.models import Cost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assetctl.cache.blobs import Blobs
    from assetctl.cache.database import Run
    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.index import Index

_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class ClearPlan:
    """What a deletion would do.

    `kept_paid` matched too and stays because it was paid for. `freed_blobs` are those whose last entry goes, and
    `freed_bytes` their sizes: bytes that another entry shares are not freed. `costs` are what the entries to go had
    cost, one sum per currency; of `unknown_costs` paid ones nobody knows.
    """

    entries: tuple[CacheEntry, ...]
    kept_paid: tuple[CacheEntry, ...]
    freed_blobs: frozenset[str]
    freed_bytes: int
    costs: tuple[Cost, ...]
    unknown_costs: int


@dataclass(frozen=True, slots=True)
class RemovalReport:
    """What a deletion did. Entries that changed since the plan are `skipped`.

    Without `index_updated` there was no room even to forget the rows; each is dropped when it is looked up next.
    """

    removed: int
    skipped: int
    freed_bytes: int
    index_updated: bool


def plan_of(matching: Sequence[CacheEntry], uses: Mapping[str, int], *, include_paid: bool) -> ClearPlan:
    """The plan to delete `matching`; `uses` says how many entries there are of each blob."""
    entries = tuple(entry for entry in matching if include_paid or not entry.paid)
    going = Counter(entry.blob for entry in entries)
    freed = {entry.blob: entry.size_bytes for entry in entries if going[entry.blob] >= uses.get(entry.blob, 0)}
    return ClearPlan(
        entries=entries,
        kept_paid=tuple(entry for entry in matching if entry.paid and not include_paid),
        freed_blobs=frozenset(freed),
        freed_bytes=sum(freed.values()),
        costs=_sums(entries),
        unknown_costs=sum(1 for entry in entries if entry.paid and entry.cost is None),
    )


def _sums(entries: Sequence[CacheEntry]) -> tuple[Cost, ...]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        if entry.cost is not None:
            sums[entry.cost.currency] += entry.cost.amount
    return tuple(Cost(amount, currency) for currency, amount in sorted(sums.items()))


@dataclass(slots=True)
class _Tally:
    # Sets, because a batch may be worked on twice.
    removed: set[str] = field(default_factory=set[str])
    skipped: set[str] = field(default_factory=set[str])
    freed: dict[str, int] = field(default_factory=dict[str, int])
    index_updated: bool = True


def carry_out(plan: ClearPlan, blobs: Blobs, index: Index) -> RemovalReport:
    """What was done of `plan`.

    Raises:
        StorageFull: the files cannot be removed, as on a read-only file system.
        CacheError: a file could not be removed; what went before is gone.
    """
    tally = _Tally()
    for start in range(0, len(plan.entries), _BATCH):
        batch = plan.entries[start : start + _BATCH]
        try:
            index.exclusively(lambda run, batch=batch: _remove(run, batch, blobs, tally))
        except StorageFull:
            # Not even room to note it. The plan knows whose bytes nobody else has.
            _remove_unlisted(batch, plan, blobs, tally)
    return RemovalReport(len(tally.removed), len(tally.skipped), sum(tally.freed.values()), tally.index_updated)


def _remove(run: Run, batch: Sequence[CacheEntry], blobs: Blobs, tally: _Tally) -> None:
    for entry in batch:
        if blob_of(run, entry.key) != entry.blob:
            tally.skipped.add(entry.key)
            continue
        # The sidecar first: killed here, a rebuilt index does not bring back what was to go.
        blobs.remove_sidecar(entry)
        drop(run, entry.key)
        if not is_used(run, entry.blob) and blobs.remove_blob(entry):
            tally.freed[entry.blob] = entry.size_bytes
        tally.removed.add(entry.key)


def _remove_unlisted(batch: Sequence[CacheEntry], plan: ClearPlan, blobs: Blobs, tally: _Tally) -> None:
    tally.index_updated = False
    for entry in batch:
        if entry.key not in tally.skipped:
            blobs.remove_sidecar(entry)
            if entry.blob in plan.freed_blobs and blobs.remove_blob(entry):
                tally.freed[entry.blob] = entry.size_bytes
            tally.removed.add(entry.key)
