"""From "wanted" to "this job makes it": what is there is adopted, what is unknown is asked about, never sent again."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import anyio
import pytest

from assetctl.clock import SystemClock
from assetctl.errors import (
    CacheError,
    InvalidRequest,
    JobFailed,
    JournalError,
    OutcomeUnknown,
    ServiceUnreachable,
    SpendRefused,
)
from assetctl.events import JobAdopted, JobSubmitted, WaitingForLock
from assetctl.generation.allowances import Allowance
from assetctl.generation.base import GenerationOrder
from assetctl.generation.ordering import LOCK_LIMIT_S
from assetctl.generation.orders import OrderState, this_process
from assetctl.models import Cost
from fakes import REQUEST, House
from shop import PRICE, Shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assetctl.generation.orders import Order
    from assetctl.models import Estimate

pytestmark = pytest.mark.anyio

KEY = "a" * 64


@pytest.fixture(autouse=True)
async def bounded():
    with anyio.fail_after(60):
        yield


async def place(house: House, shop: Shop, key: str = KEY) -> Order:
    async with house.desk.exclusively(key):
        return await house.desk.place(shop, key, REQUEST)


async def only_order(house: House) -> Order:
    (order,) = await house.journal.orders(open_only=False)
    return order


async def test_new_order_is_durable_with_its_job(house: House, shop: Shop):
    order = await place(house, shop)
    assert order.state is OrderState.ACCEPTED
    assert order.job_id is not None
    assert await only_order(house) == order
    assert (shop.submissions, shop.charges) == (1, 1)
    (event,) = house.events
    assert event == JobSubmitted(KEY, "shop", order.job_id, await shop.estimate(None))  # type: ignore[arg-type]
    assert event.estimate.cost_low == PRICE


async def test_order_is_in_the_journal_before_it_leaves(house: House, shop: Shop, tmp_path: Path):
    seen: list[bytes] = []
    shop.after_charge = lambda: seen.append((tmp_path / "house" / "journal.sqlite3").read_bytes())
    order = await place(house, shop)
    assert order.order_id.encode() in seen[0]
    assert b"sent" in seen[0]


async def test_idempotency_key_is_the_orders_id(house: House, shop: Shop):
    order = await place(house, shop)
    assert await shop.find(GenerationOrder(order.key, order.request), order.order_id, None) == order.job_id


@pytest.mark.parametrize("state", [OrderState.ACCEPTED, OrderState.READY, OrderState.DOWNLOADED, OrderState.PUBLISHED])
async def test_order_with_a_job_is_adopted(house: House, shop: Shop, state: OrderState):
    order = await house.journal.advance(await place(house, shop), state)
    house.events.clear()
    assert await place(house, shop) == order
    assert house.events == [JobAdopted(KEY, "shop", order.job_id or "")]
    assert shop.submissions == 1


async def test_intended_order_is_sent_under_its_own_id(house: House, shop: Shop):
    intended, _ = await house.journal.intend(KEY, "shop", REQUEST)
    order = await place(house, shop)
    assert (order.order_id, order.state) == (intended.order_id, OrderState.ACCEPTED)
    assert shop.charges == 1


@pytest.mark.parametrize("state", [OrderState.SENT, OrderState.UNKNOWN])
async def test_sent_order_that_arrived_is_settled_with_its_job(house: House, shop: Shop, state: OrderState):
    placed = await place(house, shop)
    await house.journal.advance(placed, state)
    house.events.clear()
    order = await place(house, shop)
    assert (order.state, order.job_id) == (OrderState.ACCEPTED, placed.job_id)
    assert house.events == [JobAdopted(KEY, "shop", placed.job_id or "")]
    assert shop.submissions == 1


@pytest.mark.parametrize("state", [OrderState.SENT, OrderState.UNKNOWN])
async def test_sent_order_that_surely_never_arrived_is_sent(house: House, shop: Shop, state: OrderState):
    intended, _ = await house.journal.intend(KEY, "shop", REQUEST)
    await house.journal.advance(intended, state)
    order = await place(house, shop)
    assert (order.order_id, order.state) == (intended.order_id, OrderState.ACCEPTED)
    assert shop.charges == 1


@pytest.mark.parametrize("finds", ["silent", "unreachable"])
async def test_order_that_cannot_be_settled_stays_unknown(house: House, shop: Shop, finds: str):
    intended, _ = await house.journal.intend(KEY, "shop", REQUEST)
    await house.journal.advance(intended, OrderState.SENT)
    shop.finds = finds
    for _ in range(2):
        with pytest.raises(OutcomeUnknown) as caught:
            await place(house, shop)
        assert caught.value.exit_code == 10
        assert caught.value.why
        assert caught.value.__cause__ is not None
    order = await only_order(house)
    assert (order.state, order.detail) == (OrderState.UNKNOWN, caught.value.why)
    assert shop.submissions == 0


async def test_lost_answer_is_unknown(house: House, shop: Shop):
    shop.submits = "lose"
    with pytest.raises(OutcomeUnknown, match="nobody knows"):
        await place(house, shop)
    order = await only_order(house)
    assert (order.state, order.detail) == (OrderState.UNKNOWN, "the shop's answer got lost")
    assert house.events == []


@pytest.mark.parametrize(("submits", "error"), [("refuse", JobFailed), ("unreachable", ServiceUnreachable)])
async def test_order_that_was_not_accepted_frees_its_key(
    house: House, shop: Shop, submits: str, error: type[Exception]
):
    shop.submits = submits
    with pytest.raises(error) as caught:
        await place(house, shop)
    order = await only_order(house)
    assert (order.state, order.detail) == (OrderState.REFUSED, str(caught.value))
    assert await house.journal.open_order(KEY) is None
    assert house.events == []


async def test_order_of_which_something_else_was_made_frees_its_key_and_counts(build: Callable[..., House], shop: Shop):
    house = build(max_orders=1)
    shop.submits = "mistake"
    with pytest.raises(JobFailed) as caught:
        await place(house, shop)
    order = await only_order(house)
    assert (order.state, order.detail, order.job_id) == (OrderState.FAILED, str(caught.value), caught.value.job_id)
    with pytest.raises(SpendRefused):
        await place(house, shop)
    assert shop.charges == 1


async def test_mistake_of_a_plug_in_leaves_the_order_to_be_settled(house: House, shop: Shop):
    def broken() -> None:
        raise ZeroDivisionError

    shop.after_charge = broken
    with pytest.raises(ZeroDivisionError):
        await place(house, shop)
    assert (await only_order(house)).state is OrderState.SENT
    assert (await place(house, shop)).state is OrderState.ACCEPTED
    assert shop.charges == 1


async def test_asker_who_leaves_while_he_orders_orders_nothing_twice(house: House, shop: Shop):
    scope = anyio.CancelScope()
    shop.after_charge = scope.cancel
    with scope:
        await place(house, shop)
    assert scope.cancel_called
    shop.after_charge = lambda: None
    shop.finds = "silent"  # the job id was told, so it must be known
    assert (await place(house, shop)).state is OrderState.ACCEPTED
    assert shop.charges == 1


async def test_limit_counts_orders_and_stops_before_the_journal(build: Callable[..., House], shop: Shop):
    house = build(max_orders=2)
    for letter in "bc":
        await place(house, shop, letter * 64)
    with pytest.raises(SpendRefused) as caught:
        await place(house, shop, "d" * 64)
    assert "may order 2" in (caught.value.why or "")
    assert (shop.submissions, len(await house.journal.orders(open_only=False))) == (2, 2)


@pytest.mark.parametrize("before", [None, OrderState.INTENDED])
async def test_closed_desk_sends_nothing_new_and_adopts_what_is_under_way(
    house: House, shop: Shop, before: OrderState | None
):
    asked, key = house.asked()
    if before is not None:
        await house.journal.intend(key, "shop", asked)
    house.desk.close_at(house.clock.elapsed_s() + 1)
    house.clock.advance(seconds=1)  # type: ignore[attr-defined]
    with pytest.raises(SpendRefused, match="deadline"):
        await house.desk.place(shop, key, asked)
    assert (shop.submissions, await house.journal.sent([key])) == (0, set())
    order, _ = await house.journal.intend(key, "shop", asked)
    await house.journal.advance(order, OrderState.ACCEPTED, job_id="7")
    assert (await house.desk.place(shop, key, asked)).job_id == "7"
    assert await house.journal.sent([key, "other"]) == {key}


async def test_limit_does_not_keep_from_adopting(build: Callable[..., House], shop: Shop):
    order = await place(build(), shop)
    assert await place(build(max_orders=0), shop) == order


async def test_lock_that_somebody_holds_is_told_and_given_up(build: Callable[..., House]):
    holder, waiting = build(clock=SystemClock()), build()
    async with holder.desk.exclusively(KEY):
        start = waiting.clock.elapsed_s()
        with pytest.raises(CacheError, match="still locked"):
            async with waiting.desk.exclusively(KEY):
                pytest.fail("two hold one lock")
        assert waiting.clock.elapsed_s() - start == pytest.approx(LOCK_LIMIT_S, abs=1)
    told = [event for event in waiting.events if isinstance(event, WaitingForLock)]
    assert told
    assert told[0].key == KEY
    assert "process" in told[0].owner
    async with waiting.desk.exclusively(KEY):
        pass


async def test_locks_of_other_keys_do_not_wait(build: Callable[..., House]):
    one, other = build(), build()
    async with one.desk.exclusively("a" * 64), other.desk.exclusively("b" * 64):
        assert other.events == []


async def no_prices(order: object) -> Estimate:
    del order
    raise ServiceUnreachable("no prices today")


async def test_order_whose_price_cannot_be_told_is_neither_written_down_nor_sent(house: House, shop: Shop):
    shop.estimate = no_prices  # type: ignore[method-assign]
    with pytest.raises(ServiceUnreachable):
        await place(house, shop)
    assert await house.journal.orders(open_only=False) == []
    assert shop.submissions == 0


async def test_intended_order_whose_price_cannot_be_told_frees_its_key(house: House, shop: Shop):
    await house.journal.intend(KEY, "shop", REQUEST)
    estimate, shop.estimate = shop.estimate, no_prices  # type: ignore[method-assign]
    with pytest.raises(ServiceUnreachable):
        await place(house, shop)
    assert (await only_order(house)).state is OrderState.REFUSED
    assert shop.submissions == 0
    shop.estimate = estimate  # type: ignore[method-assign]
    assert (await place(house, shop)).state is OrderState.ACCEPTED


async def test_generator_is_told_when_the_order_it_looks_for_was_sent(house: House, shop: Shop):
    intended, _ = await house.journal.intend(KEY, "shop", REQUEST)
    house.clock.advance(seconds=5)  # type: ignore[attr-defined]
    sent = await house.journal.advance(intended, OrderState.SENT)
    house.clock.advance(seconds=5)  # type: ignore[attr-defined]
    await house.journal.advance(sent, OrderState.UNKNOWN)
    shop.finds = "silent"
    with pytest.raises(OutcomeUnknown):
        await place(house, shop)
    assert shop.asked_about == [sent.sent_at]
    assert sent.sent_at == sent.updated_at


async def test_order_that_is_sent_says_so_and_how_often(house: House, shop: Shop):
    intended, _ = await house.journal.intend(KEY, "shop", REQUEST)
    await house.journal.advance(intended, OrderState.SENT)
    order = await place(house, shop)
    assert (order.sends, order.sent_at) == (2, house.clock.now())


async def test_settled_order_is_held_to_the_limit_before_it_is_sent_again(build: Callable[..., House], shop: Shop):
    house = build(max_orders=0)
    intended, _ = await house.journal.intend(KEY, "shop", REQUEST)
    await house.journal.advance(intended, OrderState.SENT)
    with pytest.raises(SpendRefused):
        await place(house, shop)
    assert (await only_order(house)).state is OrderState.SENT
    assert shop.submissions == 0


async def test_desk_keeps_to_the_allowance_it_was_given_last(build: Callable[..., House], shop: Shop):
    house = build(max_orders=1)
    await place(house, shop)
    house.desk.limit_to(Allowance("chapter", max_cost=PRICE))
    await place(house, shop, "b" * 64)
    with pytest.raises(SpendRefused, match="money"):
        await place(house, shop, "c" * 64)
    assert shop.charges == 2


async def test_what_costs_nothing_fits_into_any_limit_of_money(build: Callable[..., House], shop: Shop):
    house = build()
    shop.is_paid = False
    house.desk.limit_to(Allowance("chapter", max_cost=Cost(Decimal(0), "EUR")))
    assert (await place(house, shop)).state is OrderState.ACCEPTED


async def test_job_is_owned_by_whoever_ordered_it(house: House, shop: Shop):
    assert (await place(house, shop)).owner == this_process()


async def test_limit_holds_for_orders_at_the_same_time(build: Callable[..., House], shop: Shop):
    house = build(max_orders=1)
    refused: list[SpendRefused] = []

    async def one(key: str) -> None:
        try:
            await place(house, shop, key)
        except SpendRefused as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(one, f"{number:064x}")
    assert (shop.charges, len(refused)) == (1, 7)


async def test_refused_order_gives_its_place_under_the_limit_back(build: Callable[..., House], shop: Shop):
    house = build(max_orders=1)
    shop.submits = "refuse"
    with pytest.raises(JobFailed):
        await place(house, shop)
    shop.submits = "accept"
    assert (await place(house, shop)).state is OrderState.ACCEPTED


async def test_job_whose_id_cannot_be_written_down_is_named_and_adopted_later(house: House, shop: Shop):
    advance = house.journal.advance

    async def failing(order: Order, state: OrderState, **facts: object) -> Order:
        if state is OrderState.ACCEPTED:
            raise JournalError("the journal is in use")
        return await advance(order, state, **facts)  # type: ignore[arg-type]

    house.journal.advance = failing  # type: ignore[method-assign, assignment]
    with pytest.raises(OutcomeUnknown) as caught:
        await place(house, shop)
    house.journal.advance = advance  # type: ignore[method-assign]
    assert caught.value.job_id is not None
    assert "jobs reconcile" in (caught.value.hint or "")
    assert (await place(house, shop)).job_id == caught.value.job_id
    assert shop.charges == 1


async def test_order_that_its_service_would_not_take_is_neither_written_down_nor_sent(house: House, shop: Shop):
    shop.checks = InvalidRequest("the provider makes no such thing")
    with pytest.raises(InvalidRequest):
        await place(house, shop)
    assert await house.journal.orders(open_only=False) == []
    assert shop.submissions == 0


async def test_adopted_job_is_not_checked_again(house: House, shop: Shop):
    order = await place(house, shop)
    shop.checks = InvalidRequest("it makes no such thing any more")
    assert await place(house, shop) == order
