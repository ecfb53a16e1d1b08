"""The journal's file: made whole or not at all, opened only when it is what it should be, on a local disk alone.

What SQLite refuses comes out as our errors. A file that is damaged, newer than we know or somebody else's is left as it
is, byte for byte.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from assetctl import filesystem, locks
from assetctl.errors import JournalError, StorageFull
from assetctl.generation.journal import migration, shape
from assetctl.generation.journal.rows import RESTORE

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_PRIMARY_CODE: Final = 0xFF  # SQLite's extended codes carry the primary one in their low byte


class JournalFile:
    """One file that many processes and threads use at once; opened anew for each piece of work."""

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout_s: float,
        find_kind: filesystem.FindKind,
        step: filesystem.Step = filesystem.no_step,
    ) -> None:
        """Use `path`; nothing is made yet. `step` is told of each change of its format."""
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._find_kind = find_kind
        self._step = step
        self._is_place_checked = False

    @property
    def exists(self) -> bool:
        """Whether there is anything at its path."""
        return self.path.exists()

    def ensure(self) -> None:
        """There is a journal. A new one appears whole or not at all, so an empty file is always damage.

        Raises:
            CacheError: its folder can't be used.
            JournalError: it can't be made.
        """
        self._check_place()
        filesystem.make_private_folder(self.path.parent)
        if self.exists:
            return
        with self._alone():
            if not self.exists:
                self._create()

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """Within the block, the file as it is.

        Raises:
            JournalError: it can't be read, or is not what it should be.
        """
        self._check_place()
        with self._translated():
            connection = self._opened()
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """The block's changes are durable together; none is made when it raises.

        Raises:
            JournalError: it can't be written, or is not what it should be.
            StorageFull: there is no room.
        """
        with self.reading() as connection:
            # IMMEDIATE: two askers must not both read "no open order" before either writes.
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _opened(self) -> sqlite3.Connection:
        connection = self._connected()
        try:
            if self._is_older(connection):
                connection.close()
                self._migrate()
                connection = self._connected()
            self._check(connection, shape.FORMAT)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connected(self) -> sqlite3.Connection:
        # `rw` without `c`: a journal that is gone must not come back empty.
        address = f"{self.path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(address, uri=True, timeout=self._busy_timeout_s, isolation_level=None)
        # Nothing that stands in the file may call a function or have a say in how it is read.
        connection.execute("PRAGMA trusted_schema = OFF")
        # EXTRA also syncs the folder once the rollback journal is gone (SQLite manual, PRAGMA synchronous).
        connection.execute("PRAGMA synchronous = EXTRA")
        return connection

    def _is_older(self, connection: sqlite3.Connection) -> bool:
        number = shape.format_of(connection)
        if number == 0:
            raise JournalError(f"the journal `{self.path}` is empty or no journal", hint=RESTORE)
        if number not in shape.SCHEMAS:
            raise JournalError(
                f"the journal `{self.path}` was written by another version of assetctl",
                why=f"its format is {number}, this version knows {shape.FORMAT}",
                hint="use the newer assetctl; nothing was changed",
            )
        return number != shape.FORMAT

    def _check(self, connection: sqlite3.Connection, number: int) -> None:
        problems = shape.differences(connection, number)
        if problems:
            raise JournalError(
                f"the journal `{self.path}` is not as assetctl makes it", why="; ".join(problems), hint=RESTORE
            )

    def _migrate(self) -> None:
        with self._alone(), closing(self._connected()) as connection:
            # Somebody else may have done it while we waited.
            if not self._is_older(connection):
                return
            number = shape.format_of(connection)
            self._check(connection, number)
            migration.migrate(connection, self.path, number, step=self._step)

    def _create(self) -> None:
        fresh = self.path.with_name(f"{self.path.name}.new")
        for left_by_a_killed_one in (fresh, fresh.with_name(f"{fresh.name}-journal")):
            filesystem.remove(left_by_a_killed_one)
        filesystem.write_new(fresh, b"")
        with self._translated(), closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
            statements = ";".join(shape.SCHEMAS[shape.FORMAT])
            connection.executescript(f"BEGIN;{statements};PRAGMA user_version = {shape.FORMAT};COMMIT;")
        filesystem.publish(fresh, self.path)
        filesystem.sync_folder(self.path.parent)

    @contextmanager
    def _alone(self) -> Generator[None]:
        with locks.held(self.path.parent / "locks" / "journal.lock", limit_s=self._busy_timeout_s):
            yield

    def _check_place(self) -> None:
        # Whatever was bought twice because a file server lost a lock or a page could not be told from a single order.
        if not self._is_place_checked:
            filesystem.require_local(self.path.parent, "the journal of jobs", find_kind=self._find_kind)
            self._is_place_checked = True

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _trouble(self.path, error) from error


def _trouble(path: Path, error: sqlite3.DatabaseError) -> JournalError | StorageFull:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code == sqlite3.SQLITE_FULL:
        return StorageFull(f"no room to write the journal `{path}`", why=str(error), hint="make room, then ask again")
    hint = {
        sqlite3.SQLITE_BUSY: "another process is writing to it; ask again in a moment",
        sqlite3.SQLITE_LOCKED: "another process is writing to it; ask again in a moment",
        sqlite3.SQLITE_READONLY: "make it and its folder writable, then ask again",
        sqlite3.SQLITE_IOERR: "the disk doesn't answer; nothing in the journal was changed",
    }.get(code, RESTORE)
    return JournalError(f"the journal `{path}` can't be used", why=str(error), hint=hint)
