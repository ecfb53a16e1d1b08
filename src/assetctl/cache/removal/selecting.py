"""The entries that may be thrown away, found in the index.

They come by a filter, or in the order in which pruning lets them go, a page at a time, each page found by an SQL index.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from decimal import Decimal
from sys import intern
from typing import TYPE_CHECKING, Any, Final, cast

from assetctl import documents
from assetctl.cache.entries import FURTHEST_AHEAD, milliseconds
from assetctl.cache.index.batching import batches, marks
from assetctl.cache.index.queries import where
from assetctl.cache.removal.candidates import Candidate, Price, Ranked, Reason
from assetctl.models import Cost

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from assetctl.cache.index.database import Run
    from assetctl.cache.index.filters import EntryFilter

_KEY_AND_BLOB: Final = re.compile(r"[0-9a-f]{64} [0-9a-f]{64}\.[a-z0-9]{1,10}")
_PAGE: Final = 2000
_COLUMNS: Final = (
    "e.id, e.key, e.blob, e.size_bytes, e.paid, e.pinned, e.eviction_rank, e.asset_id, e.scene_id, e.choice_id"
)


def matching(run: Run, filter_: EntryFilter, now: datetime) -> list[Candidate]:
    """All entries that fulfil `filter_`, by key.

    Raises:
        InvalidRequest: the key prefix is none.
    """
    clause, values = where(filter_, now)
    rows = run(f"SELECT {_COLUMNS} FROM entries e{clause}", values)  # noqa: S608 - fixed fragments
    # Sorted here: asked to, SQLite would rather walk through all keys than use an index on what is filtered.
    return sorted((_candidate(row) for row in rows if _is_sound(row)), key=lambda one: one.key)


def in_order(run: Run, now: datetime, max_unused_s: float) -> Iterator[Ranked]:
    """What may go, neither paid nor pinned: the expired ones, then those free to have again, then the costly ones.

    An entry may come twice, as expired and again. Each page is read when it is needed.
    """
    for clause, order, values in _expired(now):
        yield from _pages(run, f"paid = 0 AND pinned = 0 AND {clause}", order, values, Reason.EXPIRED)
    unused_since = milliseconds(now) - round(max_unused_s * 1000)
    for rank in (0, 1):
        # All that is unused for too long goes, of either kind, before anything goes for room.
        clause = "paid = 0 AND pinned = 0 AND eviction_rank = ? AND used_ms < ?"
        yield from _pages(run, clause, "used_ms", (rank, unused_since), Reason.UNUSED)
    for rank in (0, 1):
        clause = "paid = 0 AND pinned = 0 AND eviction_rank = ? AND used_ms >= ?"
        yield from _pages(run, clause, "used_ms", (rank, unused_since), Reason.SPACE)


def _expired(now: datetime) -> Iterator[tuple[str, str, Sequence[Any]]]:
    yield "expires_ms IS NOT NULL AND expires_ms <= ?", "expires_ms", (milliseconds(now),)
    # Nobody serves what was made in a future that no sound clock can have shown.
    yield "created_ms > ?", "created_ms", (milliseconds(now + FURTHEST_AHEAD),)


def _pages(run: Run, clause: str, order: str, values: Sequence[Any], reason: Reason) -> Iterator[Ranked]:
    after: tuple[int, int] = (-(2**63), -1)
    while True:
        rows = run(
            f"SELECT {_COLUMNS}, e.{order}, (SELECT count(*) FROM entries s WHERE s.blob = e.blob) FROM entries e"  # noqa: S608 - fixed fragments
            f" WHERE {clause} AND (e.{order}, e.id) > (?, ?) ORDER BY e.{order}, e.id LIMIT {_PAGE}",
            (*values, *after),
        )
        for row in filter(_is_sound, rows):
            yield Ranked(_candidate(row), row[-1], reason)
        if len(rows) < _PAGE:
            return
        after = (rows[-1][-2], rows[-1][0])


def _is_sound(row: Sequence[Any]) -> bool:
    # Names of files are made of these. A damaged row is mended when it is looked up, and never acted upon.
    return _KEY_AND_BLOB.fullmatch(f"{row[1]} {row[2]}") is not None and type(row[3]) is int


def _candidate(row: Sequence[Any]) -> Candidate:
    _, key, blob, size, paid, pinned, rank, asset_id, scene, choice = row[:10]
    return Candidate(key, blob, size, bool(paid), bool(pinned), bool(rank), asset_id, _once(scene), _once(choice))


def _once(name: Any) -> Any:
    # Few names, and each of a hundred thousand rows brings its own copy.
    return intern(name) if type(name) is str else name


def price_of(run: Run, candidates: Sequence[Candidate]) -> Price:
    """What having `candidates` again would cost and take; what is free to have again counts as nothing."""
    costly = {one.key: one.paid for one in candidates if one.costly}
    known: dict[str, tuple[Cost | None, int | None]] = {}
    for batch in batches(list(costly)):
        rows = run(
            "SELECT e.key, d.document FROM entries e LEFT JOIN documents d ON d.id = e.id"  # noqa: S608 - question marks
            f" WHERE e.key IN ({marks(batch)})",
            batch,
        )
        known |= {key: _price_in(document) for key, document in rows}
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for cost in (cost for cost, _ in known.values() if cost is not None):
        sums[cost.currency] += cost.amount
    times = [time for _, time in known.values() if time is not None]
    return Price(
        costs=tuple(Cost(amount, currency) for currency, amount in sorted(sums.items())),
        unknown_costs=sum(1 for key, (cost, _) in known.items() if cost is None and costly[key]),
        generation_s=sum(times) / 1000,
        unknown_times=len(known) - len(times),
    )


def _price_in(document: Any) -> tuple[Cost | None, int | None]:
    try:
        found = cast("dict[str, Any]", json.loads(document))
        time = found["generation_time_ms"]
        cost = documents.cost_from_document(found["cost"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None, None  # damaged: nobody knows
    return cost, time if isinstance(time, int) else None
