"""The rows of the index in the order in which their bytes should be looked at, a page at a time.

Never verified ones come first, then those whose last time is longest ago. A page is found by where the last one ended,
so that a walk over a million entries holds some hundred of them. Nothing is mended: a damaged row is told as one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from assetctl.cache.entries import milliseconds
from assetctl.cache.index.queries import SELECT, by_verification, entry_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.filters import EntryFilter
    from assetctl.cache.index.index import Index

PAGE: Final = 256
_EARLIEST: Final = -(2**63)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands; `entry` is None when it is damaged, `shares` says whether others have its blob too."""

    row_id: int
    key: str
    blob: str
    verified_ms: Any
    shares: bool
    entry: CacheEntry | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a walk is; rows noted at `noted_ms`, by itself, and those added after `last_id` are passed over."""

    last_id: int
    noted_ms: int
    row_id: int = 0
    verified_ms: Any = None


def pages(index: Index, filter_: EntryFilter, now: datetime, noted_ms: int) -> Iterator[list[Row]]:
    """Every matching row, in order; whoever walks notes what it verified at `noted_ms` before it asks for more."""
    last_id = index.read("SELECT coalesce(max(id), 0) FROM entries")[0][0]
    place = _Place(last_id, noted_ms)
    for start in (place, replace(place, verified_ms=_EARLIEST)):
        place = start
        while rows := _page(index, filter_, now, place):
            yield rows
            place = replace(start, row_id=rows[-1].row_id)
            if start.verified_ms is not None:
                place = replace(place, verified_ms=rows[-1].verified_ms)


def unused_moment(index: Index, now: datetime) -> int:
    """The first millisecond from `now` on at which no row was verified: what is noted at it is told from all else."""
    noted_ms = milliseconds(now)
    while index.read("SELECT 1 FROM entries WHERE verified_ms = ? LIMIT 1", (noted_ms,)):
        noted_ms += 1
    return noted_ms


def _page(index: Index, filter_: EntryFilter, now: datetime, place: _Place) -> list[Row]:
    clause, values = where(filter_, now)
    verified = place.verified_ms is not None
    after = (place.verified_ms, place.row_id, place.noted_ms) if verified else (place.row_id,)
    found = index.read(by_verification(clause, verified=verified), (*values, *after, place.last_id, PAGE))
    return [_row(row) for row in found]


def _row(row: Sequence[Any]) -> Row:
    *fields, row_id, shares = row
    return Row(row_id, str(fields[0]), str(fields[2]), fields[5], bool(shares), _entry(fields))


def current(index: Index, key: str) -> CacheEntry | None:
    """The entry of `key` at this moment; None when there is none, or a damaged one."""
    found = index.read(f"{SELECT} WHERE e.key = ?", (key,))
    return _entry(found[0]) if found else None


def _entry(fields: Sequence[Any]) -> CacheEntry | None:
    try:
        return entry_of(fields)
    except ValueError:
        return None


def note(index: Index, verified: Sequence[tuple[int, str]], noted_ms: int) -> None:
    """The rows of these ids, where they still have these blobs, were whole at `noted_ms`; one transaction.

    Raises:
        CacheError: it could not be written.
    """

    def work(run: Run) -> None:
        for row_id, blob in verified:
            run("UPDATE entries SET verified_ms = ? WHERE id = ? AND blob = ?", (noted_ms, row_id, blob))

    index.exclusively(work)
