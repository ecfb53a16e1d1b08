"""diskcache, held so that it can do no harm: text in rows, known settings, an end to all waiting.

As it comes, it unpickles rows that say they are pickles, removes files that rows name, makes pragmas of whatever stands
in its settings table, and tries for a minute to open a busy file. None of that is left here.
"""

from __future__ import annotations

import sqlite3
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from assetctl.cache.lookups.shape import COUNTERS, ForeignError, ForeignRowError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    # The narrow face of diskcache, which has no types of its own.
    class BusyError(Exception):
        """Other processes kept the file busy."""

    class _Disk: ...

    class _Cache:
        def __init__(self, directory: str, timeout: float, disk: type[_Disk], **settings: str | int) -> None: ...
        def get(self, key: str, *, retry: bool) -> object: ...
        def set(self, key: str, value: str, *, expire: float, retry: bool) -> bool: ...
        def delete(self, key: str, *, retry: bool) -> bool: ...
        def reset(self, key: str, value: object = ..., update: object = ...) -> object: ...
        def close(self) -> None: ...
        @property
        def _sql(self) -> Callable[..., sqlite3.Cursor]: ...

    _NOT_GIVEN: object = ...
else:
    from diskcache import Cache as _Cache
    from diskcache import Disk as _Disk
    from diskcache import Timeout as BusyError
    from diskcache.core import ENOVAL as _NOT_GIVEN

LONGEST_TEXT: Final = 1 << 20

_RAW: Final = 1
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def settings(size_limit: int) -> Mapping[str, str | int]:
    """Every setting that diskcache knows: what is not given, it takes from the file."""
    return MappingProxyType(
        {
            "statistics": 0,
            "tag_index": 0,
            "eviction_policy": "least-recently-stored",
            "size_limit": size_limit,
            "cull_limit": 10,
            "sqlite_auto_vacuum": 1,
            "sqlite_cache_size": 256,
            "sqlite_journal_mode": "wal",
            # A file that is cut short while it is mapped would end the process.
            "sqlite_mmap_size": 0,
            "sqlite_synchronous": 1,
            "disk_min_file_size": LONGEST_TEXT * 2,
            "disk_pickle_protocol": 0,
        }
    )


class TextDisk(_Disk):
    """Text keys, text values within the row; every other kind of row is refused unread, and no file is ever touched."""

    def put(self, key: Any) -> tuple[str, bool]:
        """The key as it is.

        Raises:
            TypeError: it is no text.
        """
        if not isinstance(key, str):
            raise TypeError("a key is text")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        """The key as it is.

        Raises:
            ForeignRowError: it is none of ours.
        """
        if not isinstance(key, str) or raw != _RAW:
            raise ForeignRowError("a key that we do not write")
        return key

    def store(self, value: Any, read: Any, key: Any = None) -> tuple[int, int, None, str]:  # noqa: ARG002 - its face
        """The value as it is, in the row whatever its length.

        Raises:
            TypeError: it is no text.
        """
        if not isinstance(value, str) or read:
            raise TypeError("a value is text")
        return 0, _RAW, None, value

    def fetch(self, mode: Any, filename: Any, value: Any, read: Any) -> str:
        """The value as it is.

        Raises:
            ForeignRowError: the row says that it is a pickle, a file or bytes.
        """
        if mode != _RAW or filename is not None or not isinstance(value, str) or read:
            raise ForeignRowError("a row of a kind that we do not write")
        return value

    def remove(self, file_path: Any) -> None:
        """Remove nothing: we write no files, and the name comes from a row that anything may have written."""


class TextCache(_Cache):
    """diskcache's cache with an end to all waiting, and without the connection it would keep for each thread."""

    def __init__(self, folder: Path, settings: Mapping[str, str | int], timeout_s: float) -> None:
        """Open or make the database in `folder`, which `shape.prepare` has looked at.

        Raises:
            BusyError: others kept it busy for `timeout_s`.
            ForeignError: it is not ours.
            sqlite3.Error: it cannot be used.
            OSError: diskcache would take a part of its name for a variable.
        """
        if any(sign in str(folder) for sign in "$%"):
            raise OSError(f"`{folder}` has a `$` or `%` in its name")
        self._ours = settings
        self._give_up_at_s = time.monotonic() + timeout_s
        try:
            super().__init__(str(folder), timeout=timeout_s, disk=TextDisk, **settings)
        finally:
            self.close()

    def within(self, timeout_s: float) -> Use:
        """For a `with` block: the cache, for a use that waits for others at most about `timeout_s`."""
        self._give_up_at_s = time.monotonic() + timeout_s
        return Use(self)

    @property
    def _sql(self) -> Callable[..., sqlite3.Cursor]:
        execute = super()._sql

        def bounded(*arguments: Any) -> sqlite3.Cursor:
            try:
                return execute(*arguments)
            except sqlite3.OperationalError as error:
                is_busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY
                if is_busy and time.monotonic() >= self._give_up_at_s:
                    raise BusyError from error
                raise

        return bounded

    def reset(self, key: str, value: object = _NOT_GIVEN, update: object = True) -> object:  # noqa: FBT002 - its face
        """As diskcache's, for the settings and values we know.

        Raises:
            ForeignError: another one; diskcache calls this with all it finds in the file and makes pragmas of it.
        """
        is_given = value is not _NOT_GIVEN
        if not (key in COUNTERS or (is_given and value == self._ours.get(key))):
            raise ForeignError("it has other settings")
        return super().reset(key, value, update)


class Use:
    """One use of a `TextCache`, after which no connection is open in this thread."""

    def __init__(self, cache: TextCache) -> None:
        """Use `cache`."""
        self._cache = cache

    def __enter__(self) -> TextCache:
        """The cache."""
        return self._cache

    def __exit__(self, *_: object) -> None:
        """The connection is closed."""
        self._cache.close()
