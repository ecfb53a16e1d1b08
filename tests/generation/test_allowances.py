"""A run orders what it is allowed to and no more, however many processes it has."""
# ruff: noqa: ASYNC220 - processes are what is tested

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.errors import SpendRefused
from assetctl.generation.allowances import Allowance, LimitedBy, Spent, require_room, sum_up
from assetctl.generation.journal import Journal
from assetctl.generation.orders import OrderState
from assetctl.models import Cost
from fakes import REQUEST, FakeClock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


def usd(amount: str) -> Cost:
    return Cost(Decimal(amount), "USD")


def fits(allowance: Allowance, spent: Spent, price: Cost | None) -> bool:
    try:
        require_room(allowance, spent, price)
    except SpendRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("max_cost", "costs", "price", "is_fitting"),
    [
        ("1.00", [], "1.00", True),
        ("1.00", [], "1.01", False),
        ("1.00", ["0.40", "0.20"], "0.40", True),
        ("1.00", ["0.40", "0.20"], "0.41", False),
        ("0.00", [], "0.00", True),
        ("0.3", ["0.1"] * 2, "0.1", True),
    ],
)
def test_money_is_held_to_the_last_cent(max_cost: str, costs: list[str], price: str, is_fitting: bool):  # noqa: FBT001 - a table
    spent = sum_up(usd(cost) for cost in costs)
    assert fits(Allowance("r", max_cost=usd(max_cost)), spent, usd(price)) is is_fitting


def test_price_that_nobody_states_never_fits_into_a_limit_of_money():
    limited = Allowance("r", max_cost=usd("100"))
    assert not fits(limited, Spent(), None)
    assert not fits(limited, sum_up([usd("1"), None]), usd("1"))
    assert fits(Allowance("r", max_orders=2), sum_up([None]), None)


def test_other_currency_never_fits_unless_it_is_nothing():
    limited = Allowance("r", max_cost=usd("100"))
    assert not fits(limited, Spent(), Cost(Decimal(1), "EUR"))
    assert not fits(limited, sum_up([Cost(Decimal(1), "EUR")]), usd("1"))
    assert fits(limited, sum_up([Cost(Decimal(0), "EUR")]), Cost(Decimal(0), "EUR"))


@given(st.integers(0, 20), st.integers(0, 20))
def test_number_of_orders_is_held(max_orders: int, ordered: int):
    assert fits(Allowance("r", max_orders), Spent(ordered), None) is (ordered < max_orders)


def test_refusal_says_what_the_limit_is_and_how_much_is_used():
    with pytest.raises(SpendRefused) as caught:
        require_room(Allowance("r", max_cost=usd("1.00")), sum_up([usd("0.80")]), usd("0.40"))
    assert (caught.value.exit_code, bool(caught.value.hint)) == (6, True)
    why = caught.value.why or ""
    assert "1.00 USD" in why
    assert "0.80 USD" in why
    assert "0.40 USD" in why


@pytest.mark.parametrize(
    ("limited_by", "name"),
    [
        (LimitedBy.SETTING, "`budget.max_generations_per_run`"),
        (LimitedBy.OPTION, "`--max-generations`"),
        (LimitedBy.CONSENT, "as was agreed to"),
    ],
)
def test_refusal_names_whose_limit_it_is(limited_by: LimitedBy, name: str):
    with pytest.raises(SpendRefused) as caught:
        require_room(Allowance("r", 2, limited_by=limited_by), Spent(2), None)
    assert caught.value.why == f"this run may order 2 and has ordered 2 ({name})"


# In the journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "data" / "journal.sqlite3", clock=FakeClock())


async def test_nothing_is_spent_before_there_is_a_journal(journal: Journal):
    assert await journal.spent("r") == Spent()


async def test_order_counts_from_its_intent_on_with_its_highest_price_and_then_with_its_cost(journal: Journal):
    order, _ = await journal.intend("a", "shop", REQUEST, allowance=Allowance("r"), price=usd("0.50"))
    assert await journal.spent("r") == Spent(1, {"USD": Decimal("0.50")})
    await journal.advance(order, OrderState.READY, cost=usd("0.40"))
    assert await journal.spent("r") == Spent(1, {"USD": Decimal("0.40")})
    assert await journal.spent("other") == Spent()


@pytest.mark.parametrize("state", OrderState)
async def test_only_a_refused_order_gives_its_place_back(journal: Journal, state: OrderState):
    allowance = Allowance("r", max_orders=1)
    order, _ = await journal.intend("a", "shop", REQUEST, allowance=allowance)
    await journal.advance(order, state)
    if state is OrderState.REFUSED:
        assert (await journal.intend("b", "shop", REQUEST, allowance=allowance))[1]
    else:
        with pytest.raises(SpendRefused):
            await journal.intend("b", "shop", REQUEST, allowance=allowance)
        assert len(await journal.orders(open_only=False)) == 1


async def test_open_order_is_found_whatever_the_limit(journal: Journal):
    order, _ = await journal.intend("a", "shop", REQUEST)
    assert await journal.intend("a", "shop", REQUEST, allowance=Allowance("r", 0)) == (order, False)


async def test_order_that_another_run_left_counts_for_the_run_that_sends_it(journal: Journal):
    order, _ = await journal.intend("a", "shop", REQUEST, allowance=Allowance("old"), price=usd("9"))
    with pytest.raises(SpendRefused):
        await journal.reserve(order, allowance=Allowance("new", 0), price=usd("1"))
    assert (await journal.spent("old")).orders == 1
    for _ in range(2):
        await journal.reserve(order, allowance=Allowance("new", 1), price=usd("1"))
    assert await journal.spent("old") == Spent()
    assert await journal.spent("new") == Spent(1, {"USD": Decimal(1)})


PROGRAM = """
import anyio, sys
from decimal import Decimal
from pathlib import Path
from assetctl.clock import SystemClock
from assetctl.errors import SpendRefused
from assetctl.generation.allowances import Allowance
from assetctl.generation.journal import Journal
from assetctl.models import AssetRequest, Cost
async def main():
    me = sys.argv[2]
    allowance = Allowance("chapter", int(sys.argv[3]), Cost(Decimal(sys.argv[4]), "USD"))
    journal, placed = Journal(Path(sys.argv[1]), clock=SystemClock(), busy_timeout_s=60), 0
    for number in range(10):
        try:
            await journal.intend(f"{me}-{number}", "shop", AssetRequest(scene_id="s"),
                                 allowance=allowance, price=Cost(Decimal("0.50"), "USD"))
        except SpendRefused:
            continue
        placed += 1
    print(placed)
anyio.run(main)
"""


@pytest.mark.parametrize(("max_orders", "max_cost", "expected"), [(50, "1000", 50), (1000, "12.50", 25)])
async def test_eight_processes_together_stay_within_the_limits_of_their_run(
    tmp_path: Path, journal: Journal, max_orders: int, max_cost: str, expected: int
):
    path = tmp_path / "data" / "journal.sqlite3"
    words = [str(max_orders), max_cost]
    crew = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path), str(me), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for me in range(8)
    ]
    told = await anyio.to_thread.run_sync(lambda: [process.communicate(timeout=240) for process in crew])
    assert [trouble for _, trouble in told] == [b""] * 8
    assert sum(json.loads(placed) for placed, _ in told) == expected
    assert (await journal.spent("chapter")).orders == expected
