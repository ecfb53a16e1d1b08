"""What a generator makes: from an order that is placed or adopted, to a file that is verified and stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from assetctl.errors import GeneratorUnknown, InvalidRequest, JobPending
from assetctl.generation.base import JobState
from assetctl.generation.orders import OrderState
from assetctl.models import AssetType, Estimate, Source, Strategy, Would
from assetctl.providers.base import Asked
from fakes import REQUEST, House
from shop import PRICE, Shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def test_generated_asset_tells_who_made_it_and_what_it_cost(house: House, shop: Shop):
    asked, key = house.asked()
    asset = await house.generated.find_asset(asked, key)
    assert asset is not None
    order = await house.journal.last_closed(key)
    assert order is not None
    assert asset.source is Source.GENERATED
    assert asset.asset_id == f"shop:{order.job_id}"
    assert (asset.origin.provider, asset.origin.generator) == ("generator:shop", "shop")
    assert (asset.origin.model, asset.origin.job_id, asset.origin.created_at) == ("m1", order.job_id, house.clock.now())
    assert (asset.cost, asset.generation_time_ms) == (PRICE, 1500)
    assert (order.cost, order.digest) == (PRICE, asset.sha256)
    assert shop.charges == 1


@pytest.mark.parametrize("nature", [{"is_paid": True, "is_stand_in": False}, {"is_paid": False, "is_stand_in": True}])
async def test_entry_knows_whether_it_was_paid_and_stands_in(house: House, shop: Shop, nature: dict[str, bool]):
    shop.is_paid, shop.is_stand_in = nature["is_paid"], nature["is_stand_in"]
    asked, key = house.asked()
    await house.generated.find_asset(asked, key)
    entry = await house.cache.lookup(key)
    assert entry is not None
    assert {"is_paid": entry.paid, "is_stand_in": entry.stand_in} == nature
    assert entry.library is None


async def test_journal_walks_every_state(house: House):
    seen: list[str] = []
    advance = house.journal.advance

    async def recording(order: object, state: OrderState, **facts: object):
        seen.append(state.value)
        return await advance(order, state, **facts)  # type: ignore[arg-type]

    house.journal.advance = recording  # type: ignore[method-assign]
    await house.generated.find_asset(*house.asked())
    assert seen == ["sent", "accepted", "ready", "downloaded", "published", "closed"]


async def test_nobody_is_asked_when_no_generator_is_named(house: House, shop: Shop):
    _, key = house.asked()
    assert await house.generated.find_asset(REQUEST, key) is None
    availability = await house.generated.availability(REQUEST, key)
    assert availability.would is None
    assert shop.submissions == 0


async def test_unknown_generator_is_an_error(house: House):
    asked, key = house.asked(replace(REQUEST, generator="shoop"))
    with pytest.raises(GeneratorUnknown, match="shoop"):
        await house.generated.find_asset(asked, key)


async def test_offline_leaves_the_shop_out(build: Callable[..., House], shop: Shop):
    house = build(offline=True)
    asked, key = house.asked()
    assert await house.generated.find_asset(asked, key) is None
    assert (await house.generated.availability(asked, key)).reasons == ("`shop` can't be used offline",)
    assert shop.submissions == 0


async def test_offline_keeps_who_needs_no_network(build: Callable[..., House], shop: Shop):
    shop.needs_network = False
    house = build(offline=True)
    assert await house.generated.find_asset(*house.asked()) is not None


async def test_nothing_is_generated_by_id(house: House, shop: Shop):
    await house.generated.find_asset(*house.asked())
    (entry,) = await house.cache.entries()
    assert await house.generated.get_asset(entry.asset_id) is None
    assert (await house.generated.has_asset(entry.asset_id)).would is None
    assert shop.charges == 1


async def test_availability_tells_the_estimate_and_a_new_job(house: House, shop: Shop):
    availability = await house.generated.availability(*house.asked())
    assert (availability.would, availability.source) == (Would.GENERATE, Source.GENERATED)
    assert availability.estimate is not None
    assert availability.estimate.cost_low == PRICE
    assert availability.reasons == ("`shop` makes it: a new job",)
    assert shop.submissions == 0


async def test_availability_tells_the_job_that_makes_it_already(house: House, shop: Shop):
    shop.looks = 100
    asked, key = house.asked()
    with pytest.raises(JobPending) as caught:
        await house.generated.find_asset(replace(asked, max_wait_s=0.0), key)
    availability = await house.generated.availability(asked, key)
    assert availability.reasons == (f"`shop` makes it: the job `{caught.value.job_id}`, which is accepted already",)


async def test_request_without_a_wait_does_not_wait(house: House, shop: Shop):
    shop.looks = 100
    asked, key = house.asked()
    with pytest.raises(JobPending, match="not finished yet"):
        await house.generated.find_asset(replace(asked, max_wait_s=None), key)
    assert house.clock.slept == []


async def test_image_is_made_as_an_image(house: House):
    asked, key = house.asked(replace(REQUEST, asset_type=AssetType.IMAGE))
    asset = await house.generated.find_asset(asked, key)
    assert asset is not None
    assert (asset.asset_type, asset.media.mime_type) == (AssetType.IMAGE, "image/png")


async def test_job_that_ends_while_waited_for_is_collected(house: House, shop: Shop):
    shop.looks = 4
    assert await house.generated.find_asset(*house.asked()) is not None
    assert len(house.clock.slept) == 3
    assert shop.ends is JobState.SUCCEEDED


async def test_order_left_published_by_a_killed_asker_makes_room_for_a_new_one(house: House, shop: Shop):
    await house.generated.find_asset(*house.asked())
    (order,) = await house.journal.orders(open_only=False)
    await house.journal.advance(order, OrderState.PUBLISHED)
    again = replace(REQUEST, strategy=Strategy.GENERATE_ALWAYS)
    asked, key = house.asked(again)
    asset = await house.generated.find_asset(asked, key)
    assert asset is not None
    assert asset.origin.job_id != order.job_id
    assert shop.charges == 2
    assert await house.journal.open_order(key) is None


async def test_order_left_published_is_not_bought_again_when_its_file_is_lost(house: House, shop: Shop):
    asked, key = house.asked()
    first = await house.generated.find_asset(asked, key)
    assert first is not None
    (order,) = await house.journal.orders(open_only=False)
    await house.journal.advance(order, OrderState.PUBLISHED)
    first.path.unlink()
    asset = await house.generated.find_asset(asked, key)
    assert asset is not None
    assert asset.origin.job_id == order.job_id
    assert shop.charges == 1


@pytest.mark.parametrize("is_stand_in", [True, False])
async def test_type_that_is_not_made_is_a_miss_of_a_stand_in_alone(tmp_path: Path, is_stand_in: bool):  # noqa: FBT001 - a table
    shop = Shop(tmp_path / "other", is_stand_in=is_stand_in)
    house = House(tmp_path / "with-other", generator=shop)
    asked, key = house.asked(replace(REQUEST, asset_type=AssetType.AUDIO))
    if is_stand_in:
        assert await house.generated.find_asset(asked, key) is None
        assert (await house.generated.availability(asked, key)).reasons == ("`shop` makes no audio",)
    else:
        for ask in (house.generated.find_asset, house.generated.availability):
            with pytest.raises(InvalidRequest, match="makes audio") as caught:
                await ask(asked, key)
            assert "library" in (caught.value.hint or "")
    assert shop.submissions == 0


# What it would take


async def remember(house: House, *times_ms: int) -> None:
    for number, time_ms in enumerate(times_ms):
        order, _ = await house.journal.intend(f"{number:064x}", "shop", REQUEST)
        await house.journal.advance(order, OrderState.CLOSED, generation_time_ms=time_ms)


async def test_time_of_an_order_is_what_such_jobs_took_here(house: House):
    await remember(house, *[20_000] * 5, *[60_000] * 5)
    estimate = (await house.generated.availability(*house.asked())).estimate
    assert estimate is not None
    assert (estimate.seconds_low, estimate.seconds_high) == (20.0, 60.0)
    assert estimate.basis == "the latest 10 of type video took 20s to 1m here"
    assert (estimate.cost_low, estimate.cost_high) == (PRICE, PRICE)


async def test_too_few_jobs_or_those_of_another_type_leave_the_time_unknown(house: House):
    await remember(house, 20_000, 20_000)
    asked, key = house.asked()
    assert (await house.generated.availability(asked, key)).estimate == Estimate(cost_low=PRICE, cost_high=PRICE)
    await remember(house, *[20_000] * 4)
    image = replace(asked, asset_type=AssetType.IMAGE)
    assert (await house.generated.availability(image, key)).estimate == Estimate(cost_low=PRICE, cost_high=PRICE)


async def test_time_that_a_generator_states_stands(house: House, shop: Shop):
    stated = Estimate(PRICE, PRICE, 1.0, 2.0, "its list")

    async def estimate(_: object) -> Estimate:
        return stated

    shop.estimate = estimate  # type: ignore[method-assign]
    await remember(house, *[20_000] * 4)
    assert (await house.generated.availability(*house.asked())).estimate == stated


async def test_history_is_read_once_for_many(house: House):
    await remember(house, *[20_000] * 4)
    reads: list[object] = []
    usual_time = house.journal.usual_time

    async def counting(*kind: object):
        reads.append(kind)
        return await usual_time(*kind)  # type: ignore[arg-type]

    house.journal.usual_time = counting  # type: ignore[method-assign]
    asked = [Asked(*house.asked(replace(REQUEST, scene_id=f"s{number}"))) for number in range(20)]
    outlooks = await house.generated.outlooks(asked)
    assert {outlook.estimate.seconds_low for outlook in outlooks} == {20.0}  # type: ignore[union-attr]
    assert len(reads) == 1
