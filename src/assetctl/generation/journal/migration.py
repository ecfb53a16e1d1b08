"""An older journal becomes one of the present format, with every order in it, or stays exactly as it was.

A verified copy of the old file is kept beside it. The change itself is one transaction of SQLite's: rows are copied
into the new table and compared before the old one goes, and a process that dies meanwhile has changed nothing. The file
is never replaced: an older assetctl that waits to write would write into the one that is gone.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from assetctl import filesystem
from assetctl.documents import timestamp
from assetctl.errors import JournalError
from assetctl.generation.journal import shape
from assetctl.generation.journal.rows import RESTORE, orders_where
from assetctl.generation.orders import OrderState

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.generation.orders import Order

_OLD_COLUMNS: Final = "order_id, key, generator, state, request, created_at, updated_at, job_id, digest, cost, detail"
# As an order of today reads them: what nobody knew then is empty.
_AS_TODAY: Final = f"{_OLD_COLUMNS}, NULL, 0, NULL, NULL, NULL, NULL, NULL"
_MARKS: Final = ", ".join("?" * 14)
_FILL: Final = f"INSERT INTO orders ({_OLD_COLUMNS}, asset_type, sent_at, sends) VALUES ({_MARKS})"  # noqa: S608 - our names
_FILL_HISTORY: Final = "INSERT INTO changes (order_id, state, at, detail) VALUES (?, ?, ?, ?)"
_NEVER_SENT: Final = (OrderState.INTENDED, OrderState.REFUSED)


def migrate(connection: sqlite3.Connection, path: Path, number: int, *, step: filesystem.Step) -> None:
    """The journal at `path`, of the older format `number` and found sound, is of the present one; all orders are in it.

    The caller holds the journal's kernel lock. A copy of the old file lies beside it, named after its format.

    Raises:
        JournalError: an order in it is damaged, or the copy is not equal; nothing was changed.
        CacheError: the copy can't be written; nothing was changed.
    """
    # From here on nobody writes, however old his version is.
    connection.execute("BEGIN IMMEDIATE")
    try:
        before = _rows(connection)
        # Each is read as an order, so that a damaged one is told of by name before anything is made.
        orders = orders_where(connection, "ORDER BY order_id", columns=_AS_TODAY)
        _keep_copy(path, number, before, step)
        _rebuild(connection, path, before, orders, step)
        connection.execute("COMMIT")
        step("migrated", path)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _rebuild(
    connection: sqlite3.Connection,
    path: Path,
    before: list[tuple[Any, ...]],
    orders: list[Order],
    step: filesystem.Step,
) -> None:
    connection.execute("ALTER TABLE orders RENAME TO orders_before")
    for statement in shape.TABLES:
        connection.execute(statement)
    step("fill", path)
    connection.executemany(_FILL, [(*row, *_facts(order)) for row, order in zip(before, orders, strict=True)])
    connection.executemany(_FILL_HISTORY, [line for order in orders for line in _history(order)])
    connection.execute("DROP TABLE orders_before")
    for statement in shape.INDEXES:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {shape.FORMAT}")
    step("verify", path)
    _require_equal(connection, path, shape.FORMAT, before)
    step("migrate", path)


def _facts(order: Order) -> tuple[str | int | None, ...]:
    was_sent = order.state not in _NEVER_SENT
    # An order leaves right after its intent; only while it is `sent` was the moment itself written down.
    sent_at = order.updated_at if order.state is OrderState.SENT else order.created_at
    return order.request.asset_type.value, timestamp(sent_at) if was_sent else None, int(was_sent)


def _history(order: Order) -> list[tuple[str | None, ...]]:
    """What is still known of how the order came there: when it was intended, and when it reached what it is."""
    lines: list[tuple[str | None, ...]] = [
        (order.order_id, str(OrderState.INTENDED), timestamp(order.created_at), None)
    ]
    if order.state is not OrderState.INTENDED:
        lines.append((order.order_id, str(order.state), timestamp(order.updated_at), order.detail))
    return lines


def _keep_copy(path: Path, number: int, before: list[tuple[Any, ...]], step: filesystem.Step) -> None:
    target = _free_name(path, number)
    draft = target.with_name(f"{target.name}.new")
    filesystem.remove(draft, step=step)
    filesystem.write_new(draft, b"", step=step)
    try:
        # A second reader: SQLite copies nothing out of a connection that has begun to write.
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as reader, closing(sqlite3.connect(draft)) as copy:
            reader.backup(copy)
            _require_equal(copy, path, number, before)
        filesystem.publish(draft, target, step=step)
    except BaseException:
        filesystem.remove(draft)
        raise
    filesystem.sync_folder(path.parent, step=step)


def _free_name(path: Path, number: int) -> Path:
    """Where no copy lies yet: one of another journal, restored since, is never written over."""
    stem, count = f"{path.stem}-format-{number}", 1
    target = path.with_name(f"{stem}{path.suffix}")
    while target.exists():
        count += 1
        target = path.with_name(f"{stem}-{count}{path.suffix}")
    return target


def _require_equal(connection: sqlite3.Connection, path: Path, number: int, before: list[tuple[Any, ...]]) -> None:
    problems = shape.differences(connection, number)
    if _rows(connection) != before:
        problems.append("an order differs")
    if problems:
        raise JournalError(
            f"the copy of the journal `{path}` is not equal to it",
            why=f"{'; '.join(problems)}; nothing was changed",
            hint=RESTORE,
        )


def _rows(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(f"SELECT {_OLD_COLUMNS} FROM orders ORDER BY order_id").fetchall()  # noqa: S608 - our names
