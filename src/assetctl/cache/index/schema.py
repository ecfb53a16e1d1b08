"""Everything that an index may contain: its tables, its SQL indexes and the triggers that keep its running totals.

An index that holds anything else, or anything less, is damage. The totals live in tables of their own and are kept by
whoever writes a row, in the same transaction, so that no listing ever has to add up a million rows.
"""

from __future__ import annotations

from typing import Final

INDEX_VERSION: Final = 2

DIMENSIONS: Final = {
    "type": "asset_type",
    "source": "source",
    "generator": "generator",
    "scene": "scene_id",
}
"""What the running totals are split by, and the column that says it; an unknown value counts as the empty text."""

#: Rows are narrow so that a walk over a million of them stays quick; the documents lie in a table of their own. In
#: `strays` stand blobs that a newer answer left without a row: somebody may be reading them, so they stay for a while.
TABLES: Final = (
    """CREATE TABLE entries (id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, blob TEXT NOT NULL,
 size_bytes INTEGER NOT NULL, asset_id TEXT NOT NULL, asset_type TEXT NOT NULL,
 scene_id TEXT, choice_id TEXT, character_id TEXT, location_id TEXT,
 source TEXT NOT NULL, generator TEXT, stand_in INTEGER NOT NULL, paid INTEGER NOT NULL, cost REAL,
 eviction_rank INTEGER NOT NULL, pinned INTEGER NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER,
 checked_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL, verified_ms INTEGER)""",
    "CREATE TABLE documents (id INTEGER PRIMARY KEY, document TEXT NOT NULL)",
    "CREATE TABLE blobs (blob TEXT PRIMARY KEY NOT NULL, size_bytes INTEGER NOT NULL, uses INTEGER NOT NULL)",
    "CREATE TABLE strays (blob TEXT PRIMARY KEY NOT NULL, size_bytes INTEGER NOT NULL)",
    """CREATE TABLE sums (dimension TEXT NOT NULL, value TEXT NOT NULL, entries INTEGER NOT NULL,
 size_bytes INTEGER NOT NULL, paid INTEGER NOT NULL, pinned INTEGER NOT NULL, PRIMARY KEY (dimension, value))
 WITHOUT ROWID""",
)

#: One for each order of a listing and for each filter that picks few. Ties go by `id`, which ends each of them anyway.
INDEXES: Final = (
    "CREATE INDEX entries_by_blob ON entries (blob)",
    "CREATE INDEX entries_by_asset ON entries (asset_id, created_ms)",
    "CREATE INDEX entries_by_scene ON entries (scene_id, choice_id, created_ms)",
    "CREATE INDEX entries_of_scene ON entries (scene_id, created_ms)",
    "CREATE INDEX entries_of_choice ON entries (choice_id, created_ms)",
    "CREATE INDEX entries_of_character ON entries (character_id, created_ms) WHERE character_id IS NOT NULL",
    "CREATE INDEX entries_of_location ON entries (location_id, created_ms) WHERE location_id IS NOT NULL",
    "CREATE INDEX entries_by_size ON entries (size_bytes)",
    "CREATE INDEX entries_by_cost ON entries (cost)",
    "CREATE INDEX entries_by_age ON entries (created_ms)",
    "CREATE INDEX entries_by_use ON entries (used_ms)",
    "CREATE INDEX entries_by_verification ON entries (verified_ms)",
    "CREATE INDEX entries_by_expiry ON entries (expires_ms) WHERE expires_ms IS NOT NULL",
    "CREATE INDEX entries_by_eviction ON entries (eviction_rank, used_ms) WHERE paid = 0 AND pinned = 0",
    "CREATE INDEX entries_pinned ON entries (pinned, created_ms) WHERE pinned = 1",
    "CREATE INDEX entries_paid ON entries (paid, created_ms) WHERE paid = 1",
    "CREATE INDEX sums_by_size ON sums (dimension, size_bytes)",
)

_SPLIT: Final = (("all", None), *DIMENSIONS.items())


def _value(row: str, column: str | None) -> str:
    return "''" if column is None else f"coalesce({row}.{column}, '')"


def _counted(row: str) -> str:
    values = ",\n ".join(
        f"('{dimension}', {_value(row, column)}, 1, {row}.size_bytes, {row}.paid, {row}.pinned)"
        for dimension, column in _SPLIT
    )
    return f"""INSERT INTO blobs (blob, size_bytes, uses) VALUES ({row}.blob, {row}.size_bytes, 1)
 ON CONFLICT (blob) DO UPDATE SET uses = uses + 1;
INSERT INTO sums (dimension, value, entries, size_bytes, paid, pinned) VALUES {values}
 ON CONFLICT (dimension, value) DO UPDATE SET entries = entries + 1, size_bytes = size_bytes + excluded.size_bytes,
 paid = paid + excluded.paid, pinned = pinned + excluded.pinned;"""  # noqa: S608 - names above


def _discounted(row: str) -> str:
    # A statement for each: one that picks all of them with OR takes twice the time, and ten thousand may go at once.
    lower = f"""UPDATE sums SET entries = entries - 1, size_bytes = size_bytes - {row}.size_bytes,
 paid = paid - {row}.paid, pinned = pinned - {row}.pinned"""  # noqa: S608 - names above
    where = [f"WHERE dimension = '{dimension}' AND value = {_value(row, column)}" for dimension, column in _SPLIT]
    sums = "\n".join(f"{lower} {one};\nDELETE FROM sums {one} AND entries < 1;" for one in where)
    return f"""UPDATE blobs SET uses = uses - 1 WHERE blob = {row}.blob;
DELETE FROM blobs WHERE blob = {row}.blob AND uses < 1;
{sums}"""  # noqa: S608 - as above


def _recounted() -> str:
    return _discounted("OLD") + "\n" + _counted("NEW")


_FORGOTTEN: Final = "DELETE FROM documents WHERE id = OLD.id;"
_COUNTED_COLUMNS: Final = ", ".join(("blob", "size_bytes", "paid", "pinned", *DIMENSIONS.values()))

#: `sums` has a row `all` over the entries and a row `disk` over the blobs, whose bytes count once however many share.
TRIGGERS: Final = (
    """CREATE TRIGGER blob_added AFTER INSERT ON blobs BEGIN
INSERT INTO sums (dimension, value, entries, size_bytes, paid, pinned) VALUES ('disk', '', 1, NEW.size_bytes, 0, 0)
 ON CONFLICT (dimension, value) DO UPDATE SET entries = entries + 1, size_bytes = size_bytes + excluded.size_bytes;
END""",
    """CREATE TRIGGER blob_removed AFTER DELETE ON blobs BEGIN
UPDATE sums SET entries = entries - 1, size_bytes = size_bytes - OLD.size_bytes WHERE dimension = 'disk' AND value = '';
END""",
    f"CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN\n{_counted('NEW')}\nEND",
    f"CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN\n{_discounted('OLD')}\n{_FORGOTTEN}\nEND",
    f"CREATE TRIGGER entry_changed AFTER UPDATE OF {_COUNTED_COLUMNS} ON entries BEGIN\n{_recounted()}\nEND",
)

SCHEMA: Final = (*TABLES, *INDEXES, *TRIGGERS)

_SUMS: Final = "count(*), sum(size_bytes), sum(paid), sum(pinned) FROM entries"

#: What makes the totals true again, whatever they were: a bulk load leaves them out, damage makes them lie.
RECOUNT: Final = (
    "DELETE FROM blobs",
    "DELETE FROM sums",
    "INSERT INTO blobs (blob, size_bytes, uses) SELECT blob, max(size_bytes), count(*) FROM entries GROUP BY blob",
    f"INSERT INTO sums SELECT 'all', '', {_SUMS} HAVING count(*) > 0",
    *(
        f"INSERT INTO sums SELECT '{dimension}', coalesce({column}, ''), {_SUMS} GROUP BY 2"
        for dimension, column in DIMENSIONS.items()
    ),
)
