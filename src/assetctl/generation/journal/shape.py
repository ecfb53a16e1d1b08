"""Everything that a journal may contain, by format: its tables and SQL indexes, and how the file itself is set.

A journal that holds anything else, or anything less, is damaged or somebody else's, and is left as it is.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from assetctl.generation.orders import OPEN

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

FORMAT: Final = 2
_OPEN_STATES: Final = ", ".join(f"'{state}'" for state in OPEN)
# As they were: what is open now may change, what stands in an old file does not.
_STATES_1: Final = "'intended', 'sent', 'accepted', 'ready', 'downloaded', 'published', 'unknown'"
_FORMAT_1: Final = (
    """CREATE TABLE orders (
    order_id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    generator TEXT NOT NULL,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    job_id TEXT,
    digest TEXT,
    cost TEXT,
    detail TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT""",
    f"CREATE UNIQUE INDEX one_open_order_per_key ON orders (key) WHERE state IN ({_STATES_1})",
    "CREATE INDEX orders_by_key ON orders (key, updated_at)",
    "CREATE INDEX orders_by_job ON orders (job_id)",
)

TABLES: Final = (
    """CREATE TABLE orders (
    order_id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    generator TEXT NOT NULL,
    asset_type TEXT NOT NULL,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    job_id TEXT,
    digest TEXT,
    cost TEXT,
    detail TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    sent_at TEXT,
    sends INTEGER NOT NULL,
    generation_time_ms INTEGER,
    run_id TEXT,
    reserved TEXT,
    owner TEXT,
    owner_host TEXT
) STRICT""",
    """CREATE TABLE changes (
    change_id INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL,
    state TEXT NOT NULL,
    at TEXT NOT NULL,
    detail TEXT
) STRICT""",
)
INDEXES: Final = (
    f"CREATE UNIQUE INDEX one_open_order_per_key ON orders (key) WHERE state IN ({_OPEN_STATES})",
    "CREATE INDEX orders_by_key ON orders (key, updated_at)",
    "CREATE INDEX orders_by_job ON orders (job_id)",
    "CREATE INDEX orders_by_run ON orders (run_id) WHERE run_id IS NOT NULL",
    "CREATE INDEX orders_by_time ON orders (generator, asset_type, updated_at) WHERE generation_time_ms IS NOT NULL",
    "CREATE INDEX changes_by_order ON changes (order_id)",
)

SCHEMAS: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType({1: _FORMAT_1, FORMAT: (*TABLES, *INDEXES)})
"""The statements that make each known format, whole."""

#: What else in a file decides how it is read and how it is made durable, with the only value that a journal has.
_SETTINGS: Final = (("encoding", "UTF-8"), ("journal_mode", "delete"), ("auto_vacuum", 0))


def format_of(connection: sqlite3.Connection) -> int:
    """The number of the format that the file says it has; 0 for an empty file or somebody else's."""
    return connection.execute("PRAGMA user_version").fetchone()[0]


def differences(connection: sqlite3.Connection, number: int) -> list[str]:
    """What in the file is not as the known format `number` has it, in words; none for a sound one."""
    found = {
        sql or "": f"the {kind} `{name}`"
        for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_schema")
        # What SQLite makes by itself for a PRIMARY KEY has no statement and this name.
        if sql is not None or not name.startswith("sqlite_autoindex_")
    }
    wanted = {statement: _what(statement) for statement in SCHEMAS[number]}
    problems = [f"{thing} doesn't belong there" for sql, thing in found.items() if sql not in wanted]
    problems += [f"{thing} is missing or changed" for sql, thing in wanted.items() if sql not in found]
    for name, value in _SETTINGS:
        # `name` is one of the constants above, never data.
        set_to = connection.execute(f"PRAGMA {name}").fetchone()[0]
        if set_to != value:
            problems.append(f"its {name} is {set_to}, not {value}")
    return problems


def _what(statement: str) -> str:
    words = statement.replace("UNIQUE ", "").split()
    return f"the {words[1].lower()} `{words[2]}`"
