"""The list of orders is durable, one open order a key, and never guessed."""
# ruff: noqa: ASYNC220, ASYNC240 - what lies on the disk is what is tested

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest

from assetctl.errors import CacheError, JournalError
from assetctl.generation.journal import Journal
from assetctl.generation.orders import OPEN, OrderState, UsualTime, this_process
from assetctl.models import AssetRequest, AssetType, Cost, Reuse, Strategy, Style
from fakes import NOW, REQUEST, FakeClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio

CLOSING = [state for state in OrderState if state not in OPEN]
FULL = AssetRequest(
    scene_id="romance_5",
    choice_id="confess",
    prompt="She says it — at last\n漢字",
    asset_type=AssetType.IMAGE,
    style=Style.ANIME,
    duration_s=5.5,
    seed=2**62,
    generator="shop",
    parameters={"fps": 4, "loop": True, "weight": 0.5, "mood": "blue"},
    reuse=Reuse.PER_PLAYER,
    player_id="ann",
    strategy=Strategy.GENERATE_ALWAYS,
    max_wait_s=3.0,
)


@pytest.fixture(autouse=True)
async def bounded():
    with anyio.fail_after(200):
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.sqlite3"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def journal(path: Path, clock: FakeClock) -> Journal:
    return Journal(path, clock=clock)


async def test_intent_is_durable_when_it_returns(journal: Journal, path: Path, clock: FakeClock):
    order, is_new = await journal.intend("k", "shop", FULL)
    assert is_new
    assert (order.state, order.key, order.generator, order.request) == (OrderState.INTENDED, "k", "shop", FULL)
    assert (order.created_at, order.updated_at) == (NOW, NOW)
    assert (order.job_id, order.digest, order.cost, order.detail) == (None, None, None, None)
    assert await Journal(path, clock=clock).open_order("k") == order


async def test_second_intent_finds_the_open_order(journal: Journal):
    order, _ = await journal.intend("k", "shop", REQUEST)
    assert await journal.intend("k", "other", replace(REQUEST, choice_id="wait")) == (order, False)


async def test_what_was_only_intended_was_not_sent(journal: Journal):
    await journal.intend("a", "shop", REQUEST)
    order, _ = await journal.intend("b", "shop", REQUEST)
    await journal.advance(order, OrderState.SENT)
    assert await journal.sent(["a", "b", "c"]) == {"b"}


@pytest.mark.parametrize("state", OPEN)
async def test_open_order_occupies_its_key(journal: Journal, state: OrderState):
    order, _ = await journal.intend("k", "shop", REQUEST)
    advanced = await journal.advance(order, state)
    assert advanced.is_open
    assert await journal.open_order("k") == advanced
    assert await journal.intend("k", "shop", REQUEST) == (advanced, False)


@pytest.mark.parametrize("state", CLOSING)
async def test_ended_order_frees_its_key(journal: Journal, state: OrderState):
    order, _ = await journal.intend("k", "shop", REQUEST)
    ended = await journal.advance(order, state)
    assert not ended.is_open
    assert await journal.open_order("k") is None
    second, is_new = await journal.intend("k", "shop", REQUEST)
    assert is_new
    assert second.order_id != order.order_id


async def test_every_state_is_either_open_or_ended():
    assert {state.value for state in CLOSING} == {"closed", "refused", "failed", "cancelled", "abandoned"}


async def test_facts_are_added_and_never_lost(journal: Journal, clock: FakeClock):
    order, _ = await journal.intend("k", "shop", REQUEST)
    cost = Cost(Decimal("0.40"), "USD")
    clock.advance(seconds=5)
    order = await journal.advance(order, OrderState.ACCEPTED, job_id="j1")
    order = await journal.advance(order, OrderState.READY, cost=cost)
    order = await journal.advance(order, OrderState.DOWNLOADED, digest="d" * 64)
    order = await journal.advance(order, OrderState.UNKNOWN, detail="odd")
    assert (order.job_id, order.cost, order.digest, order.detail) == ("j1", cost, "d" * 64, "odd")
    assert (order.created_at, order.updated_at) == (NOW, clock.now())
    assert await journal.get(order.order_id) == order
    assert await journal.get("j1") == order


async def test_idempotency_keys_are_never_the_same(journal: Journal):
    orders = [(await journal.intend(f"k{number}", "shop", REQUEST))[0] for number in range(20)]
    assert len({order.order_id for order in orders}) == 20


async def test_orders_come_oldest_first(journal: Journal, clock: FakeClock):
    for key in "abc":
        await journal.intend(key, "shop", REQUEST)
        clock.advance(seconds=1)
    order = await journal.open_order("b")
    assert order is not None
    await journal.advance(order, OrderState.FAILED)
    assert [order.key for order in await journal.orders(open_only=False)] == ["a", "b", "c"]
    assert [order.key for order in await journal.orders(open_only=True)] == ["a", "c"]


async def test_last_closed_is_the_newest_that_was_delivered(journal: Journal, clock: FakeClock):
    assert await journal.last_closed("k") is None
    closed = []
    for state in (OrderState.CLOSED, OrderState.CLOSED, OrderState.FAILED):
        order, _ = await journal.intend("k", "shop", REQUEST)
        clock.advance(seconds=1)
        closed.append(await journal.advance(order, state))
    assert await journal.last_closed("k") == closed[1]
    assert await journal.last_closed("other") is None


async def test_journal_that_is_not_there_is_empty_and_is_not_made(journal: Journal, path: Path):
    assert await journal.open_order("k") is None
    assert await journal.get("x") is None
    assert await journal.orders(open_only=False) == []
    assert not path.exists()


async def test_order_that_is_gone_is_told(journal: Journal, path: Path):
    order, _ = await journal.intend("k", "shop", REQUEST)
    path.unlink()
    with pytest.raises(JournalError, match="can't be used"):
        await journal.advance(order, OrderState.SENT)
    assert not path.exists()
    await journal.intend("k", "shop", REQUEST)
    with pytest.raises(JournalError, match="is not in the journal"):
        await journal.advance(order, OrderState.SENT)


async def test_journal_whose_maker_was_killed_is_made_anew(journal: Journal, path: Path):
    path.parent.mkdir(mode=0o700)
    for name in ("journal.sqlite3.new", "journal.sqlite3.new-journal"):
        (path.parent / name).write_bytes(b"half")
    assert (await journal.intend("k", "shop", REQUEST))[1]
    assert sorted(file.name for file in path.parent.iterdir()) == ["journal.sqlite3", "locks"]


# Whose it is


async def test_journal_is_private(journal: Journal, path: Path):
    await journal.intend("k", "shop", REQUEST)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_folder_that_strangers_may_write_is_refused(journal: Journal, path: Path):
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with pytest.raises(CacheError):
        await journal.intend("k", "shop", REQUEST)
    assert not path.exists()


# Many at once


async def test_one_order_a_key_among_many_tasks(journal: Journal, path: Path, clock: FakeClock):
    made: list[bool] = []

    async def intend() -> None:
        made.append((await Journal(path, clock=clock).intend("k", "shop", REQUEST))[1])

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(intend)
    assert sum(made) == 1
    assert len(await journal.orders(open_only=False)) == 1


PROGRAM = """
import anyio, sys
from pathlib import Path
from assetctl.clock import SystemClock
from assetctl.generation.journal import Journal
from assetctl.models import AssetRequest
async def main():
    journal = Journal(Path(sys.argv[1]), clock=SystemClock(), busy_timeout_s=60)
    print([(await journal.intend(f"k{n}", "shop", AssetRequest(scene_id="s")))[1] for n in range(20)].count(True))
anyio.run(main)
"""


async def test_one_order_a_key_among_many_processes(journal: Journal, path: Path):
    askers = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    told = await anyio.to_thread.run_sync(lambda: [process.communicate(timeout=180) for process in askers])
    assert [trouble for _, trouble in told] == [b""] * 4
    assert sum(int(count) for count, _ in told) == 20
    assert len(await journal.orders(open_only=True)) == 20


async def test_the_table_itself_refuses_a_second_open_order(journal: Journal, path: Path):
    await journal.intend("k", "shop", REQUEST)
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(
            "INSERT INTO orders SELECT 'x', key, generator, asset_type, 'sent', request, job_id, digest, cost, detail,"
            " created_at, updated_at, sent_at, sends, generation_time_ms, run_id, reserved, owner, owner_host"
            " FROM orders"
        )
    connection.close()


async def test_journal_that_somebody_holds_is_told_after_a_while(path: Path, clock: FakeClock):
    journal = Journal(path, clock=clock, busy_timeout_s=0.05)
    await journal.intend("k", "shop", REQUEST)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError, match="can't be used") as caught:
        await journal.intend("other", "shop", REQUEST)
    assert "locked" in (caught.value.why or "")
    holder.close()


# Who looks after it, and what became of it


async def test_order_is_owned_by_whoever_wrote_it_down(journal: Journal):
    order, _ = await journal.intend("k", "shop", REQUEST)
    assert order.owner == this_process()
    assert order.owner.is_alive


async def test_order_of_a_living_process_keeps_its_owner_and_that_of_a_dead_one_gets_ours(journal: Journal, path: Path):
    order, _ = await journal.intend("k", "shop", REQUEST)
    alive = replace(this_process().writer, pid=os.getppid(), started="0")
    dead = replace(this_process().writer, started="1")
    elsewhere = replace(this_process().writer, host="0" * 8)
    for writer, is_kept in ((alive, True), (dead, False), (elsewhere, True)):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE orders SET owner = ?", (writer.token,))
            connection.commit()
        owned = await journal.own(order)
        assert owned.owner is not None
        assert owned.owner.writer == (writer if is_kept else this_process().writer)


async def test_history_tells_each_change_once_and_when(journal: Journal, clock: FakeClock):
    order, _ = await journal.intend("k", "shop", REQUEST)
    for state, detail in (
        (OrderState.SENT, None),
        (OrderState.UNKNOWN, "no answer"),
        (OrderState.UNKNOWN, "no answer"),
        (OrderState.UNKNOWN, "still no answer"),
        (OrderState.SENT, None),
        (OrderState.SENT, None),
    ):
        clock.advance(seconds=1)
        order = await journal.advance(order, state, detail=detail)
    assert [(change.state, change.detail, (change.at - NOW).seconds) for change in await journal.history(order)] == [
        ("intended", None, 0),
        ("sent", None, 1),
        ("unknown", "no answer", 2),
        ("unknown", "still no answer", 4),
        ("sent", None, 5),
        ("sent", None, 6),
    ]
    assert (order.sends, order.sent_at) == (3, clock.now())


async def test_damaged_history_stops_whoever_asks_for_it(journal: Journal, path: Path):
    order, _ = await journal.intend("k", "shop", REQUEST)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE changes SET at = 'soon'")
        connection.commit()
    with pytest.raises(JournalError, match="is damaged"):
        await journal.history(order)


async def test_order_is_named_by_how_its_ids_begin(journal: Journal, clock: FakeClock):
    orders = []
    # No job id begins like an order id, which is hexadecimal and random.
    for job_id in ("job-12", "job-123", "sb-7"):
        order, _ = await journal.intend(job_id, "shop", REQUEST)
        orders.append(await journal.advance(order, OrderState.ACCEPTED, job_id=job_id))
        clock.advance(seconds=1)
    assert await journal.named("job-12") == [orders[0]]
    assert await journal.named("job-1") == [orders[1], orders[0]]
    assert await journal.named("sb") == [orders[2]]
    assert await journal.named(orders[0].order_id[:12]) == [orders[0]]
    assert await journal.named("nothing") == await journal.named("") == await journal.named("%") == []


@pytest.mark.parametrize(
    ("times_ms", "typical_s"), [([], None), ([9000, 1000], None), ([9000, 1000, 2000], 2.0), ([None] * 5, None)]
)
async def test_typical_time_is_the_median_of_what_is_known(
    journal: Journal, times_ms: list[int | None], typical_s: float | None
):
    for number, time_ms in enumerate(times_ms):
        order, _ = await journal.intend(str(number), "shop", REQUEST)
        await journal.advance(order, OrderState.CLOSED, generation_time_ms=time_ms)
    await journal.intend("other", "other", REQUEST)
    assert await journal.typical_time_s("shop", REQUEST.asset_type) == typical_s
    assert await journal.typical_time_s("other", REQUEST.asset_type) is None
    assert await journal.typical_time_s("shop", AssetType.AUDIO) is None


@pytest.mark.parametrize(
    ("times_ms", "usual"),
    [
        ([], None),
        ([9000, 1000], None),
        ([None] * 5, None),
        ([1000] * 3, UsualTime(1.0, 1.0, 3)),
        ([number * 1000 for number in range(11)], UsualTime(1.0, 9.0, 11)),
        ([*([5000] * 40), 900_000], UsualTime(5.0, 5.0, 41)),
    ],
)
async def test_usual_time_leaves_out_the_first_and_last_tenth(
    journal: Journal, times_ms: list[int | None], usual: UsualTime | None
):
    for number, time_ms in enumerate(times_ms):
        order, _ = await journal.intend(str(number), "shop", REQUEST)
        await journal.advance(order, OrderState.CLOSED, generation_time_ms=time_ms)
    assert await journal.usual_time("shop", REQUEST.asset_type) == usual
    assert await journal.usual_time("other", REQUEST.asset_type) is None


# Damage


def everything(journal: Journal, order_id: str) -> list[Callable[[], Awaitable[object]]]:
    return [
        lambda: journal.intend("k", "shop", REQUEST),
        lambda: journal.open_order("k"),
        lambda: journal.last_closed("k"),
        lambda: journal.get(order_id),
        lambda: journal.orders(open_only=False),
    ]


@pytest.mark.parametrize(
    "data", [b"garbage" * 1000, b"\x00" * 8192, b"SQLite format 3\x00" + b"\xff" * 4096, b"x", b""], ids=len
)
async def test_damaged_journal_stops_everything_and_is_left_alone(journal: Journal, path: Path, data: bytes):
    path.parent.mkdir(mode=0o700)
    path.write_bytes(data)
    for act in everything(journal, "x"):
        with pytest.raises(JournalError) as caught:
            await act()
        assert caught.value.hint
    assert path.read_bytes() == data
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_cut_journal_stops_everything(journal: Journal, path: Path):
    for number in range(40):
        await journal.intend(f"k{number}", "shop", FULL)
    path.write_bytes(path.read_bytes()[:5000])
    before = path.read_bytes()
    with pytest.raises(JournalError):
        await journal.orders(open_only=False)
    assert path.read_bytes() == before


async def test_newer_journal_is_left_alone(journal: Journal, path: Path):
    order, _ = await journal.intend("k", "shop", REQUEST)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    before = path.read_bytes()
    for act in everything(journal, order.order_id):
        with pytest.raises(JournalError, match="another version") as caught:
            await act()
        assert caught.value.why == "its format is 3, this version knows 2"
    assert path.read_bytes() == before


async def test_database_of_somebody_else_is_left_alone(journal: Journal, path: Path):
    path.parent.mkdir(mode=0o700)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (name TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="is empty or no journal"):
        await journal.intend("k", "shop", REQUEST)
    assert path.read_bytes() == before


PLANTED = {
    "trigger": "CREATE TRIGGER evil AFTER UPDATE ON orders BEGIN DELETE FROM orders; END",
    "view": "CREATE VIEW all_orders AS SELECT * FROM orders",
    "table": "CREATE TABLE more (x)",
    "index": "CREATE INDEX more ON orders (state)",
    "column": "ALTER TABLE orders ADD COLUMN more TEXT",
    "missing index": "DROP INDEX one_open_order_per_key",
    "missing table": "DROP TABLE changes",
    "statistics": "ANALYZE",
    "write-ahead log": "PRAGMA journal_mode = WAL",
}


@pytest.mark.parametrize("name", PLANTED)
async def test_journal_of_another_shape_stops_everything_and_is_left_alone(journal: Journal, path: Path, name: str):
    order, _ = await journal.intend("k", "shop", REQUEST)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(PLANTED[name])
    before = path.read_bytes()
    for act in [*everything(journal, order.order_id), lambda: journal.advance(order, OrderState.SENT)]:
        with pytest.raises(JournalError, match="is not as assetctl makes it") as caught:
            await act()
        assert caught.value.why
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "paid"),
        ("request", "{"),
        ("request", "[]"),
        ("request", "5"),
        ("request", '""'),
        ("request", "[" * 100_000),
        ("request", '{"scene": "x"}'),
        ("request", '{"scene_id": 5}'),
        ("cost", "{}"),
        ("cost", '{"amount": "free", "currency": "USD"}'),
        ("cost", "5"),
        ("created_at", "yesterday"),
        ("updated_at", "0001-01-01T00:00:00+14:00"),
        ("sent_at", "soon"),
        ("reserved", "{}"),
        ("owner", "process 7"),
    ],
)
async def test_damaged_row_stops_and_is_left_alone(journal: Journal, path: Path, column: str, value: str):
    order, _ = await journal.intend("k", "shop", REQUEST)
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE orders SET {column} = ?", (value,))
    connection.commit()
    connection.close()
    with pytest.raises(JournalError, match="is damaged") as caught:
        await journal.get(order.order_id)
    assert order.order_id in caught.value.what
    assert await count(path) == 1


async def count(path: Path) -> int:
    connection = sqlite3.connect(path)
    (rows,) = connection.execute("SELECT count(*) FROM orders").fetchone()
    connection.close()
    return rows


async def test_journal_that_is_only_busy_is_not_called_damaged(tmp_path: Path):
    journal = Journal(tmp_path / "journal.sqlite3", clock=FakeClock(), busy_timeout_s=0.05)
    await journal.intend("a" * 64, "shop", AssetRequest(scene_id="romance_5"))
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalError) as caught:
            await journal.intend("b" * 64, "shop", AssetRequest(scene_id="romance_6"))
    assert "ask again" in (caught.value.hint or "")
    assert "move it aside" not in (caught.value.hint or "")
