"""The statements that read and write orders, each within a transaction that somebody else began.

Whatever is read is checked on the spot: a row that can't be an order stops whoever asked. No text of SQL is ever made
of data.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from assetctl.documents import request_document
from assetctl.errors import JournalError
from assetctl.generation.allowances import require_room, sum_up
from assetctl.generation.orders import (
    CHANGE_COLUMNS,
    COLUMNS,
    OPEN,
    OrderState,
    change_from_row,
    cost_from_text,
    cost_text,
    order_from_row,
    this_process,
)

if TYPE_CHECKING:
    import sqlite3

    from assetctl.generation.allowances import Allowance, Spent
    from assetctl.generation.orders import Change, Order
    from assetctl.models import AssetRequest, Cost

RESTORE: Final = "nothing was ordered; it records paid jobs, so restore it from a backup or move it aside yourself"
IS_OPEN: Final = f"state IN ({', '.join(map(repr, map(str, OPEN)))})"
# Not "one of the open ones": a state that nobody knows is damage to be told of, and no reason to order again.
IS_UNSETTLED: Final = f"state NOT IN ({', '.join(repr(str(state)) for state in OrderState if state not in OPEN)})"
_LATEST_TIMES: Final = 50


@dataclass(frozen=True, slots=True)
class Intent:
    """What an order is to be: for which `key`, at whom, within which allowance; `price` is the most it may cost."""

    key: str
    generator: str
    request: AssetRequest
    allowance: Allowance | None
    price: Cost | None


def orders_where(
    connection: sqlite3.Connection, clause: str, values: tuple[object, ...] = (), *, columns: str = COLUMNS
) -> list[Order]:
    """The orders that `clause`, one of our constants like `columns`, picks with `values`.

    Raises:
        JournalError: one of them is damaged.
    """
    return [_order(row) for row in connection.execute(f"SELECT {columns} FROM orders {clause}", values)]  # noqa: S608 - see above


def order_with_id(connection: sqlite3.Connection, order_id: str) -> Order:
    """The order with this id.

    Raises:
        JournalError: it is not there any more, or damaged.
    """
    found = orders_where(connection, "WHERE order_id = ?", (order_id,))
    if not found:
        raise JournalError(f"the order `{order_id}` is not in the journal", why="the journal was replaced meanwhile")
    return found[0]


def insert(connection: sqlite3.Connection, intent: Intent, now: str) -> Order:
    """The new order in state `intended`, counted within its allowance and owned by this process.

    Raises:
        SpendRefused: the allowance has no room for it.
    """
    _require_room(connection, intent.allowance, intent.price)
    order_id, owner = uuid.uuid4().hex, this_process()
    values = {
        "order_id": order_id,
        "key": intent.key,
        "generator": intent.generator,
        "asset_type": intent.request.asset_type.value,
        "state": OrderState.INTENDED,
        "request": json.dumps(request_document(intent.request)),
        "created_at": now,
        "updated_at": now,
        "sends": 0,
        "run_id": intent.allowance and intent.allowance.run_id,
        "reserved": cost_text(intent.price),
        "owner": owner.writer.token,
        "owner_host": owner.host_name,
    }
    names = ", ".join(values)
    marks = ", ".join("?" for _ in values)
    connection.execute(f"INSERT INTO orders ({names}) VALUES ({marks})", tuple(values.values()))  # noqa: S608 - our names
    _note(connection, order_id, OrderState.INTENDED, now, None)
    return order_with_id(connection, order_id)


def reserve(connection: sqlite3.Connection, order_id: str, allowance: Allowance | None, price: Cost | None) -> Order:
    """The order, counted within `allowance` from now on and owned by this process; counted once, however often.

    Raises:
        SpendRefused: the allowance has no room for it.
    """
    order = order_with_id(connection, order_id)
    run_id = None if allowance is None else allowance.run_id
    if run_id is None or order.run_id != run_id:
        _require_room(connection, allowance, price)
    owner = this_process()
    connection.execute(
        "UPDATE orders SET run_id = ?, reserved = ?, owner = ?, owner_host = ? WHERE order_id = ?",
        (run_id, cost_text(price), owner.writer.token, owner.host_name, order_id),
    )
    return order_with_id(connection, order_id)


def spent(connection: sqlite3.Connection, run_id: str) -> Spent:
    """What the run has ordered."""
    # Added up before each order of a run: all that is read of an order is what it costs.
    counts = connection.execute(
        "SELECT coalesce(cost, reserved), count(*) FROM orders WHERE run_id = ? AND state <> 'refused' GROUP BY 1",
        (run_id,),
    ).fetchall()
    try:
        costs = [(cost_from_text(text), count) for text, count in counts]
    except ValueError as error:
        raise JournalError(
            f"an order of the run `{run_id}` is damaged in the journal", why=str(error), hint=RESTORE
        ) from error
    return sum_up(cost for cost, count in costs for _ in range(count))


def advance(
    connection: sqlite3.Connection, order_id: str, state: OrderState, facts: dict[str, str | int | None], now: str
) -> Order:
    """The order in `state`; facts that are not None are added, and its history has one more line if it changed."""
    before = order_with_id(connection, order_id)
    is_send = state is OrderState.SENT
    connection.execute(
        "UPDATE orders SET state = ?, updated_at = ?, job_id = coalesce(?, job_id), digest = coalesce(?, digest),"
        " detail = coalesce(?, detail), cost = coalesce(?, cost),"
        " generation_time_ms = coalesce(?, generation_time_ms), sent_at = coalesce(?, sent_at), sends = sends + ?"
        " WHERE order_id = ?",
        (
            state,
            now,
            *(facts.get(name) for name in ("job_id", "digest", "detail", "cost", "generation_time_ms")),
            now if is_send else None,
            int(is_send),
            order_id,
        ),
    )
    detail = facts.get("detail")
    if is_send or state is not before.state or detail not in (None, before.detail):
        _note(connection, order_id, state, now, None if detail is None else str(detail))
    return order_with_id(connection, order_id)


def own(connection: sqlite3.Connection, order_id: str) -> Order:
    """The order, owned by this process unless another one looks after it that may be alive."""
    order = order_with_id(connection, order_id)
    ours = this_process()
    if order.owner is not None and order.owner.is_alive is not False:
        return order
    connection.execute(
        "UPDATE orders SET owner = ?, owner_host = ? WHERE order_id = ?", (ours.writer.token, ours.host_name, order_id)
    )
    return order_with_id(connection, order_id)


def history(connection: sqlite3.Connection, order_id: str) -> list[Change]:
    """Every change of the order, the first one first.

    Raises:
        JournalError: one of them is damaged.
    """
    rows = connection.execute(
        f"SELECT {CHANGE_COLUMNS} FROM changes WHERE order_id = ? ORDER BY change_id",  # noqa: S608 - our names
        (order_id,),
    ).fetchall()
    try:
        return [change_from_row(row) for row in rows]
    except (ValueError, TypeError, AttributeError) as error:
        raise _damaged(order_id, error) from error


def generation_times_ms(connection: sqlite3.Connection, generator: str, asset_type: str) -> list[int]:
    """How long the latest jobs of this kind took."""
    rows = connection.execute(
        "SELECT generation_time_ms FROM orders WHERE generator = ? AND asset_type = ?"
        " AND generation_time_ms IS NOT NULL ORDER BY updated_at DESC LIMIT ?",
        (generator, asset_type, _LATEST_TIMES),
    )
    return [row[0] for row in rows]


def _require_room(connection: sqlite3.Connection, allowance: Allowance | None, price: Cost | None) -> None:
    if allowance is not None:
        require_room(allowance, spent(connection, allowance.run_id), price)


def _note(connection: sqlite3.Connection, order_id: str, state: OrderState, now: str, detail: str | None) -> None:
    connection.execute(
        "INSERT INTO changes (order_id, state, at, detail) VALUES (?, ?, ?, ?)", (order_id, state, now, detail)
    )


def _order(row: tuple[Any, ...]) -> Order:
    try:
        return order_from_row(row)
    except ValueError as error:
        raise _damaged(row[0], error) from error


def _damaged(order_id: object, error: Exception) -> JournalError:
    return JournalError(f"the order `{order_id}` in the journal is damaged", why=str(error), hint=RESTORE)
