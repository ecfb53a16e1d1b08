"""What SQLite says of the index file, as our errors, by its codes and never by its words."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

from assetctl.errors import CacheError, StorageFull, StorageUnusable

if TYPE_CHECKING:
    from pathlib import Path

_GARBLED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# SQLite calls no room a full disk and everything else that stops a write, such as a quota, an input/output error.
_NO_ROOM: Final = frozenset({sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})


class UnfitError(Exception):
    """This file is no index of ours: it is moved aside and built anew. Never leaves the cache."""


class Connection(sqlite3.Connection):
    """One that says with an error of SQLite's own that what SQLite says is no text, as where names are damaged."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """As its parent.

        Raises:
            sqlite3.Error: anything went wrong.
        """
        try:
            return super().execute(sql, parameters)
        except UnicodeDecodeError as error:
            raise sqlite3.OperationalError("what is wrong with it is no text") from error


def failure(error: sqlite3.Error, path: Path, busy_limit_s: float) -> Exception:
    """What to raise `from` an error about the index `path`, `UnfitError` where building it anew helps."""
    what, primary = f"the index `{path}` cannot be used", primary_code(error)
    if getattr(error, "sqlite_errorcode", 0) in _NO_ROOM:
        primary = sqlite3.SQLITE_FULL
    if _is_garbled(error):
        return UnfitError(str(error))
    match primary:
        case sqlite3.SQLITE_FULL:
            return StorageFull(what, why=str(error), hint="make room with `assetctl cache prune`")
        case sqlite3.SQLITE_READONLY:
            return StorageFull(what, why=str(error), hint="choose another place with `--data-dir`")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StorageUnusable(what, why=str(error), hint="check the owner and the rights of its folder")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            why = f"other processes kept it busy for {busy_limit_s:g} s"
            return CacheError(what, why=why, hint="let them finish, then ask again")
        case _:
            return CacheError(what, why=str(error))


def _is_garbled(error: sqlite3.Error) -> bool:
    if not hasattr(error, "sqlite_errorcode"):
        # Python's own complaint, which has no code: text that is no text.
        return isinstance(error, sqlite3.OperationalError)
    return primary_code(error) in _GARBLED or error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHORT_READ


def primary_code(error: sqlite3.Error) -> int:
    """The code without its extension, which SQLite keeps above the low byte (sqlite.org/rescode.html)."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
