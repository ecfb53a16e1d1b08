"""The durable list of jobs: what was ordered, at whom, and how far it came.

Every state is committed before the act that follows it, so that whoever comes next after a crash knows what may still
be done. The journal outlives the cache, no cache command touches it, and nothing in it is guessed: a damaged one stops
all orders instead of being made anew.

    intended -> sent -> accepted -> ready -> downloaded -> published -> closed
                 |         |
                 |         +-> failed, cancelled
                 +-> unknown -> accepted, abandoned
                 +-> refused
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from assetctl import filesystem, locks
from assetctl.documents import request_document, timestamp
from assetctl.errors import JournalError, StorageFull
from assetctl.eventloop import in_thread
from assetctl.generation.orders import COLUMNS, OPEN, Order, OrderState, cost_text, order_from_row

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.models import AssetRequest, Cost

_FORMAT: Final = 1
_KEYS_AT_ONCE: Final = 500
_BUSY_TIMEOUT_S: Final = 10.0
_PRIMARY_CODE: Final = 0xFF  # SQLite's extended codes carry the primary one in their low byte
_RESTORE: Final = "nothing was ordered; it records paid jobs, so restore it from a backup or move it aside yourself"


_SCHEMA: Final = f"""
CREATE TABLE orders (
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
) STRICT;
CREATE UNIQUE INDEX one_open_order_per_key ON orders (key) WHERE state IN ({", ".join(f"'{state}'" for state in OPEN)});
CREATE INDEX orders_by_key ON orders (key, updated_at);
CREATE INDEX orders_by_job ON orders (job_id);
PRAGMA user_version = {_FORMAT};
"""
# Not "one of the open ones": a state that nobody knows is damage to be told of, and no reason to order again.
_SETTLED: Final = ", ".join(f"'{state}'" for state in OrderState if state not in OPEN)
_UNSETTLED: Final = f"state NOT IN ({_SETTLED})"


class Journal:
    """The journal in one SQLite file; safe for many processes and tasks at once. Opened anew for each operation."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        busy_timeout_s: float = _BUSY_TIMEOUT_S,
        find_kind: filesystem.FindKind = filesystem.kind_of,
    ) -> None:
        """Use the file at `path`, made with its folder when the first order is written; only on a local disk."""
        self._path = path
        self._find_kind = find_kind
        self._is_place_checked = False
        self._clock = clock
        self._busy_timeout_s = busy_timeout_s

    async def intend(self, key: str, generator: str, request: AssetRequest) -> tuple[Order, bool]:
        """The open order for `key` and whether this call made it; on return it is durable in state `intended`.

        Raises:
            JournalError: the journal can't be read or written.
        """
        return await in_thread(self._intend, key, generator, request)

    async def advance(
        self,
        order: Order,
        state: OrderState,
        *,
        job_id: str | None = None,
        digest: str | None = None,
        cost: Cost | None = None,
        detail: str | None = None,
    ) -> Order:
        """`order` in its new `state`, durable; facts given here are added, None leaves what is known.

        Raises:
            JournalError: the journal can't be written, or the order isn't in it any more.
        """
        facts = {"job_id": job_id, "digest": digest, "detail": detail, "cost": cost_text(cost)}
        return await in_thread(self._advance, order.order_id, state, facts)

    async def open_order(self, key: str) -> Order | None:
        """The order that occupies `key`, None when there is none.

        Raises:
            JournalError: the journal can't be read.
        """
        rows = await self._select(f"WHERE key = ? AND {_UNSETTLED}", (key,))
        return rows[0] if rows else None

    async def open_orders(self, keys: Sequence[str]) -> dict[str, Order]:
        """The order that occupies each of `keys`; keys without one are left out.

        Raises:
            JournalError: the journal can't be read.
        """
        found: dict[str, Order] = {}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = tuple(keys[start : start + _KEYS_AT_ONCE])
            marks = ", ".join("?" * len(some))
            rows = await self._select(f"WHERE key IN ({marks}) AND {_UNSETTLED}", some)
            found |= {order.key: order for order in rows}
        return found

    async def last_closed(self, key: str) -> Order | None:
        """The newest order for `key` whose file was delivered, None when there is none.

        Raises:
            JournalError: the journal can't be read.
        """
        rows = await self._select("WHERE key = ? AND state = ? ORDER BY updated_at DESC LIMIT 1", (key, "closed"))
        return rows[0] if rows else None

    async def get(self, order_id: str) -> Order | None:
        """The order with this id or this generator's job id, None when there is none.

        Raises:
            JournalError: the journal can't be read.
        """
        rows = await self._select("WHERE order_id = ? OR job_id = ? ORDER BY updated_at DESC", (order_id, order_id))
        return rows[0] if rows else None

    async def orders(self, *, open_only: bool) -> list[Order]:
        """All orders, or only the open ones, oldest first.

        Raises:
            JournalError: the journal can't be read.
        """
        if not open_only:
            return await self._select("ORDER BY created_at, rowid", ())
        marks = ", ".join("?" for _ in OPEN)
        return await self._select(f"WHERE state IN ({marks}) ORDER BY created_at, rowid", tuple(OPEN))

    async def _select(self, clause: str, values: tuple[str, ...]) -> list[Order]:
        return await in_thread(self._select_sync, clause, values)

    def _select_sync(self, clause: str, values: tuple[str, ...]) -> list[Order]:
        if not self._path.exists():
            return []
        with self._connection() as connection:
            return _orders(connection, clause, values)

    def _intend(self, key: str, generator: str, request: AssetRequest) -> tuple[Order, bool]:
        self._ensure()
        with self._transaction() as connection:
            found = _orders(connection, f"WHERE key = ? AND {_UNSETTLED}", (key,))
            if found:
                return found[0], False
            now = timestamp(self._clock.now())
            order_id = uuid.uuid4().hex
            values = (order_id, key, generator, OrderState.INTENDED, json.dumps(request_document(request)), now, now)
            connection.execute(
                "INSERT INTO orders (order_id, key, generator, state, request, created_at, updated_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            return _orders(connection, "WHERE order_id = ?", (order_id,))[0], True

    def _advance(self, order_id: str, state: OrderState, facts: dict[str, str | None]) -> Order:
        with self._transaction() as connection:
            connection.execute(
                "UPDATE orders SET state = ?, updated_at = ?, job_id = coalesce(?, job_id),"
                " digest = coalesce(?, digest), detail = coalesce(?, detail), cost = coalesce(?, cost)"
                " WHERE order_id = ?",
                (state, timestamp(self._clock.now()), facts["job_id"], facts["digest"], facts["detail"], facts["cost"],
                 order_id),
            )  # fmt: skip
            rows = _orders(connection, "WHERE order_id = ?", (order_id,))
            if not rows:
                raise JournalError(f"the order `{order_id}` is not in the journal", why=f"`{self._path}` was replaced")
            return rows[0]

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._connection() as connection:
            # IMMEDIATE: two askers must not both read "no open order" before either writes.
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _check_place(self) -> None:
        # Whatever was bought twice because a file server lost a lock or a page could not be told from a single order.
        if not self._is_place_checked:
            filesystem.require_local(self._path.parent, "the journal of jobs", find_kind=self._find_kind)
            self._is_place_checked = True

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        self._check_place()
        with self._translated():
            # `rw` without `c`: a journal that is gone must not come back empty.
            address = f"{self._path.absolute().as_uri()}?mode=rw"
            connection = sqlite3.connect(address, uri=True, timeout=self._busy_timeout_s, isolation_level=None)
            try:
                # EXTRA also syncs the folder once the rollback journal is gone (SQLite manual, PRAGMA synchronous).
                connection.execute("PRAGMA synchronous = EXTRA")
                self._check_format(connection)
                yield connection
            finally:
                connection.close()

    def _check_format(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            raise JournalError(f"the journal `{self._path}` is empty or no journal", hint=_RESTORE)
        if version != _FORMAT:
            raise JournalError(
                f"the journal `{self._path}` was written by another version of assetctl",
                why=f"its format is {version}, this version knows {_FORMAT}",
                hint="use the newer assetctl; nothing was changed",
            )

    def _ensure(self) -> None:
        """There is a journal. A new one appears whole or not at all, so an empty file is always damage."""
        self._check_place()
        filesystem.make_private_folder(self._path.parent)
        if self._path.exists():
            return
        with locks.held(self._path.parent / "locks" / "journal.lock", limit_s=self._busy_timeout_s):
            if not self._path.exists():
                self._create()

    def _create(self) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")
        for left_by_a_killed_one in (fresh, fresh.with_name(f"{fresh.name}-journal")):
            filesystem.remove(left_by_a_killed_one)
        filesystem.write_new(fresh, b"")
        with self._translated(), closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
            connection.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
        filesystem.publish(fresh, self._path)
        filesystem.sync_folder(self._path.parent)

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _trouble(self._path, error) from error


def _trouble(path: Path, error: sqlite3.DatabaseError) -> JournalError | StorageFull:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code == sqlite3.SQLITE_FULL:
        return StorageFull(f"no room to write the journal `{path}`", why=str(error), hint="make room, then ask again")
    hint = {
        sqlite3.SQLITE_BUSY: "another process is writing to it; ask again in a moment",
        sqlite3.SQLITE_LOCKED: "another process is writing to it; ask again in a moment",
        sqlite3.SQLITE_READONLY: "make it and its folder writable, then ask again",
        sqlite3.SQLITE_IOERR: "the disk doesn't answer; nothing in the journal was changed",
    }.get(code, _RESTORE)
    return JournalError(f"the journal `{path}` can't be used", why=str(error), hint=hint)


def _orders(connection: sqlite3.Connection, clause: str, values: tuple[str, ...]) -> list[Order]:
    # `clause` is one of the constants above, never data.
    rows = connection.execute(f"SELECT {COLUMNS} FROM orders {clause}", values)  # noqa: S608 - see above
    return [_order(row) for row in rows]


def _order(row: tuple[Any, ...]) -> Order:
    try:
        return order_from_row(row)
    except ValueError as error:
        raise JournalError(f"the order `{row[0]}` in the journal is damaged", why=str(error), hint=_RESTORE) from error
