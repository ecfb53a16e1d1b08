"""Nobody pays twice: processes are killed at every state of an order, and the shop counts the charges."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

import shop as shop_program
from assetctl.clock import SystemClock
from assetctl.errors import (
    AssetUnavailable,
    IntegrityError,
    JobFailed,
    OutcomeUnknown,
    ServiceUnreachable,
    SpendRefused,
)
from assetctl.events import JobAdopted, JobSubmitted, WaitingForLock
from assetctl.generation.base import JobState
from assetctl.generation.orders import OrderState
from assetctl.models import Reuse, Source, Strategy
from fakes import REQUEST, House
from shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio

KILLED = 66
STATES = ["intended", "sent", "submitted", "accepted", "ready", "downloaded", "published", "closed"]


@pytest.fixture(autouse=True)
async def bounded():
    with anyio.fail_after(270):
        yield


def customer(folder: Path, deadly: str = "", submits: str = "accept", finds: str = "tell", looks: int = 2):
    return subprocess.Popen(
        [sys.executable, shop_program.__file__, str(folder), deadly, submits, finds, str(looks)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, str]]:
    told, trouble = process.communicate(timeout=240)
    assert trouble == ""
    return process.returncode, json.loads(told) if told else {}


async def served(folder: Path, **options: object) -> tuple[int, dict[str, str]]:
    return await anyio.to_thread.run_sync(lambda: ended(customer(folder, **options)))  # type: ignore[arg-type]


# Killed processes


@pytest.mark.parametrize("deadly", STATES)
async def test_killed_at_any_state_it_is_paid_once_and_delivered(tmp_path: Path, shop: Shop, deadly: str):
    assert (await served(tmp_path, deadly=deadly))[0] == KILLED
    code, told = await served(tmp_path)
    assert (code, told["cost"]) == (0, "0.40")
    assert shop.charges == 1
    again = await served(tmp_path)
    assert again == (0, {**told, "source": "cached"})
    assert shop.charges == 1


async def test_killed_at_every_state_in_turn_it_is_paid_once_and_delivered(tmp_path: Path, shop: Shop):
    for deadly in STATES:
        code, _ = await served(tmp_path, deadly=deadly)
        assert code in {0, KILLED}
    assert (await served(tmp_path))[0] == 0
    assert shop.charges == 1


@pytest.mark.parametrize("deadly", ["sent", "submitted"])
async def test_order_that_may_have_arrived_is_never_sent_again(tmp_path: Path, shop: Shop, deadly: str):
    assert (await served(tmp_path, deadly=deadly))[0] == KILLED
    arrived = shop.submissions
    for _ in range(3):
        code, told = await served(tmp_path, finds="silent")
        assert (code, told["code"]) == (10, "outcome_unknown")
    assert shop.submissions == arrived
    assert (await served(tmp_path))[0] == 0
    assert shop.charges == 1


async def test_lost_answer_is_told_and_settled_later(tmp_path: Path, shop: Shop):
    code, told = await served(tmp_path, submits="lose")
    assert (code, told["code"]) == (10, "outcome_unknown")
    assert (await served(tmp_path, submits="lose", finds="silent"))[0] == 10
    assert (await served(tmp_path, submits="lose", finds="unreachable"))[0] == 10
    assert (await served(tmp_path))[0] == 0
    assert (shop.charges, shop.submissions) == (1, 1)


@pytest.mark.parametrize("count", [2, 16])
async def test_equal_requests_at_once_are_paid_once(tmp_path: Path, shop: Shop, count: int):
    customers = [customer(tmp_path, looks=count) for _ in range(count)]
    answers = await anyio.to_thread.run_sync(lambda: [ended(process) for process in customers])
    assert [code for code, _ in answers] == [0] * count
    assert len({told["film"] for _, told in answers}) == 1
    assert (shop.charges, shop.submissions) == (1, 1)


async def test_others_carry_on_when_the_first_of_many_is_killed(tmp_path: Path, shop: Shop):
    victim = customer(tmp_path, deadly="accepted")
    others = [customer(tmp_path, looks=5) for _ in range(3)]
    answers = await anyio.to_thread.run_sync(lambda: [ended(process) for process in (victim, *others)])
    assert [code for code, _ in answers[1:]] == [0, 0, 0]
    assert shop.charges == 1


@pytest.mark.parametrize("is_paid", [True, False], ids=["paid", "free"])
async def test_whoever_waited_for_the_lock_orders_nothing_that_was_brought_home_meanwhile(
    build: Callable[..., House],
    shop: Shop,
    is_paid: bool,  # noqa: FBT001 - a table
):
    shop.is_paid = is_paid
    ours, other = build(clock=SystemClock()), build(clock=SystemClock())
    request, key = ours.asked()
    got: list[Source] = []
    waits = anyio.Event()
    ours.bus.subscribe(lambda event: waits.set() if isinstance(event, WaitingForLock) else None)

    async def ask() -> None:
        got.append((await ours.service.request_asset(request)).source)

    async with anyio.create_task_group() as group, other.desk.exclusively(key):
        group.start_soon(ask)
        await waits.wait()
        order = await other.desk.place(shop, key, request)
        await other.follower._collect(shop, order)
    assert got == [Source.GENERATED]
    assert shop.charges == 1


# What was paid for is not bought again


async def lose_the_entry(house: House) -> None:
    (entry,) = await house.cache.entries()
    path = await house.cache.verified(entry)
    assert path is not None
    path.unlink()


async def test_lost_file_of_a_paid_asset_is_fetched_again(build: Callable[..., House], shop: Shop):
    house = build()
    first = await house.service.request_asset(REQUEST)
    await lose_the_entry(house)
    again = await house.service.request_asset(REQUEST)
    assert again.source is Source.GENERATED
    assert (again.sha256, again.origin.job_id) == (first.sha256, first.origin.job_id)
    assert shop.charges == 1


async def test_damaged_file_of_a_paid_asset_is_fetched_again_with_a_warning(build: Callable[..., House], shop: Shop):
    house = build()
    first = await house.service.request_asset(REQUEST)
    first.path.chmod(0o600)
    first.path.write_bytes(b"film:damage")
    again = await house.service.request_asset(REQUEST)
    assert again.path.read_bytes() != b"film:damage"
    assert "damaged" in again.warnings[0]
    assert shop.charges == 1


@pytest.mark.parametrize("trouble", ["forgotten", "spoiled"])
async def test_lost_file_that_the_shop_lost_too_is_told_and_not_bought(
    build: Callable[..., House], shop: Shop, trouble: str
):
    house = build()
    await house.service.request_asset(REQUEST)
    await lose_the_entry(house)
    if trouble == "forgotten":
        shop.forgets = True
    else:
        shop.spoil(b"not a film")
    with pytest.raises(AssetUnavailable, match="was paid for") as caught:
        await house.service.request_asset(REQUEST)
    assert caught.value.job_id is not None
    assert "generate-always" in (caught.value.hint or "")
    assert shop.charges == 1


@pytest.mark.parametrize(
    "wish", [{"strategy": Strategy.GENERATE_ALWAYS}, {"prefer_cached": False}, {"reuse": Reuse.ALWAYS}]
)
async def test_new_one_is_bought_when_a_new_one_is_wanted(
    build: Callable[..., House], shop: Shop, wish: dict[str, object]
):
    house = build()
    request = replace(REQUEST, **wish)
    first = await house.service.request_asset(request)
    second = await house.service.request_asset(request)
    assert shop.charges == 2
    assert first.sha256 != second.sha256


async def test_new_one_is_bought_when_the_reuse_time_of_the_old_one_is_over(build: Callable[..., House], shop: Shop):
    house = build()
    await house.service.request_asset(REQUEST)
    house.clock.advance(days=366)
    assert (await house.service.request_asset(REQUEST)).source is Source.GENERATED
    assert shop.charges == 2


async def test_what_cost_nothing_is_made_anew_when_it_is_lost(build: Callable[..., House], shop: Shop):
    shop.is_paid = False
    house = build()
    await house.service.request_asset(REQUEST)
    await lose_the_entry(house)
    await house.service.request_asset(REQUEST)
    assert shop.submissions == 2


async def test_failed_job_is_not_ordered_again_by_itself(build: Callable[..., House], shop: Shop):
    shop.ends = JobState.FAILED
    house = build()
    request = replace(REQUEST, allow_placeholder=False)
    with pytest.raises(JobFailed, match="could not make") as caught:
        await house.service.request_asset(request)
    assert shop.submissions == 1
    assert "nothing is ordered again by itself" in (caught.value.hint or "")
    (order,) = await house.journal.orders(open_only=False)
    assert (order.state, order.detail) == (OrderState.FAILED, "it cannot be drawn")


async def test_broken_file_of_a_paid_job_is_kept_and_asked_for_again(build: Callable[..., House], shop: Shop):
    house = build()
    shop.looks = 2
    shop.after_charge = lambda: shop.spoil(b"not a film")
    with pytest.raises(IntegrityError):
        await house.service.request_asset(REQUEST)
    (order,) = await house.journal.orders(open_only=True)
    assert order.state is OrderState.READY
    shop.spoil(b"film:mended")
    asset = await house.service.request_asset(REQUEST)
    assert asset.path.read_bytes() == b"film:mended"
    assert shop.charges == 1


async def test_limit_refuses_before_anything_is_sent(build: Callable[..., House], shop: Shop):
    house = build(max_orders=1)
    await house.service.request_asset(REQUEST)
    other = replace(REQUEST, choice_id="wait")
    with pytest.raises(SpendRefused) as caught:
        await house.service.request_asset(other)
    assert caught.value.exit_code == 6
    assert shop.submissions == 1
    assert len(await house.journal.orders(open_only=False)) == 1


async def test_limit_of_nothing_still_adopts_and_serves(build: Callable[..., House], shop: Shop):
    await build().service.request_asset(REQUEST)
    frugal = build(max_orders=0)
    assert (await frugal.service.request_asset(REQUEST)).source is Source.CACHED
    await lose_the_entry(frugal)
    assert (await frugal.service.request_asset(REQUEST)).source is Source.GENERATED
    assert shop.charges == 1


async def test_refused_order_may_be_placed_again(build: Callable[..., House], shop: Shop):
    house = build()
    shop.submits = "unreachable"
    with pytest.raises(ServiceUnreachable):
        await house.service.request_asset(REQUEST)
    shop.submits = "refuse"
    assert (await house.service.request_asset(REQUEST)).source is Source.PLACEHOLDER
    shop.submits = "accept"
    assert (await house.service.request_asset(REQUEST)).source is Source.GENERATED
    assert (shop.submissions, shop.charges) == (3, 1)
    states = [order.state for order in await house.journal.orders(open_only=False)]
    assert states == [OrderState.REFUSED, OrderState.REFUSED, OrderState.CLOSED]


async def test_refused_orders_do_not_count_for_the_limit(build: Callable[..., House], shop: Shop):
    house = build(max_orders=1)
    shop.submits = "unreachable"
    with pytest.raises(ServiceUnreachable):
        await house.service.request_asset(REQUEST)
    shop.submits = "accept"
    assert (await house.service.request_asset(REQUEST)).source is Source.GENERATED


async def test_unknown_order_is_never_hidden_by_a_placeholder(build: Callable[..., House], shop: Shop):
    shop.submits, shop.finds = "lose", "silent"
    house = build()
    for _ in range(2):
        with pytest.raises(OutcomeUnknown) as caught:
            await house.service.request_asset(REQUEST)
        assert caught.value.hint == "assetctl jobs reconcile"
    assert shop.charges == 1


async def test_job_is_told_once_as_submitted_and_then_as_adopted(build: Callable[..., House], shop: Shop):
    shop.looks = 10
    detached = replace(REQUEST, max_wait_s=0.0)
    first, second = build(), build()
    for house in (first, second):
        with pytest.raises(Exception, match="not finished yet"):
            await house.service.request_asset(detached)
    assert any(isinstance(event, JobSubmitted) for event in first.events)
    assert not any(isinstance(event, JobSubmitted) for event in second.events)
    assert any(isinstance(event, JobAdopted) for event in second.events)
