"""What many tasks write into the journal at the same time is made durable together, and each gets its own outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from assetctl.errors import JournalError, SpendRefused
from assetctl.generation.allowances import Allowance
from assetctl.generation.journal import Journal
from assetctl.generation.orders import OrderState
from fakes import REQUEST, FakeClock

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from assetctl.generation.orders import Order

pytestmark = pytest.mark.anyio

MANY = 200
#: No more than there are worker threads.
AT_ONCE = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def journal(path: Path) -> Journal:
    return Journal(path, clock=FakeClock())


def commits(path: Path) -> int:
    """How often the file was changed so far (SQLite's file format, "File change counter")."""
    return int.from_bytes(path.read_bytes()[24:28], "big")


def key(number: int) -> str:
    return f"{number:064x}"


async def intended(journal: Journal, count: int, allowance: Allowance | None = None) -> tuple[list[Order], int]:
    """The orders that many tasks intend at once, and how many of them were refused."""
    orders: list[Order] = []
    refused = 0

    async def intend(number: int) -> None:
        nonlocal refused
        try:
            orders.append((await journal.intend(key(number), "pixsim", REQUEST, allowance=allowance))[0])
        except SpendRefused:
            refused += 1

    async with anyio.create_task_group() as tasks:
        for number in range(count):
            tasks.start_soon(intend, number)
    return orders, refused


async def test_what_many_write_at_once_takes_one_commit(journal: Journal, path: Path):
    orders, _ = await intended(journal, AT_ONCE)
    before, writes = commits(path), journal._writes
    async with anyio.create_task_group() as tasks:
        # Nobody is at work before all of them wait.
        with writes._working:
            for order in orders:
                tasks.start_soon(journal.advance, order, OrderState.SENT)
            while len(writes._waiting) < AT_ONCE:  # noqa: ASYNC110 - they wait in threads
                await anyio.sleep(0.005)
    assert {order.state for order in await journal.orders(open_only=True)} == {OrderState.SENT}
    assert len(orders) == AT_ONCE
    assert commits(path) - before == 1


async def test_each_is_durable_when_it_goes_on(journal: Journal, path: Path):
    orders, _ = await intended(journal, 50)

    async def send(order: Order) -> None:
        await journal.advance(order, OrderState.SENT)
        # Somebody else, who knows nothing but the file.
        seen = await Journal(path, clock=FakeClock()).get(order.order_id)
        assert seen is not None
        assert seen.state is OrderState.SENT

    async with anyio.create_task_group() as tasks:
        for order in orders:
            tasks.start_soon(send, order)


async def test_allowance_holds_among_many_at_once_and_hinders_nobody_else(journal: Journal):
    orders, refused = await intended(journal, MANY, Allowance("run", max_orders=120))
    assert (len(orders), refused) == (120, MANY - 120)
    assert len(await journal.orders(open_only=True)) == 120
    assert (await journal.spent("run")).orders == 120


async def test_order_that_is_not_there_any_more_is_its_own_trouble(journal: Journal, tmp_path: Path):
    other = Journal(tmp_path / "other.sqlite3", clock=FakeClock())
    orders, _ = await intended(journal, 20)
    (foreign,), _ = await intended(other, 1)
    troubles: list[str] = []

    async def send(order: Order) -> None:
        try:
            await journal.advance(order, OrderState.SENT)
        except JournalError:
            troubles.append(order.order_id)

    async with anyio.create_task_group() as tasks:
        for order in (*orders, foreign):
            tasks.start_soon(send, order)
    assert troubles == [foreign.order_id]
    assert {order.state for order in await journal.orders(open_only=True)} == {OrderState.SENT}


async def test_what_is_refused_halfway_leaves_nothing_behind_and_takes_nobody_along(journal: Journal):
    orders, _ = await intended(journal, 20)
    refused: list[str] = []

    async def change(order: Order) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE orders SET detail = 'halfway' WHERE order_id = ?", (order.order_id,))
            if order in orders[::2]:
                raise JournalError("no")

        try:
            await journal._write(work)
        except JournalError:
            refused.append(order.order_id)

    async with anyio.create_task_group() as tasks:
        for order in orders:
            tasks.start_soon(change, order)
    assert sorted(refused) == sorted(order.order_id for order in orders[::2])
    left = {order.order_id: order.detail for order in await journal.orders(open_only=True)}
    assert [left[order.order_id] for order in orders] == [None, "halfway"] * 10
