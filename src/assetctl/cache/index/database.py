"""The index file: opened, checked, repaired, and never trusted with anything that cannot be rebuilt.

SQLite is known here and in `trouble.py` alone. A file that is missing, empty, garbled or has another shape than
`schema.py` lists is moved aside and filled anew from what lies on disk; one of a newer assetctl is left untouched.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from assetctl import filesystem
from assetctl.cache.index.schema import INDEX_VERSION, SCHEMA
from assetctl.cache.index.trouble import Connection, UnfitError, failure, primary_code
from assetctl.errors import CacheError, StorageFull, StorageUnusable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from assetctl.filesystem import Step

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

BUSY_LIMIT_S: Final = 20.0
"""Longest time to wait for another writer; readers never wait."""
REPAIR_LIMIT_S: Final = 300.0
"""Longest time to wait for another process that rebuilds the index of a large cache."""
_TRIES: Final = 3
#: What SQLite says where it may not, or has no room to, make the files it keeps beside a write-ahead index.
_NO_ROOM_BESIDE: Final = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL)


class Run(Protocol):
    """Runs one statement and returns all its rows."""

    def __call__(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows in the order of the statement."""
        ...


class Database:
    """One connection to the index, usable from any thread, one at a time.

    `fill` is called within the transaction that makes a new index and puts into it whatever is found on disk.
    """

    def __init__(self, path: Path, *, aside: Path, scratch: Path, fill: Callable[[Run], None], step: Step) -> None:
        """Open nothing yet; a garbled file will be moved into the folder `aside`, a new one is built in `scratch`."""
        self._path = path
        self._scratch = scratch
        self._aside = aside
        self._fill = fill
        self._step = step
        self._guard = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._why_in_memory: CacheError | None = None

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of one SELECT, as of one moment; never waits for a writer.

        Raises:
            CacheError: the index cannot be read.
        """
        return self._with_repair(lambda run: run(sql, parameters))

    def write(self, work: Callable[[Run], _T]) -> _T:
        """What `work` returned; all it wrote is on the disk. No other process writes meanwhile.

        `work` may be called again when the index had to be replaced: it must bear that.

        Raises:
            StorageFull, StorageUnusable: no room for it, or a read-only index.
            CacheError: the index cannot be written, or other writers kept it busy for `BUSY_LIMIT_S`.
        """

        def transaction(run: Run) -> _T:
            if self._why_in_memory is not None:
                raise self._why_in_memory  # nobody else would ever see what is written there
            run("BEGIN IMMEDIATE")
            try:
                result = work(run)
                self._commit(run)
            except BaseException:
                self._roll_back()
                raise
            return result

        with self._guard:
            for _ in range(_TRIES):
                result = self._with_repair(transaction)
                if self._is_in_place():
                    return result
                # Somebody replaced the file under us: the commit went into the one that was moved aside.
                self.close()
        raise CacheError(f"the index `{self._path}` is replaced again and again", hint="end other programs that use it")

    def close(self) -> None:
        """The connection is closed, if there was one; the next use opens it again."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            self._why_in_memory = None

    def _with_repair(self, work: Callable[[Run], _T]) -> _T:
        with self._guard:
            try:
                return self._attempt(work)
            except UnfitError as error:
                _log.warning("the cache index is damaged and is rebuilt: %s", error)
                self.close()
                self._connection = self._repaired(garbled=self._opened)
            try:
                return self._attempt(work)
            except UnfitError as error:
                raise CacheError(f"the index `{self._path}` cannot be used", why=str(error)) from error

    def _attempt(self, work: Callable[[Run], _T]) -> _T:
        if self._connection is None:
            self._connection = self._open()
        connection = self._connection
        try:
            return work(_runner(connection))
        except sqlite3.Error as error:
            raise failure(error, self._path, BUSY_LIMIT_S) from error

    def _roll_back(self) -> None:
        # SQLite may have rolled back by itself.
        if self._connection is not None and self._connection.in_transaction:
            self._connection.rollback()

    def _open(self) -> sqlite3.Connection:
        try:
            return self._checked()
        except (UnfitError, UnicodeDecodeError) as error:  # SQLite quotes damaged bytes in what it complains of
            if _size(self._path):
                _log.warning("the cache index is damaged and is rebuilt: %s", error)
            return self._repaired()

    def _checked(self) -> sqlite3.Connection:
        self._refuse_link()
        if _size(self._path) == 0:
            raise UnfitError("there is none")
        # Before opening: a file that is swapped meanwhile must look foreign afterwards.
        self._opened = _identity(self._path)
        last: sqlite3.Error | None = None
        # A write-ahead index in a folder we cannot write to, or on a full disk, opens only as a file nobody changes.
        for mode in ("mode=rw", "mode=ro&immutable=1"):
            connection = self._connected(self._path, mode)
            try:
                _set_up(connection)
                _check_shape(connection, self._path)
            except sqlite3.Error as error:
                connection.close()
                last = error
                if primary_code(error) not in _NO_ROOM_BESIDE:
                    break
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise failure(last or sqlite3.OperationalError("it cannot be opened"), self._path, BUSY_LIMIT_S)

    def _connected(self, path: Path, mode: str) -> sqlite3.Connection:
        uri = f"{path.absolute().as_uri()}?{mode}"
        try:
            return sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_LIMIT_S, factory=Connection
            )
        except sqlite3.Error as error:
            raise failure(error, self._path, BUSY_LIMIT_S) from error

    def _refuse_link(self) -> None:
        if self._path.is_symlink():
            raise StorageUnusable(f"`{self._path}` cannot be used", why="it is a link", hint="remove the link")

    def _repaired(self, garbled: tuple[int, int] | None = None) -> sqlite3.Connection:
        from assetctl import locks  # noqa: PLC0415 - a warm hit repairs nothing and should not pay for the import

        try:
            with locks.held(self._path.with_name("index.lock"), limit_s=REPAIR_LIMIT_S):
                # Unless it is the very file that proved garbled, another process may have repaired it meanwhile.
                if garbled is None or garbled != _identity(self._path):
                    with suppress(UnfitError, UnicodeDecodeError):
                        return self._checked()
                self._move_aside()
                return self._made()
        except (StorageFull, StorageUnusable) as error:
            _log.warning("the cache index cannot be rebuilt on disk, it is kept in memory: %s", error.why)
            self._why_in_memory = error
            return self._in_memory()

    def _move_aside(self) -> None:
        self._refuse_link()
        if os.path.lexists(self._path):
            filesystem.make_private_folder(self._aside, inside=self._path.parent, step=self._step)
            target = filesystem.temporary_path(self._aside, f".{self._path.name}")
            filesystem.publish(self._path, target, step=self._step)
        for suffix in ("-wal", "-shm"):
            filesystem.remove(self._path.with_name(self._path.name + suffix), step=self._step)

    def _made(self) -> sqlite3.Connection:
        # Built under another name: whoever opens the index finds none or a complete one.
        filesystem.make_private_folder(self._scratch, inside=self._path.parent, step=self._step)
        temporary = filesystem.temporary_path(self._scratch, ".sqlite3")
        filesystem.write_new(temporary, b"", step=self._step)
        try:
            self._fill_new(temporary)
            filesystem.publish(temporary, self._path, step=self._step)
        except BaseException:
            for suffix in ("", "-wal", "-shm", "-journal"):
                filesystem.remove(temporary.with_name(temporary.name + suffix))
            raise
        filesystem.sync_folder(self._path.parent, step=self._step)
        return self._checked()

    def _fill_new(self, path: Path) -> None:
        connection = self._connected(path, "mode=rw")
        try:
            # Where write-ahead logging is not to be had, SQLite stays with its own journal and readers may wait.
            connection.execute("PRAGMA journal_mode = WAL")
            _set_up(connection)
            self._create(connection)
        except sqlite3.Error as error:
            raise failure(error, self._path, BUSY_LIMIT_S) from error
        finally:
            connection.close()

    def _in_memory(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._create(connection)
        self._opened = None
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        run = _runner(connection)
        run("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            run(statement)
        self._fill(run)
        run(f"PRAGMA user_version = {INDEX_VERSION}")
        self._commit(run)

    def _commit(self, run: Run) -> None:
        with filesystem.translated(self._path):
            self._step("commit", self._path)
            run("COMMIT")
            self._step("committed", self._path)

    def _is_in_place(self) -> bool:
        return self._opened is None or self._opened == _identity(self._path)


def _runner(connection: sqlite3.Connection) -> Run:
    return lambda sql, parameters=(): connection.execute(sql, parameters).fetchall()


def _set_up(connection: sqlite3.Connection) -> None:
    # Nothing that stands in the file may call a function or have a say in how it is read.
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA synchronous = FULL")
    # The inner pages of a million rows; SQLite's own 2 MB would be read from the file again and again.
    connection.execute("PRAGMA cache_size = -16000")


def _check_shape(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > INDEX_VERSION:
        raise CacheError(
            f"the index `{path}` was written by a newer assetctl",
            why=f"it has version {version}, this assetctl knows {INDEX_VERSION}",
            hint="update assetctl",
        )
    found = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    if version != INDEX_VERSION or {row[0] for row in found} != set(SCHEMA):
        raise UnfitError("it has another shape")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_dev, found.st_ino
