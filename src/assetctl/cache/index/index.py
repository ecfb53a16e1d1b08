"""Which key has which bytes: rows to look up, list, count and delete, without reading a single blob.

Disposable: blobs and sidecars rebuild it. A row always had its blob when it was written; a row that is damaged is
dropped and what the sidecars say of its key is put back.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import starmap
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from assetctl.cache.entries import FURTHEST_AHEAD, milliseconds
from assetctl.cache.index.batching import batches, marks
from assetctl.cache.index.database import Database
from assetctl.cache.index.queries import (
    PUT_DOCUMENT,
    PUT_ENTRY,
    SELECT,
    entry_of,
    glimpses,
    listing,
    order_by,
    row_of,
    storable,
    where,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.filters import EntryFilter, Sort
    from assetctl.filesystem import Step

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over entries.

    `count` entries take `size_bytes` on disk, where what they share counts once, and are `logical_bytes` long together.
    `paid_count` of them were paid for, `pinned_count` are pinned.
    """

    count: int
    size_bytes: int
    paid_count: int
    logical_bytes: int
    pinned_count: int


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the bytes of an entry are or should be, whether there is such a file, and how many entries share it."""

    path: Path
    is_present: bool
    uses: int


class Glimpse(NamedTuple):
    """What the row of a current entry says of it, at a glance; as in `CacheEntry`."""

    key: str
    blob: str
    size_bytes: int
    asset_id: str
    source: str
    stand_in: bool


class Index:
    """The rows, over one `Database`."""

    def __init__(
        self,
        path: Path,
        *,
        aside: Path,
        scratch: Path,
        entries_on_disk: Callable[[], Iterable[CacheEntry]],
        step: Step,
    ) -> None:
        """Open nothing yet; `entries_on_disk` is what a lost index is rebuilt from."""
        self._entries_on_disk = entries_on_disk
        self._database = Database(path, aside=aside, scratch=scratch, fill=self._fill, step=step)

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """As `Database.read`: the rows as they stand, damaged ones too."""
        return self._database.read(sql, parameters)

    def close(self) -> None:
        """Nothing is open; the next use opens it again."""
        self._database.close()

    def exclusively(self, work: Callable[[Run], _T]) -> _T:
        """As `Database.write`."""
        return self._database.write(work)

    def get(self, key: str) -> CacheEntry | None:
        """The entry of `key`."""
        found = self._entries(" WHERE e.key = ?", (key,))
        return found[0] if found else None

    def current(self, keys: Sequence[str], now: datetime) -> list[Glimpse]:
        """What answers any of `keys` at `now`, in no order, without reading the documents; those without are left out.

        What is damaged may be missing: a closer look mends it.
        """
        span = (milliseconds(now), milliseconds(now + FURTHEST_AHEAD))
        found: list[Glimpse] = []
        for batch in batches(keys):
            found += starmap(Glimpse, self._database.read(glimpses(marks(batch)), (*batch, *span)))
        return found

    def of_all(self, keys: Sequence[str]) -> list[CacheEntry]:
        """The entries of `keys`, in no order; what has no row is left out."""
        return [entry for batch in batches(keys) for entry in self._entries(f" WHERE e.key IN ({marks(batch)})", batch)]

    def by_asset_id(self, asset_id: str) -> list[CacheEntry]:
        """All entries of this asset, the newest first."""
        return self._entries(" WHERE e.asset_id = ? ORDER BY e.created_ms DESC, e.key", (storable(asset_id),))

    def by_prefix(self, prefix: str) -> list[CacheEntry]:
        """All entries whose key or digest begins with `prefix` (lower-case hex), by key."""
        # 'g' follows every hex digit, and the digest is how a blob's name begins.
        span = (prefix, prefix + "g")
        return self._entries(
            " WHERE (e.key >= ? AND e.key < ?) OR (e.blob >= ? AND e.blob < ?) ORDER BY e.key", (*span, *span)
        )

    def of_blob(self, blob: str) -> list[CacheEntry]:
        """All entries that share these bytes."""
        return self._entries(" WHERE e.blob = ? ORDER BY e.key", (blob,))

    def select(self, filter_: EntryFilter, now: datetime, sort: Sort, limit: int | None) -> list[CacheEntry]:
        """At most `limit` entries, in order."""
        clause, values = where(filter_, now)
        return self._selected(listing(clause, order_by(sort)), (*values, -1 if limit is None else limit))

    def keys(self, filter_: EntryFilter, now: datetime, sort: Sort, limit: int | None) -> list[str]:
        """The keys of what `select` gives, in its order."""
        clause, values = where(filter_, now)
        sql = f"SELECT e.key FROM entries e{clause}{order_by(sort)} LIMIT ?"  # noqa: S608 - fixed fragments
        return [row[0] for row in self._database.read(sql, (*values, -1 if limit is None else limit))]

    def totals(self, filter_: EntryFilter, now: datetime) -> Totals:
        """The sums over the matching entries; over all of them they are read, not added up."""
        clause, values = where(filter_, now)
        if not clause:
            return self.running_totals()
        counts = f"SELECT count(*), sum(e.size_bytes), sum(e.paid), sum(e.pinned) FROM entries e{clause}"  # noqa: S608 - fixed fragments
        shared = f"SELECT e.size_bytes FROM entries e{clause} GROUP BY e.blob"  # noqa: S608 - as above
        count, logical, paid, pinned = self._database.read(counts, values)[0]
        physical = self._database.read(f"SELECT sum(size_bytes) FROM ({shared})", values)[0][0]  # noqa: S608 - as above
        return Totals(count, physical or 0, paid or 0, logical or 0, pinned or 0)

    def running_totals(self) -> Totals:
        """The sums over all entries, read and not added up."""
        rows = self._database.read(
            "SELECT dimension, entries, size_bytes, paid, pinned FROM sums"
            " WHERE dimension IN ('all', 'disk') AND value = ''"
        )
        sums = {row[0]: row[1:] for row in rows}
        count, logical, paid, pinned = sums.get("all", (0, 0, 0, 0))
        return Totals(count, sums.get("disk", (0, 0))[1], paid, logical, pinned)

    def sums(self, dimension: str, limit: int) -> list[tuple[str, int, int]]:
        """For each value of `dimension` (see `schema.DIMENSIONS`) how many entries and bytes, at most `limit` of them.

        The most bytes come first. The empty text stands for the entries that have no value.
        """
        return self._database.read(
            "SELECT value, entries, size_bytes FROM sums WHERE dimension = ? ORDER BY size_bytes DESC, value LIMIT ?",
            (dimension, limit),
        )

    def sums_count(self, dimension: str) -> int:
        """How many values of `dimension` there are."""
        return self._database.read("SELECT count(*) FROM sums WHERE dimension = ?", (dimension,))[0][0]

    def uses(self, blobs: Sequence[str]) -> dict[str, int]:
        """How many entries have each of these blobs; those without any are left out."""
        return uses_of(self._database.read, blobs)

    def touch(self, key: str, blob: str, used_ms: int) -> None:
        """The entry was handed out at `used_ms`, its bytes just hashed and found right."""
        sql = "UPDATE entries SET used_ms = ?, verified_ms = ? WHERE key = ? AND blob = ?"
        self.exclusively(lambda run: run(sql, (used_ms, used_ms, key, blob)))

    def of_keys(self, run: Run, keys: Sequence[str]) -> list[CacheEntry]:
        """The sound entries of `keys` within a transaction; what has no row is left out."""
        rows = [row for key in keys for row in run(f"{SELECT} WHERE e.key = ?", (key,))]
        return [entry_of(row) for row in rows if _is_sound(row)]

    def confirm(self, entries: Sequence[CacheEntry], checked_ms: int) -> None:
        """The rows of `entries` that are still of these bytes say that their sources were looked at then."""

        def work(run: Run) -> None:
            for entry in entries:
                run("UPDATE entries SET checked_ms = ? WHERE key = ? AND blob = ?", (checked_ms, entry.key, entry.blob))

        self.exclusively(work)

    def adopt(self, entries: Sequence[CacheEntry], is_on_disk: Callable[[CacheEntry], bool]) -> int:
        """How many of `entries`, which had no row and are still on disk, have one now."""
        return self.exclusively(lambda run: sum(is_on_disk(entry) and _adopt(run, entry) for entry in entries))

    def _fill(self, run: Run) -> None:
        for entry in self._entries_on_disk():
            _adopt(run, entry)

    def _entries(self, clause: str, parameters: Sequence[Any]) -> list[CacheEntry]:
        return self._selected(SELECT + clause, parameters)

    def _selected(self, sql: str, parameters: Sequence[Any]) -> list[CacheEntry]:
        rows = self._database.read(sql, parameters)
        try:
            return [entry_of(row) for row in rows]
        except ValueError:
            self.exclusively(lambda run: self._mend(run, rows))
            return [entry_of(row) for row in self._database.read(sql, parameters)]

    def _mend(self, run: Run, rows: list[tuple[Any, ...]]) -> None:
        for row in rows:
            if not _is_sound(row):
                drop(run, row[0])
        for entry in self._entries_on_disk():
            _adopt(run, entry)


def put(run: Run, entry: CacheEntry) -> None:
    """`entry` is the row of its key."""
    row, document = row_of(entry)
    run(PUT_ENTRY, row)
    run(PUT_DOCUMENT, document)


def drop(run: Run, key: Any) -> None:
    """There is no row of `key`."""
    run("DELETE FROM entries WHERE key = ?", (key,))


def blob_of(run: Run, key: str) -> str | None:
    """The blob that the row of `key` names, None when there is no such row."""
    found = run("SELECT blob FROM entries WHERE key = ?", (key,))
    return found[0][0] if found else None


def uses_of(run: Run, blobs: Iterable[str]) -> dict[str, int]:
    """How many entries have each of `blobs`; those without any are left out."""
    counts: dict[str, int] = {}
    for batch in batches(list(blobs)):
        counts |= dict(
            run(f"SELECT blob, count(*) FROM entries WHERE blob IN ({marks(batch)}) GROUP BY blob", batch)  # noqa: S608 - question marks
        )
    return counts


def is_used(run: Run, blob: str) -> bool:
    """Whether any row names `blob`."""
    return bool(run("SELECT 1 FROM entries WHERE blob = ? LIMIT 1", (blob,)))


def _adopt(run: Run, entry: CacheEntry) -> bool:
    # Two sidecars of one key are what a killed replacement left: the newer one was meant.
    known = run("SELECT created_ms FROM entries WHERE key = ?", (entry.key,))
    if known and known[0][0] >= milliseconds(entry.created_at):
        return False
    put(run, entry)
    return True


def _is_sound(row: Sequence[Any]) -> bool:
    try:
        entry_of(row)
    except ValueError:
        return False
    return True
