"""Making the cache smaller: on somebody's word (`clear`, `prune`, and back again with `undo`), and after each store.

Ties the pure decisions to files and rows. What happens by itself never breaks the request that caused it: trouble is
told and the request goes on.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from assetctl import filesystem
from assetctl.cache.index import strays
from assetctl.cache.index.filters import MIN_PREFIX
from assetctl.cache.index.index import blob_of, drop
from assetctl.cache.removal import pruning, selecting, undoing
from assetctl.cache.removal.deletion import ClearPlan, Deletion, RemovalReport, plan_of
from assetctl.cache.removal.sweeping import Sweeping
from assetctl.cache.removal.trash import Trash
from assetctl.errors import CacheError
from assetctl.units import human_size

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.files.leases import Leases
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.filters import EntryFilter
    from assetctl.cache.index.index import Index
    from assetctl.cache.removal.pruning import Choice, Limits, Reason, Use
    from assetctl.cache.removal.trash import Batch

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_AT_MOST_BY_ITSELF: Final = 2000
"""How many entries one store throws away at most: whoever asked for an asset must not wait for a great cleaning."""
_SLACK: Final = 50
"""By itself it makes a fiftieth of `max_size` more room than is needed, so that not every store has to prune."""


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What pruning would do to a cache that takes `use`.

    `deletion` are entries to go, `reasons` why, and how many. When room is needed, `trash` and `strays` (blobs without
    an entry, and what was put away as damaged) go first. `freed_bytes` is all the room that makes, `short_bytes` what
    is needed beyond it: what is left then is paid for, pinned or in use. With `for_room` nothing is kept in the trash.
    """

    use: Use
    deletion: ClearPlan
    reasons: Mapping[Reason, int]
    trash: tuple[Batch, ...]
    strays: tuple[tuple[str, int], ...]
    put_away: tuple[tuple[Path, int], ...]
    freed_bytes: int
    short_bytes: int
    for_room: bool

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.deletion.entries or self.trash or self.strays or self.put_away)


class Shrinking:
    """Clearing, pruning and undoing, for one cache."""

    def __init__(
        self,
        folder: Path,
        *,
        blobs: Blobs,
        index: Index,
        leases: Leases,
        limits: Limits | None,
        free_bytes: Callable[[Path], int | None],
        tell: Callable[[str], None],
    ) -> None:
        """Shrink the cache in `folder`; without `limits` nothing happens by itself. `tell` hears of trouble."""
        self._folder = folder
        self._blobs = blobs
        self._index = index
        self._trash = Trash(folder / "trash", inside=folder, step=blobs.step)
        self._leases = leases
        self._sweeping = Sweeping(folder, blobs, index, leases)
        self._limits = limits
        self._free_bytes = free_bytes
        self._tell = tell
        self._has_pruned = False
        self._has_told_shortage = False

    def tidy_trash(self, now: datetime) -> None:
        """What dead processes left half way is settled, and old trash is gone."""
        try:
            undoing.settle(self._trash, self._blobs, self._index)
            undoing.sweep(self._trash, self._blobs, self._index, now)
        except CacheError as error:
            _log.warning("the trash was not swept: %s", error)

    def plan_clear(self, filter_: EntryFilter, now: datetime, *, include_paid: bool) -> ClearPlan:
        """What deleting the matching entries would do.

        An entry that is alone in having the only prefix is named; a list of prefixes names none, since it may be long.
        """
        matching = selecting.matching(self._index.read, filter_, now)
        prefixes = filter_.key_prefixes
        named = len(matching) == len(prefixes) == 1 and len(prefixes[0]) >= MIN_PREFIX
        uses = self._index.uses(list({one.blob for one in matching}))
        leased = self._leases.of_others()
        plan = plan_of(matching, uses, leased, include_paid=include_paid, named=named)
        return replace(plan, price=selecting.price_of(self._index.read, plan.entries))

    def clear(self, plan: ClearPlan, now: datetime, *, keep: bool) -> RemovalReport:
        """What was done of `plan`; kept in the trash unless the disk is short of room."""
        self.tidy_trash(now)
        return self._deletion().carry_out(plan.entries, command="clear", now=now, keep=keep and not self._is_short())

    def plan_prune(self, limits: Limits, now: datetime) -> PrunePlan:
        """What keeps the cache within `limits`; nothing is done."""
        plan = self._planned(limits, now, in_use=self._leases.of_others())
        return replace(
            plan,
            deletion=replace(plan.deletion, price=selecting.price_of(self._index.read, plan.deletion.entries)),
        )

    def prune(self, plan: PrunePlan, now: datetime, *, keep: bool) -> RemovalReport:
        """What was done of `plan`, and of what killed processes and replaced answers left."""
        self.tidy_trash(now)
        report = self._carry_out(plan, now, keep=keep)
        return replace(report, freed_bytes=report.freed_bytes + self._sweeping.sweep(now))

    def _carry_out(self, plan: PrunePlan, now: datetime, *, keep: bool) -> RemovalReport:
        freed = sum(self._trash.empty(batch) for batch in plan.trash)
        freed += self._index.exclusively(lambda run: self._remove_strays(run, plan)) if plan.strays else 0
        freed += sum(size for path, size in plan.put_away if filesystem.remove(path, step=self._blobs.step))
        report = self._deletion().carry_out(
            plan.deletion.entries, command="prune", now=now, keep=keep and not plan.for_room
        )
        return replace(report, freed_bytes=report.freed_bytes + freed)

    def undo(self, now: datetime) -> undoing.UndoReport:
        """What was brought back of the last deed.

        Raises:
            AssetUnavailable: nothing is there to bring back.
        """
        return undoing.undo(self._trash, self._blobs, self._index, now)

    def use(self) -> Use:
        """What the cache takes on the disk."""
        totals = self._index.running_totals()
        stray = sum(size for _, size in strays.listed(self._index.read))
        stray += sum(_size(path) for path in self._blobs.quarantined_files())
        stray += sum(_size(self._blobs.partial / name) for name in filesystem.names_in(self._blobs.partial))
        return pruning.Use(
            totals.size_bytes, totals.count, stray, self._trash.size_bytes(), self._free_bytes(self._folder)
        )

    def after_stores(self, entries: Sequence[CacheEntry], now: datetime) -> None:
        """The cache is within its limits again, as far as that can be; `entries`, just stored, are not lost by it."""
        if self._limits is None:
            return
        try:
            for entry in entries:
                if pruning.is_too_large(entry.size_bytes, self._limits) and not (entry.paid or entry.pinned):
                    self._let_go(entry, self._limits)
            self._prune_by_itself(self._limits, now, keep={entry.blob for entry in entries})
            self._sweeping.sweep_daily(now)
        except CacheError as error:
            self._tell(f"the cache could not be pruned: {error.what}")

    def _prune_by_itself(self, limits: Limits, now: datetime, *, keep: Collection[str]) -> None:
        excess = pruning.excess_bytes(self.use(), limits)
        if not excess and self._has_pruned:
            return
        self._has_pruned = True
        in_use = self._leases.own.union(self._leases.of_others(), keep)
        slack = limits.max_size_bytes // _SLACK
        plan = self._planned(limits, now, in_use=dict.fromkeys(in_use, ""), slack=slack, at_most=_AT_MOST_BY_ITSELF)
        if not plan.is_empty:
            self.tidy_trash(now)
            self._carry_out(plan, now, keep=False)
        self._tell_shortage(excess - plan.freed_bytes)

    def _planned(
        self,
        limits: Limits,
        now: datetime,
        *,
        in_use: Mapping[str, str],
        slack: int = 0,
        at_most: int | None = None,
    ) -> PrunePlan:
        use = self.use()
        excess = pruning.excess_bytes(use, limits)
        left = excess
        trash, left = _first(self._trash_to_go(), lambda batch: batch.size_bytes, left)
        loose, left = _first(
            [one for one in strays.listed(self._index.read) if one[0] not in in_use], lambda one: one[1], left
        )
        damaged = [(path, _size(path)) for path in self._blobs.quarantined_files()]
        put_away, left = _first(damaged, lambda one: one[1], left)
        ordered = selecting.in_order(self._index.read, now, limits.max_unused_s)
        needed = left + slack if left > 0 else 0
        choice = pruning.choose(ordered, needed, in_use=in_use, at_most=at_most)
        freed = excess - left + choice.freed_bytes
        return PrunePlan(
            use=use,
            deletion=_as_deletion(choice, in_use),
            reasons=choice.counts(),
            trash=tuple(trash),
            strays=tuple(loose),
            put_away=tuple(put_away),
            freed_bytes=freed,
            short_bytes=max(excess - freed, 0),
            for_room=excess > 0,
        )

    def _trash_to_go(self) -> list[Batch]:
        return [batch for batch in self._trash.batches() if batch.writer is None]

    def _remove_strays(self, run: Run, plan: PrunePlan) -> int:
        freed = 0
        # Planned a while ago: what was handed out since then stays, and stays listed.
        in_use = self._leases.own.union(self._leases.of_others())
        still = dict(strays.listed(run)).keys() - in_use
        for blob, size in plan.strays:
            if blob in still and self._blobs.has_shard(blob):
                freed += size if filesystem.remove(self._blobs.home(blob), step=self._blobs.step) else 0
        strays.unlist(run, [blob for blob, _ in plan.strays if blob in still])
        return freed

    def _let_go(self, entry: CacheEntry, limits: Limits) -> None:
        def work(run: Run) -> None:
            if blob_of(run, entry.key) == entry.blob:
                self._blobs.remove_sidecar(entry)
                strays.leave(run, entry.blob, entry.size_bytes)
                drop(run, entry.key)

        self._index.exclusively(work)
        limit = human_size(limits.max_size_bytes)
        self._tell(f"`{entry.asset_id}` is delivered and not kept: it has {human_size(entry.size_bytes)}, the whole"
                   f" cache may have {limit}")  # fmt: skip

    def _tell_shortage(self, short_bytes: int) -> None:
        if short_bytes > 0 and not self._has_told_shortage:
            self._has_told_shortage = True
            self._tell(f"the cache is {human_size(short_bytes)} over its limits: what is left in it is paid for, pinned"
                       " or in use")  # fmt: skip

    def _is_short(self) -> bool:
        free = self._free_bytes(self._folder)
        return self._limits is not None and free is not None and free < self._limits.min_free_bytes

    def _deletion(self) -> Deletion:
        return Deletion(self._blobs, self._index, self._trash, self._leases)


def _first(items: Sequence[_T], size_of: Callable[[_T], int], needed: int) -> tuple[list[_T], int]:
    """The first of `items` that together have `needed` bytes, and how many bytes are needed still (none: below 1)."""
    chosen: list[_T] = []
    for item in items:
        if needed <= 0:
            break
        chosen.append(item)
        needed -= size_of(item)
    return chosen, needed


def _as_deletion(choice: Choice, in_use: Mapping[str, str]) -> ClearPlan:
    entries = tuple(candidate for candidate, _ in choice.chosen)
    return ClearPlan(
        entries=entries,
        kept_paid=(),
        kept_pinned=(),
        kept_in_use=choice.in_use,
        holders=tuple(sorted({in_use[one.blob] for one in choice.in_use})),
        freed_bytes=choice.freed_bytes - len(entries) * pruning.SIDECAR_BYTES,
    )


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
