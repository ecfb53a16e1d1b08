"""A generator whose service takes orders only now and then: who waits for a turn occupies nothing."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from assetctl.errors import JobPending, OutcomeUnknown, RateLimited, SpendRefused
from assetctl.events import JobAdopted, TurnAwaited
from assetctl.generation.allowances import Allowance
from assetctl.generation.orders import OrderState
from shop import Shop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from assetctl.models import Asset, AssetRequest
    from fakes import House

pytestmark = pytest.mark.anyio


class BusyShop(Shop):
    """Gives a turn when its door is open. `waiting` and `turns` list the keys that wait for one and that had one.

    `patience_s` lists how long the turns were to be waited for.
    """

    orders_per_minute = 20

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.door, self.asked = anyio.Event(), anyio.Event()
        self.trouble: RateLimited | None = None
        self.waiting: list[str] = []
        self.turns: list[str] = []
        self.used: list[str] = []
        self.patience_s: list[float] = []

    @asynccontextmanager
    async def turn(self, key: str, on_wait: Callable[[], None], max_wait_s: float) -> AsyncGenerator[None]:
        self.waiting.append(key)
        self.patience_s.append(max_wait_s)
        on_wait()
        self.asked.set()
        await self.door.wait()
        if self.trouble is not None:
            raise self.trouble
        self.turns.append(key)
        try:
            yield
        finally:
            self.turns.remove(key)
            self.used.append(key)

    async def submit(self, order, idempotency_key):
        assert order.key in self.turns
        return await super().submit(order, idempotency_key)


@pytest.fixture
def shop(tmp_path: Path) -> BusyShop:
    return BusyShop(tmp_path / "shop")


def patient(house: House, max_wait_s: float) -> tuple[AssetRequest, str]:
    """A request that waits so long, and its key."""
    asked, key = house.asked()
    return replace(asked, max_wait_s=max_wait_s), key


async def find(house: House, into: list[Asset | None]) -> None:
    into.append(await house.generated.find_asset(*house.asked()))


async def test_who_waits_for_a_turn_has_written_nothing_down_and_holds_no_lock(house: House, shop: BusyShop):
    _, key = house.asked()
    found: list[Asset | None] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(find, house, found)
        await shop.asked.wait()
        assert await house.journal.open_order(key) is None
        assert TurnAwaited(key, "shop", 20) in house.events
        with anyio.fail_after(20):
            async with house.desk.exclusively(key):
                assert not found
        shop.door.set()
    assert found[0] is not None
    assert (shop.charges, shop.used) == (1, [key])


async def test_what_another_process_made_meanwhile_is_not_ordered_again(build: Callable[..., House], shop: BusyShop):
    house, other, found = build(), build(generator=Shop(shop._folder)), list[object]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(find, house, found)
        await shop.asked.wait()
        await find(other, found)
        shop.door.set()
    assert [asset.sha256 for asset in found] == [found[0].sha256] * 2  # type: ignore[attr-defined]
    assert shop.charges == 1


async def test_job_that_runs_already_is_adopted_without_a_turn(build: Callable[..., House], shop: BusyShop):
    other, found = build(generator=Shop(shop._folder)), list[object]()
    asked, key = other.asked()
    async with other.desk.exclusively(key):
        await other.desk.place(other.registry.get("shop"), key, asked)
    await find(build(), found)
    assert (shop.waiting, shop.charges) == ([], 1)


class LossyShop(BusyShop):
    """Loses its first order, after it was charged for or before; from then on its door is shut."""

    arrives = False

    async def submit(self, order, idempotency_key):
        if self.submissions:
            return await super().submit(order, idempotency_key)
        if self.arrives:
            await super().submit(order, idempotency_key)
        else:
            self._note("submissions", order.key)
        self.door, self.asked = anyio.Event(), anyio.Event()
        raise OutcomeUnknown("the answer got lost", ask_again_in_s=0.1)


async def test_order_that_never_arrived_waits_for_its_turn_without_a_lock_and_is_the_same_order(
    house: House, shop: BusyShop
):
    shop.__class__ = LossyShop
    shop.door.set()
    _, key = house.asked()
    found: list[Asset | None] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(find, house, found)
        first = shop.asked
        while shop.asked is first:
            await anyio.lowlevel.checkpoint()
        await shop.asked.wait()
        order = await house.journal.open_order(key)
        assert order is not None
        assert (order.state, shop.submissions) == (OrderState.INTENDED, 1)
        with anyio.fail_after(20):
            async with house.desk.exclusively(key):
                assert not found
        shop.door.set()
    (closed,) = await house.journal.orders(open_only=False)
    assert (closed.order_id, closed.sends, shop.charges) == (order.order_id, 2, 1)


async def test_order_that_was_only_intended_waits_for_its_turn_too(house: House, shop: BusyShop):
    asked, key = house.asked()
    order, _ = await house.journal.intend(key, "shop", asked)
    shop.door.set()
    found: list[Asset | None] = []
    await find(house, found)
    assert found[0] is not None
    assert (shop.used, shop.charges) == ([key], 1)
    (closed,) = await house.journal.orders(open_only=False)
    assert closed.order_id == order.order_id


async def test_order_that_did_arrive_is_found_without_another_turn(house: House, shop: BusyShop):
    shop.__class__ = LossyShop
    shop.arrives = True  # type: ignore[attr-defined]
    shop.door.set()
    found: list[Asset | None] = []
    with anyio.fail_after(20):
        await find(house, found)
    assert found[0] is not None
    assert (shop.charges, len(shop.used)) == (1, 1)
    assert len([event for event in house.events if isinstance(event, JobAdopted)]) == 1


async def test_orders_that_still_wait_when_a_run_stops_are_never_sent(house: House, shop: BusyShop):
    _, key = house.asked()
    refusals: list[SpendRefused] = []

    async def refused() -> None:
        with pytest.raises(SpendRefused) as caught:
            await house.generated.find_asset(*house.asked())
        refusals.append(caught.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(refused)
        await shop.asked.wait()
        house.desk.limit_to(Allowance("run", max_orders=0))
        shop.door.set()
    assert (len(refusals), shop.submissions, shop.used) == (1, 0, [key])
    assert await house.journal.open_order(key) is None


async def test_new_order_tells_how_many_are_taken_and_a_job_in_hand_takes_none(house: House):
    asked, key = house.asked()
    assert (await house.generated.availability(asked, key)).orders_per_minute == 20
    order, _ = await house.journal.intend(key, "shop", asked)
    assert (await house.generated.availability(asked, key)).orders_per_minute == 20
    await house.journal.advance(order, OrderState.ACCEPTED, job_id="7")
    assert (await house.generated.availability(asked, key)).orders_per_minute is None


async def test_service_that_takes_none_for_too_long_is_told_and_nothing_is_written_down(house: House, shop: BusyShop):
    shop.trouble = RateLimited("it takes no more for now")
    shop.door.set()
    with pytest.raises(RateLimited):
        await house.generated.find_asset(*house.asked())
    assert await house.journal.orders(open_only=False) == []


@pytest.mark.parametrize(("max_wait_s", "patience_s"), [(20.0, 20.0), (0.0, math.inf)])
async def test_a_turn_is_waited_for_as_long_as_the_request_waits_and_always_to_order_and_leave(
    house: House, shop: BusyShop, max_wait_s: float, patience_s: float
):
    shop.door.set()
    shop.looks = 10**9
    with pytest.raises(JobPending):
        await house.generated.find_asset(*patient(house, max_wait_s))
    assert shop.patience_s == [patience_s]


async def test_a_chapter_waits_for_a_turn_whatever_the_longest_wait_of_its_assets(house: House, shop: BusyShop):
    house.desk.line_up()
    shop.door.set()
    assert await house.generated.find_asset(*patient(house, 20.0)) is not None
    assert shop.patience_s == [math.inf]


async def test_an_order_that_is_sent_again_waits_for_its_turn_with_the_time_that_is_left(house: House, shop: BusyShop):
    shop.__class__ = LossyShop
    shop.door.set()
    house.bus.subscribe(lambda event: shop.door.set() if isinstance(event, TurnAwaited) else None)
    await house.generated.find_asset(*patient(house, 20.0))
    assert shop.patience_s == pytest.approx([20.0, 19.9], abs=0.05)


async def test_job_whose_longest_wait_went_by_in_line_is_told_as_that(house: House, shop: BusyShop):
    house.desk.line_up()
    shop.door.set()
    shop.looks = 10**9
    house.bus.subscribe(lambda event: house.clock.advance(seconds=33) if isinstance(event, TurnAwaited) else None)
    with pytest.raises(JobPending) as caught:
        await house.generated.find_asset(*patient(house, 20.0))
    assert caught.value.why == "the longest wait of 20s was over before it was ordered"
