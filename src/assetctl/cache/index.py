"""Which key has which bytes: rows to look up, list, count and delete, without reading a single blob.

Disposable: blobs and sidecars rebuild it. A row always had its blob when it was written; a row that is damaged is
dropped and what the sidecars say of its key is put back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from assetctl.cache.database import Database
from assetctl.cache.queries import PUT_DOCUMENT, PUT_ENTRY, SELECT, entry_of, listing, order_by, row_of, storable, where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.database import Run
    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.filters import EntryFilter, Sort
    from assetctl.filesystem import Step

_T = TypeVar("_T")
_BATCH = 500


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

    def totals(self, filter_: EntryFilter, now: datetime) -> tuple[int, int, int]:
        """How many entries, how many bytes on disk (shared ones once), how many paid for."""
        clause, values = where(filter_, now)
        counts = f"SELECT count(*), coalesce(sum(e.paid), 0) FROM entries e{clause}"  # noqa: S608 - fixed fragments
        shared = f"SELECT e.size_bytes FROM entries e{clause} GROUP BY e.blob"  # noqa: S608 - as above
        sizes = f"SELECT coalesce(sum(size_bytes), 0) FROM ({shared})"  # noqa: S608 - as above
        count, paid = self._database.read(counts, values)[0]
        return count, self._database.read(sizes, values)[0][0], paid

    def uses(self, blobs: Sequence[str]) -> dict[str, int]:
        """How many entries have each of these blobs; those without any are left out."""
        counts: dict[str, int] = {}
        for start in range(0, len(blobs), _BATCH):
            batch = blobs[start : start + _BATCH]
            marks = ", ".join("?" for _ in batch)
            counts |= self._database.read(
                f"SELECT blob, count(*) FROM entries WHERE blob IN ({marks}) GROUP BY blob",  # noqa: S608 - question marks
                batch,
            )
        return counts

    def touch(self, key: str, blob: str, used_ms: int) -> None:
        """The entry was handed out at `used_ms`."""
        self.exclusively(
            lambda run: run("UPDATE entries SET used_ms = ? WHERE key = ? AND blob = ?", (used_ms, key, blob))
        )

    def confirm(self, entry: CacheEntry) -> None:
        """The row of `entry`, if it is still of these bytes, says what `entry` says."""

        def work(run: Run) -> None:
            if run("SELECT 1 FROM entries WHERE key = ? AND blob = ?", (entry.key, entry.blob)):
                put(run, entry)

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
    run("DELETE FROM documents WHERE key = ?", (key,))


def blob_of(run: Run, key: str) -> str | None:
    """The blob that the row of `key` names, None when there is no such row."""
    found = run("SELECT blob FROM entries WHERE key = ?", (key,))
    return found[0][0] if found else None


def is_used(run: Run, blob: str) -> bool:
    """Whether any row names `blob`."""
    return bool(run("SELECT 1 FROM entries WHERE blob = ? LIMIT 1", (blob,)))


def _adopt(run: Run, entry: CacheEntry) -> bool:
    # Two sidecars of one key are what a killed replacement left: the newer one was meant.
    row, _ = row_of(entry)
    known = run("SELECT created_ms FROM entries WHERE key = ?", (entry.key,))
    if known and known[0][0] >= row[-4]:
        return False
    put(run, entry)
    return True


def _is_sound(row: Sequence[Any]) -> bool:
    try:
        entry_of(row)
    except ValueError:
        return False
    return True
