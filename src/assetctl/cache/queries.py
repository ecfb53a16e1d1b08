"""The index as SQL text: its tables, and filters and orders as fixed fragments with parameters.

No value ever becomes SQL text. Whatever is listed here is all that an index may contain; anything else is damage.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from assetctl.cache.entries import entry_document, entry_from_document, milliseconds, moment
from assetctl.cache.filters import EntryFilter, Measure, Operator, Sort, SortField, check_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from assetctl.cache.entries import CacheEntry

INDEX_VERSION: Final = 1

#: Rows are narrow so that totals over a million of them stay quick; the documents lie in a table of their own.
SCHEMA: Final = (
    """CREATE TABLE entries (key TEXT PRIMARY KEY NOT NULL, blob TEXT NOT NULL, size_bytes INTEGER NOT NULL,
 asset_id TEXT NOT NULL, asset_type TEXT NOT NULL, scene_id TEXT, choice_id TEXT, character_id TEXT, location_id TEXT,
 source TEXT NOT NULL, generator TEXT, stand_in INTEGER NOT NULL, paid INTEGER NOT NULL, cost REAL,
 created_ms INTEGER NOT NULL, expires_ms INTEGER, checked_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL)""",
    "CREATE TABLE documents (key TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL)",
    "CREATE INDEX entries_by_blob ON entries (blob, size_bytes, paid)",
    "CREATE INDEX entries_by_asset ON entries (asset_id, created_ms)",
    "CREATE INDEX entries_by_scene ON entries (scene_id, choice_id)",
    "CREATE INDEX entries_by_character ON entries (character_id)",
    "CREATE INDEX entries_by_location ON entries (location_id)",
    "CREATE INDEX entries_by_size ON entries (size_bytes)",
    "CREATE INDEX entries_by_cost ON entries (cost)",
    "CREATE INDEX entries_by_age ON entries (created_ms)",
    "CREATE INDEX entries_by_use ON entries (used_ms)",
)

_COLUMNS: Final = (
    "key", "blob", "size_bytes", "asset_id", "asset_type", "scene_id", "choice_id", "character_id", "location_id",
    "source", "generator", "stand_in", "paid", "cost", "created_ms", "expires_ms", "checked_ms", "used_ms",
)  # fmt: skip
PUT_ENTRY: Final = f"INSERT OR REPLACE INTO entries ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' for _ in _COLUMNS)})"  # noqa: S608 - names above
PUT_DOCUMENT: Final = "INSERT OR REPLACE INTO documents (key, document) VALUES (?, ?)"
_FIELDS: Final = "SELECT e.key, d.document, e.blob, e.checked_ms, e.used_ms"
_JOINED: Final = "LEFT JOIN documents d ON d.key = e.key"
SELECT: Final = f"{_FIELDS} FROM entries e {_JOINED}"

_CONDITIONS: Final = {
    "scene_id": "e.scene_id = ?",
    "choice_id": "e.choice_id = ?",
    "character_id": "e.character_id = ?",
    "location_id": "e.location_id = ?",
    "asset_type": "e.asset_type = ?",
    "source": "e.source = ?",
    "generator": "e.generator = ?",
    "paid": "e.paid = ?",
    "stand_in": "e.stand_in = ?",
}
_ORDERS: Final = {
    SortField.KEY: ("e.key", 1),
    SortField.SCENE: ("e.scene_id, e.choice_id", 1),
    SortField.SIZE: ("e.size_bytes", 1),
    SortField.COST: ("e.cost", 1),
    SortField.CREATED: ("e.created_ms", 1),
    SortField.AGE: ("e.created_ms", -1),
    SortField.USED: ("e.used_ms", 1),
    SortField.UNUSED: ("e.used_ms", -1),
}
_MIRRORED: Final = {
    Operator.MORE: "<",
    Operator.LESS: ">",
    Operator.AT_LEAST: "<=",
    Operator.AT_MOST: ">=",
}


def row_of(entry: CacheEntry) -> tuple[tuple[Any, ...], tuple[str, str]]:
    """The parameters of `PUT_ENTRY` and of `PUT_DOCUMENT` for `entry`."""
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
        milliseconds(entry.created_at),
        None if entry.expires_at is None else milliseconds(entry.expires_at),
        milliseconds(entry.checked_at),
        milliseconds(entry.last_used_at),
    ), (entry.key, json.dumps(entry_document(entry), ensure_ascii=True, separators=(",", ":")))


def storable(text: str | None) -> str | None:
    """`text` as SQLite can hold it: half characters, which a server's JSON may contain, are replaced."""
    return None if text is None else text.encode(errors="replace").decode()


def entry_of(row: Sequence[Any]) -> CacheEntry:
    """The entry of a row that `SELECT` gave.

    Raises:
        ValueError: the row is damaged: its parts are not of one entry, or not of any.
    """
    key, text, blob, checked_ms, used_ms = row
    if not isinstance(text, str | bytes):
        raise ValueError("a document that is no text")  # noqa: TRY004 - damage, not a programming mistake
    checked, used = moment(checked_ms), moment(used_ms)
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise ValueError("a document without end") from error
    entry = replace(entry_from_document(document), checked_at=checked, last_used_at=used)
    if (entry.key, entry.blob) != (key, blob):
        raise ValueError("a row and a document of two entries")
    return entry


def where(filter_: EntryFilter, now: datetime) -> tuple[str, list[Any]]:
    """The WHERE clause (empty when everything matches) for `filter_`, and its parameters.

    Raises:
        InvalidRequest: the key prefix is none.
    """
    stated = {name: getattr(filter_, name) for name in _CONDITIONS if getattr(filter_, name) is not None}
    clauses = [_CONDITIONS[name] for name in stated]
    values = [storable(value) if isinstance(value, str) else value for value in stated.values()]
    if filter_.key_prefix:
        prefix = check_prefix(filter_.key_prefix)
        clauses.append("e.key >= ? AND e.key < ?")
        # 'g' follows every hex digit.
        values += [prefix, prefix + "g"]
    if filter_.expired is not None:
        expired = "(e.expires_ms IS NOT NULL AND e.expires_ms <= ?)"
        clauses.append(expired if filter_.expired else f"NOT {expired}")
        values.append(milliseconds(now))
    for comparison in filter_.comparisons:
        clause, value = _compared(comparison.measure, comparison.operator, comparison.value, now)
        clauses.append(clause)
        values.append(value)
    return (" WHERE " + " AND ".join(clauses) if clauses else ""), values


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
    """The ORDER BY clause for `sort`."""
    columns, direction = _ORDERS[sort.field]
    downwards = sort.descending == (direction == 1)
    ordered = ", ".join(f"{column} {'DESC' if downwards else 'ASC'}" for column in columns.split(", "))
    return f" ORDER BY {ordered}, e.key"


def listing(clause: str, order: str) -> str:
    """A SELECT of the first rows in `order` that fulfil `clause`; their number is the last parameter.

    Narrow rows are sorted and cut before the documents are fetched.
    """
    chosen = f"SELECT e.* FROM entries e{clause}{order} LIMIT ?"  # noqa: S608 - fixed fragments
    return f"{_FIELDS} FROM ({chosen}) e {_JOINED}{order}"
