"""The index as SQL text: its tables, and filters and orders as fixed fragments with parameters.

No value ever becomes SQL text. Whatever is listed here is all that an index may contain; anything else is damage.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from assetctl.cache.entries import (
    FURTHEST_AHEAD,
    LONGEST_LIFE,
    EntryTimes,
    entry_document,
    entry_from_document,
    milliseconds,
    moment,
)
from assetctl.cache.index.filters import EntryFilter, Measure, Operator, Sort, SortField, check_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from assetctl.cache.entries import CacheEntry

_COLUMNS: Final = (
    "key", "blob", "size_bytes", "asset_id", "asset_type", "scene_id", "choice_id", "character_id", "location_id",
    "source", "generator", "stand_in", "paid", "cost", "eviction_rank", "pinned", "created_ms", "expires_ms",
    "checked_ms", "used_ms", "verified_ms",
)  # fmt: skip
# An update where there is a row, never "or replace": that would remove the old row behind the back of the triggers.
PUT_ENTRY: Final = (
    f"INSERT INTO entries ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' for _ in _COLUMNS)}) "  # noqa: S608 - names above
    f"ON CONFLICT (key) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)
PUT_DOCUMENT: Final = "INSERT OR REPLACE INTO documents (id, document) SELECT id, ? FROM entries WHERE key = ?"
_FIELDS: Final = "SELECT e.key, d.document, e.blob, e.checked_ms, e.used_ms, e.verified_ms, e.pinned"
_JOINED: Final = "LEFT JOIN documents d ON d.id = e.id"
SELECT: Final = f"{_FIELDS} FROM entries e {_JOINED}"

_CONDITIONS: Final = {
    "scene_id": "e.scene_id = ?",
    "choice_id": "e.choice_id = ?",
    "character_id": "e.character_id = ?",
    "location_id": "e.location_id = ?",
    "asset_type": "e.asset_type = ?",
    "source": "e.source = ?",
    "generator": "e.generator = ?",
}
# Written out, because SQLite uses an index over some rows only where it sees that those are the ones.
_SWITCHES: Final = {
    "paid": ("e.paid = 0", "e.paid = 1"),
    "stand_in": ("e.stand_in = 0", "e.stand_in = 1"),
    "pinned": ("e.pinned = 0", "e.pinned = 1"),
}
# As `CacheEntry.is_current`, which the expiry in a row is made for.
_EXPIRED: Final = "(e.expires_ms <= ? OR e.created_ms > ?)"
_CURRENT: Final = "((e.expires_ms IS NULL OR e.expires_ms > ?) AND e.created_ms <= ?)"
_ORDERS: Final = {
    SortField.KEY: (("e.key",), 1),
    SortField.SCENE: (("e.scene_id", "e.choice_id", "e.created_ms"), 1),
    SortField.SIZE: (("e.size_bytes",), 1),
    SortField.COST: (("e.cost",), 1),
    SortField.CREATED: (("e.created_ms",), 1),
    SortField.AGE: (("e.created_ms",), -1),
    SortField.USED: (("e.used_ms",), 1),
    SortField.UNUSED: (("e.used_ms",), -1),
}
_MIRRORED: Final = {
    Operator.MORE: "<",
    Operator.LESS: ">",
    Operator.AT_LEAST: "<=",
    Operator.AT_MOST: ">=",
}


def row_of(entry: CacheEntry) -> tuple[tuple[Any, ...], tuple[str, str]]:
    """The parameters of `PUT_ENTRY` and, to be run after it, of `PUT_DOCUMENT` for `entry`."""
    request = entry.request
    context = (request.scene_id, request.choice_id, request.character_id, request.location_id)
    return (
        entry.key,
        entry.blob,
        entry.size_bytes,
        storable(entry.asset_id),
        entry.asset_type.value,
        *(storable(part) for part in context),
        entry.source.value,
        storable(entry.origin.generator),
        int(entry.stand_in),
        int(entry.paid),
        None if entry.cost is None else float(entry.cost.amount),
        int(entry.library is None and not entry.stand_in),
        int(entry.pinned),
        milliseconds(entry.created_at),
        _expiry(entry),
        milliseconds(entry.checked_at),
        milliseconds(entry.last_used_at),
        None if entry.verified_at is None else milliseconds(entry.verified_at),
    ), (json.dumps(entry_document(entry), ensure_ascii=True, separators=(",", ":")), entry.key)


def _expiry(entry: CacheEntry) -> int | None:
    if entry.expires_at is None:
        return None
    # A date that nobody believes is one that has passed.
    return milliseconds(entry.expires_at) if entry.expires_at <= entry.created_at + LONGEST_LIFE else 0


def storable(text: str | None) -> str | None:
    """`text` as SQLite can hold it: half characters, which a server's JSON may contain, are replaced."""
    return None if text is None else text.encode(errors="replace").decode()


def entry_of(row: Sequence[Any]) -> CacheEntry:
    """The entry of a row that `SELECT` gave.

    Raises:
        ValueError: the row is damaged: its parts are not of one entry, or not of any.
    """
    key, text, blob, checked_ms, used_ms, verified_ms, pinned = row
    if not isinstance(text, str | bytes):
        raise ValueError("a document that is no text")  # noqa: TRY004 - damage, not a programming mistake
    times = EntryTimes(moment(checked_ms), moment(used_ms), None if verified_ms is None else moment(verified_ms))
    try:
        entry = entry_from_document(json.loads(text), times)
    except RecursionError as error:
        raise ValueError("a document without end") from error
    if (entry.key, entry.blob, entry.pinned) != (key, blob, pinned):
        raise ValueError("a row and a document of two entries")
    return entry


def where(filter_: EntryFilter, now: datetime) -> tuple[str, list[Any]]:
    """The WHERE clause (empty when everything matches) for `filter_`, and its parameters.

    Raises:
        InvalidRequest: a key prefix is none.
    """
    stated = {name: getattr(filter_, name) for name in _CONDITIONS if getattr(filter_, name) is not None}
    clauses = [_CONDITIONS[name] for name in stated]
    values: list[Any] = [storable(value) if isinstance(value, str) else value for value in stated.values()]
    if filter_.key_prefixes:
        clause, parameters = _beginning_with(filter_.key_prefixes)
        clauses.append(clause)
        values += parameters
    wishes = {name: getattr(filter_, name) for name in _SWITCHES}
    clauses += [_SWITCHES[name][bool(wanted)] for name, wanted in wishes.items() if wanted is not None]
    if filter_.expired is not None:
        clauses.append(_EXPIRED if filter_.expired else _CURRENT)
        values += [milliseconds(now), milliseconds(now + FURTHEST_AHEAD)]
    for comparison in filter_.comparisons:
        clause, value = _compared(comparison.measure, comparison.operator, comparison.value, now)
        clauses.append(clause)
        values.append(value)
    return (" WHERE " + " AND ".join(clauses) if clauses else ""), values


def _beginning_with(prefixes: Sequence[str]) -> tuple[str, list[str]]:
    checked = [check_prefix(prefix) for prefix in prefixes]
    if len(checked) == 1:
        # 'g' follows every hex digit.
        return "e.key >= ? AND e.key < ?", [checked[0], checked[0] + "g"]
    # One parameter for any number of them; CROSS JOIN walks the prefixes, and the index of keys for each.
    return (
        "e.id IN (SELECT x.id FROM json_each(?) p CROSS JOIN entries x ON x.key >= p.value AND x.key < p.value || 'g')",
        [json.dumps(checked)],
    )


def _compared(measure: Measure, operator: Operator, value: float, now: datetime) -> tuple[str, float]:
    match measure:
        case Measure.SIZE:
            return f"e.size_bytes {operator.value} ?", value
        case Measure.COST:
            return f"e.cost {operator.value} ?", value
        case Measure.AGE:
            # Older than is stored before.
            return f"e.created_ms {_MIRRORED[operator]} ?", milliseconds(now) - round(value * 1000)
        case Measure.UNUSED:
            return f"e.used_ms {_MIRRORED[operator]} ?", milliseconds(now) - round(value * 1000)


def order_by(sort: Sort) -> str:
    """The ORDER BY clause for `sort`; ties go by when they were first listed, which every SQL index holds anyway."""
    columns, direction = _ORDERS[sort.field]
    downwards = sort.descending == (direction == 1)
    ordered = ", ".join(f"{column} {'DESC' if downwards else 'ASC'}" for column in (*columns, "e.id"))
    return f" ORDER BY {ordered}"


def glimpses(marks: str) -> str:
    """A SELECT of the fields of `Glimpse` for the current entries of as many keys as there are `marks`.

    The parameters are the keys and those of `_CURRENT`.
    """
    columns = "e.key, e.blob, e.size_bytes, e.asset_id, e.source, e.stand_in"
    return f"SELECT {columns} FROM entries e WHERE e.key IN ({marks}) AND {_CURRENT}"  # noqa: S608 - question marks


def by_verification(clause: str, *, verified: bool) -> str:
    """A SELECT of a page of those that fulfil `clause`: the never verified ones, or the others, the longest ago first.

    After the fields of `SELECT` each row has its id and whether it shares its blob. The last parameters are: after
    which id, or after which time and id and not at which time; up to which id; how many.
    """
    place = (
        "(e.verified_ms, e.id) > (?, ?) AND e.verified_ms <> ?" if verified else "e.verified_ms IS NULL AND e.id > ?"
    )
    order = " ORDER BY e.verified_ms, e.id" if verified else " ORDER BY e.id"
    both = f"{clause} AND" if clause else " WHERE"
    chosen = f"SELECT e.* FROM entries e{both} {place} AND e.id <= ?{order} LIMIT ?"  # noqa: S608 - fixed fragments
    shared = "(SELECT uses FROM blobs b WHERE b.blob = e.blob) > 1"
    return f"{_FIELDS}, e.id, {shared} FROM ({chosen}) e {_JOINED}{order}"


def listing(clause: str, order: str) -> str:
    """A SELECT of the first rows in `order` that fulfil `clause`; their number is the last parameter.

    Narrow rows are sorted and cut before the documents are fetched.
    """
    chosen = f"SELECT e.* FROM entries e{clause}{order} LIMIT ?"  # noqa: S608 - fixed fragments
    return f"{_FIELDS} FROM ({chosen}) e {_JOINED}{order}"
