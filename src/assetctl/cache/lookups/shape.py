"""Looks into the lookups' database before diskcache opens it, for diskcache believes whatever stands in there.

It takes pragmas and class arguments from its settings table, follows links, and runs any trigger it finds. Only a file
of our own with the very tables, triggers and settings that we would make is handed to it.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Final

from assetctl import filesystem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assetctl.filesystem import Step

DATABASE: Final = "cache.db"
COUNTERS: Final = frozenset({"count", "size", "hits", "misses"})

_FILES: Final = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal")
_LARGEST: Final = 2**62
_COUNTING: Final = "CREATE TRIGGER Settings_{} AFTER {} ON Cache FOR EACH ROW BEGIN UPDATE Settings SET value = {} END"
_ROWS: Final = (
    "CREATE TABLE Cache ( rowid INTEGER PRIMARY KEY, key BLOB, raw INTEGER, store_time REAL, expire_time REAL,"
    " access_time REAL, access_count INTEGER DEFAULT 0, tag BLOB, size INTEGER DEFAULT 0, mode INTEGER DEFAULT 0,"
    " filename TEXT, value BLOB)"
)
# As diskcache 5.6 makes them; a part may be missing when its making was interrupted.
_SCHEMA: Final = frozenset(
    {
        "CREATE TABLE Settings ( key TEXT NOT NULL UNIQUE, value)",
        _ROWS,
        "CREATE UNIQUE INDEX Cache_key_raw ON Cache(key, raw)",
        "CREATE INDEX Cache_expire_time ON Cache (expire_time)",
        "CREATE INDEX Cache_store_time ON Cache (store_time)",
        _COUNTING.format("count_insert", "INSERT", 'value + 1 WHERE key = "count";'),
        _COUNTING.format("count_delete", "DELETE", 'value - 1 WHERE key = "count";'),
        _COUNTING.format("size_insert", "INSERT", 'value + NEW.size WHERE key = "size";'),
        _COUNTING.format("size_update", "UPDATE", 'value + NEW.size - OLD.size WHERE key = "size";'),
        _COUNTING.format("size_delete", "DELETE", 'value - OLD.size WHERE key = "size";'),
    }
)


class ForeignError(Exception):
    """This database was not made by us: it is thrown away. Never leaves the lookups."""


class ForeignRowError(Exception):
    """This row was not written by us: it is thrown away. Never leaves the lookups."""


def prepare(folder: Path, settings: Mapping[str, str | int], *, timeout_s: float, step: Step) -> None:
    """`folder` is this user's own, and its database is one that may be opened with `settings`: empty, or as we made it.

    Raises:
        ForeignError: it is another one.
        CacheError: the folder cannot be used.
        sqlite3.Error: it cannot be read now.
    """
    filesystem.make_private_folder(folder, step=step)
    path = folder / DATABASE
    with filesystem.translated(path):
        try:
            # SQLite would take its rights from the umask.
            os.close(filesystem.create(path, step=step))
        except FileExistsError:
            for name in _FILES:
                _check_file(folder / name)
    _check_content(path, settings, timeout_s)


def discard(folder: Path, *, step: Step) -> None:
    """There is no database in `folder`; links are removed, not what they lead to.

    Raises:
        CacheError: it cannot be removed.
    """
    for name in _FILES:
        filesystem.remove(folder / name, step=step)


def is_garbled(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file is no sound database, and not that it is busy or there is no room."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _check_file(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise ForeignError(f"`{path.name}` is a link or no file")
    if sys.platform != "win32" and (found.st_uid != os.geteuid() or found.st_mode & 0o022):
        raise ForeignError(f"others may write to `{path.name}`")


def _check_content(path: Path, settings: Mapping[str, str | int], timeout_s: float) -> None:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=timeout_s, isolation_level=None)) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        made = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
        if not {row[0] for row in made} <= _SCHEMA:
            raise ForeignError("it has other tables or triggers")
        if any(sql.startswith("CREATE TABLE Settings") for (sql,) in made):
            rows = connection.execute("SELECT key, value FROM Settings LIMIT 100").fetchall()
            if not all(_is_ours(key, value, settings) for key, value in rows):
                raise ForeignError("it has other settings")


def _is_ours(key: object, value: object, settings: Mapping[str, str | int]) -> bool:
    if key in COUNTERS:
        return isinstance(value, int) and abs(value) < _LARGEST
    return isinstance(key, str) and key in settings and value == settings[key]
