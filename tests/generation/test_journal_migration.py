"""A journal of an older format is brought up to date with every order in it, or stays as it was."""
# ruff: noqa: ASYNC240 - what lies on the disk is what is tested

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from assetctl.errors import JournalError, StorageFull
from assetctl.generation.journal import Journal
from assetctl.generation.journal.shape import FORMAT
from assetctl.generation.orders import OPEN, OrderState
from assetctl.models import AssetType
from fakes import REQUEST, FakeClock

pytestmark = pytest.mark.anyio

#: Written by the last version that knew format 1 alone: one order in each state.
FORMAT_1 = Path(__file__).parent / "journals" / "format-1.sqlite3"
OLD_COLUMNS = "order_id, key, generator, state, request, job_id, digest, cost, detail, created_at, updated_at"
STEPS = ["create", "rename", "sync folder", "fill", "verify", "migrate", "migrated"]
KILLED = 66


@pytest.fixture(autouse=True)
async def bounded():
    with anyio.fail_after(200):
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copy(FORMAT_1, folder / "journal.sqlite3")
    return folder / "journal.sqlite3"


def rows(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT {OLD_COLUMNS} FROM orders ORDER BY order_id").fetchall()


def number(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def copies(path: Path) -> list[Path]:
    return sorted(path.parent.glob("journal-format-1*"))


async def test_every_order_is_as_it_was(path: Path):
    before = rows(path)
    orders = await Journal(path, clock=FakeClock()).orders(open_only=False)
    assert {order.state for order in orders} == set(OrderState)
    assert rows(path) == before
    assert number(path) == FORMAT


async def test_facts_that_format_1_did_not_have_are_what_can_be_known(path: Path):
    orders = {order.state: order for order in await Journal(path, clock=FakeClock()).orders(open_only=False)}
    sent, lost = orders[OrderState.SENT], orders[OrderState.UNKNOWN]
    assert (sent.sent_at, sent.sends) == (sent.updated_at, 1)
    assert (lost.sent_at, lost.sends) == (lost.created_at, 1)
    for state in (OrderState.INTENDED, OrderState.REFUSED):
        assert (orders[state].sent_at, orders[state].sends) == (None, 0)
    assert {order.owner for order in orders.values()} == {order.run_id for order in orders.values()} == {None}
    assert {order.request.asset_type for order in orders.values()} == set(list(AssetType)[:3])


async def test_history_begins_with_what_is_known(path: Path):
    journal = Journal(path, clock=FakeClock())
    for order in await journal.orders(open_only=False):
        history = await journal.history(order)
        assert history[0].state is OrderState.INTENDED
        assert (history[-1].state, history[-1].at) == (order.state, order.updated_at)


async def test_work_goes_on_where_it_was(path: Path):
    journal = Journal(path, clock=FakeClock())
    for order in await journal.orders(open_only=True):
        assert order.state in OPEN
        assert await journal.intend(order.key, "shop", REQUEST) == (order, False)
        assert (await journal.advance(order, OrderState.CLOSED)).state is OrderState.CLOSED
    assert (await journal.intend("f" * 64, "shop", REQUEST))[1]


async def test_old_file_is_kept_beside_as_it_was(path: Path):
    await Journal(path, clock=FakeClock()).orders(open_only=False)
    (kept,) = copies(path)
    assert (rows(kept), number(kept)) == (rows(FORMAT_1), 1)
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_copy_of_another_journal_is_never_written_over(path: Path):
    await Journal(path, clock=FakeClock()).orders(open_only=False)
    shutil.copy(FORMAT_1, path)
    await Journal(path, clock=FakeClock()).orders(open_only=False)
    assert [copy.name for copy in copies(path)] == ["journal-format-1-2.sqlite3", "journal-format-1.sqlite3"]


PROGRAM = f"""
import anyio, os, sys
from pathlib import Path
from assetctl.clock import SystemClock
from assetctl.generation.journal import Journal
def step(change, path):
    seen.append(change)
    if change == sys.argv[2]:
        os._exit({KILLED})
seen = []
async def main():
    journal = Journal(Path(sys.argv[1]), clock=SystemClock(), busy_timeout_s=60, step=step)
    print(len(await journal.orders(open_only=False)))
anyio.run(main)
"""


def migrating(path: Path, deadly: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), deadly], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("deadly", STEPS)
async def test_process_that_is_killed_meanwhile_has_changed_all_or_nothing(path: Path, deadly: str):
    before = rows(path)
    process = migrating(path, deadly)
    _, trouble = await anyio.to_thread.run_sync(lambda: process.communicate(timeout=180))
    assert (process.returncode, trouble) == (KILLED, "")
    assert rows(path) == before
    assert number(path) == (FORMAT if deadly == "migrated" else 1)
    assert len(await Journal(path, clock=FakeClock()).orders(open_only=False)) == len(before)
    assert (rows(path), number(path)) == (before, FORMAT)
    assert all(rows(copy) == before for copy in copies(path) if copy.suffix == ".sqlite3")


async def test_many_processes_migrate_it_once(path: Path):
    crew = [migrating(path) for _ in range(4)]
    told = await anyio.to_thread.run_sync(lambda: [process.communicate(timeout=180) for process in crew])
    assert told == [(f"{len(rows(FORMAT_1))}\n", "")] * 4
    assert (rows(path), len(copies(path))) == (rows(FORMAT_1), 1)


async def test_older_assetctl_that_waits_to_write_loses_nothing(path: Path):
    """One that has looked at the format already, and gets its turn to write only after the change."""
    with closing(sqlite3.connect(path, isolation_level=None)) as older:
        assert older.execute("PRAGMA user_version").fetchone()[0] == 1
        journal = Journal(path, clock=FakeClock())
        await journal.orders(open_only=False)
        older.execute("BEGIN IMMEDIATE")
        older.execute("UPDATE orders SET state = 'accepted', job_id = 'late' WHERE state = 'sent'")
        with pytest.raises(sqlite3.IntegrityError):
            older.execute(f"INSERT INTO orders ({OLD_COLUMNS}) SELECT 'x', 'x', generator, 'intended', request, NULL,"
                          " NULL, NULL, NULL, created_at, updated_at FROM orders LIMIT 1")  # fmt: skip
        older.execute("COMMIT")
    late = await journal.get("late")
    assert late is not None
    assert late.state is OrderState.ACCEPTED


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("CREATE TRIGGER evil AFTER UPDATE ON orders BEGIN DELETE FROM orders; END", "trigger `evil`"),
        ("DROP INDEX orders_by_key", "index `orders_by_key`"),
        ("UPDATE orders SET state = 'paid' WHERE state = 'closed'", "'paid' is not a valid"),
        ("UPDATE orders SET request = '{' WHERE state = 'closed'", "property name"),
        ("UPDATE orders SET created_at = 'soon' WHERE state = 'closed'", "isoformat"),
    ],
)
async def test_damaged_one_is_left_alone(path: Path, damage: str, told: str):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(damage)
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(JournalError) as caught:
        await Journal(path, clock=FakeClock()).orders(open_only=False)
    assert told in (caught.value.why or "")
    assert path.read_bytes() == before
    assert copies(path) == []


async def test_copy_that_has_no_room_leaves_it_as_it_was(path: Path):
    before = path.read_bytes()

    def full(change: str, path: Path) -> None:
        if change == "rename":
            raise StorageFull("no room", why=str(path))

    with pytest.raises(StorageFull):
        await Journal(path, clock=FakeClock(), step=full).orders(open_only=False)
    assert path.read_bytes() == before
    assert copies(path) == []
