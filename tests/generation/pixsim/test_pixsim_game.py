"""The game endpoint is looked for once, told only what it can be told, charged once, and never asked twice for one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest
from shopping import SETTLE_S, order_of

from assetctl.cache.lookups import Lookups
from assetctl.errors import InvalidRequest, JobFailed, NotAllowed, OutcomeUnknown, ServiceError, ServiceUnreachable
from assetctl.generation.base import JobState
from assetctl.generation.pixsim.game import asset_of
from assetctl.generation.pixsim.generator import PixsimGenerator
from assetctl.generation.registry import GeneratorContext
from assetctl.models import AssetInput, AssetRequest, AssetType, Reuse, Strategy, Style, Via
from service import faults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from shopping import Shopper

    from assetctl.generation.base import GenerationOrder
    from service.harness import LookAlike

pytestmark = pytest.mark.anyio

GAME, CREATE = "POST /api/v1/game/assets/request", "POST /api/v1/generations"
NONCE = "a1" * 16
REQUEST = AssetRequest(
    scene_id="romance_5", choice_id="confess", provider="pixverse", generator="pixsim", max_wait_s=9.0, via=Via.GAME
)
ORDER = order_of(REQUEST)
CLASSIC = order_of(replace(REQUEST, prompt="She says it"))


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def restarted(shopper: Shopper, tmp_path: Path, told: list[str]) -> Callable[[], PixsimGenerator]:
    """The generator as each process has its own, over what all of them remember."""

    def restarted() -> PixsimGenerator:
        context = GeneratorContext(
            data_dir=tmp_path,
            clock=shopper.clock,
            pixsim=lambda: shopper.client,
            default_provider="pixverse",
            lookups=lambda: Lookups(tmp_path / "lookups", clock=shopper.clock),
            tell=told.append,
        )
        return PixsimGenerator(context, settle_s=SETTLE_S)

    return restarted


@pytest.fixture
def generator(restarted: Callable[[], PixsimGenerator]) -> PixsimGenerator:
    return restarted()


@pytest.fixture
def gaming(server: LookAlike) -> LookAlike:
    server.configure(game_assets=True)
    return server


# --- where there is none --------------------------------------------------------------------------------------------


async def test_server_without_it_is_asked_the_classic_way(
    server: LookAlike, generator: PixsimGenerator, told: list[str]
):
    await generator.check(CLASSIC)
    job_id = await generator.submit(CLASSIC, NONCE)
    (job,) = server.jobs()
    assert (job_id, job["final_prompt"]) == (str(job["id"]), "She says it")
    assert told == [f"`{server.url}` has no game endpoint: it is asked the classic way"]


@pytest.mark.parametrize(("status", "order"), [(404, CLASSIC), (422, ORDER)])
async def test_what_was_found_is_remembered_by_all_processes(
    server: LookAlike, restarted: Callable[[], PixsimGenerator], status: int, order: GenerationOrder
):
    server.configure(game_assets=status == 422)
    for generator in (restarted(), restarted()):
        await generator.check(order)
        await generator.check(order)
    (looked,) = server.requests(GAME)
    assert looked["status"] == status
    assert server.charges() == []


async def test_many_orders_look_once(gaming: LookAlike, generator: PixsimGenerator):
    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(generator.check, ORDER)
    assert len(gaming.requests(GAME)) == 1


@pytest.mark.parametrize("status", [405, 501])
async def test_only_a_missing_address_means_that_there_is_none(
    server: LookAlike, generator: PixsimGenerator, status: int
):
    server.fault(GAME, faults.answers(status, "no", code="error"), times=None)
    if status == 405:
        await generator.check(CLASSIC)
    else:
        with pytest.raises(ServiceError):
            await generator.check(CLASSIC)
    assert server.jobs() == []


async def test_server_that_cannot_be_asked_is_ordered_nothing(server: LookAlike, generator: PixsimGenerator):
    server.kill()
    with pytest.raises(ServiceUnreachable):
        await generator.submit(ORDER, NONCE)


async def test_classic_orders_look_for_nothing(gaming: LookAlike, generator: PixsimGenerator):
    await generator.check(order_of(replace(CLASSIC.request, via=Via.CLASSIC)))
    assert gaming.requests(GAME) == []


# --- where there is one ---------------------------------------------------------------------------------------------


async def test_order_is_charged_once_and_done_at_once(gaming: LookAlike, generator: PixsimGenerator):
    await generator.check(ORDER)
    job_id = await generator.submit(ORDER, NONCE)
    (asset,) = gaming.assets()
    assert asset_of(job_id) == asset["id"]
    assert (await generator.status(job_id)).state is JobState.SUCCEEDED
    assert (await generator.cancel(job_id)).state is JobState.SUCCEEDED
    file = await generator.result(job_id)
    assert (file.asset_id, file.url) == (str(asset["id"]), gaming.url + asset["file_url"])
    assert (file.sha256, file.size_bytes, file.generation_time_ms) == (asset["sha256"], asset["file_size_bytes"], 40)
    await generator.announce(job_id, ORDER)
    assert "scene:romance_5" in {tag["slug"] for tag in gaming.assets()[0]["tags"]}
    assert len(gaming.charges()) == 1
    assert gaming.requests(CREATE) == gaming.sightings() == []


async def test_job_is_as_good_after_a_restart(gaming: LookAlike, restarted: Callable[[], PixsimGenerator]):
    job_id = await restarted().submit(ORDER, NONCE)
    file = await restarted().result(job_id)
    assert (file.sha256, file.generation_time_ms) == (gaming.assets()[0]["sha256"], None)


async def test_asset_of_the_servers_library_costs_nothing_and_is_not_tagged(
    gaming: LookAlike, shopper: Shopper, generator: PixsimGenerator
):
    made = gaming.add_asset(shopper.account, tags=["scene:romance_5", "choice:confess"])
    job_id = await generator.submit(ORDER, NONCE)
    await generator.announce(job_id, ORDER)
    assert (await generator.result(job_id)).asset_id == str(made["id"])
    assert gaming.charges() == gaming.requests("POST /api/v1/assets/*/tags/assign") == []


@pytest.mark.parametrize("fields", [{"strategy": Strategy.GENERATE_ALWAYS}, {"reuse": Reuse.ALWAYS}])
async def test_what_is_to_be_new_is_made_anew(
    gaming: LookAlike, shopper: Shopper, generator: PixsimGenerator, fields: dict[str, Any]
):
    gaming.add_asset(shopper.account, tags=["scene:romance_5", "choice:confess"])
    await generator.submit(order_of(replace(REQUEST, **fields)), NONCE)
    assert len(gaming.charges()) == 1


async def test_old_asset_is_refused_where_a_new_one_is_wanted(gaming: LookAlike, generator: PixsimGenerator):
    document = '{"asset_id": "12", "source": "cached"}'
    await generator.check(ORDER)
    gaming.fault(GAME, faults.text(document))
    with pytest.raises(JobFailed, match="made nothing new") as caught:
        await generator.submit(order_of(replace(REQUEST, strategy=Strategy.GENERATE_ALWAYS)), NONCE)
    assert caught.value.job_id == "asset:12"


async def test_who_may_not_generate_is_given_what_there_is(gaming: LookAlike, generator: PixsimGenerator):
    with pytest.raises(ServiceError, match="404"):
        await generator.submit(order_of(replace(REQUEST, allow_generation=False)), NONCE)
    assert gaming.charges() == []


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"prompt": "She says it"}, "--prompt"),
        ({"asset_type": AssetType.IMAGE}, "--type"),
        ({"style": Style.ANIME}, "--style"),
        ({"duration_s": 4.0}, "--duration"),
        ({"seed": 7}, "--seed"),
        ({"provider": "sora"}, "--provider"),
        ({"model": "v6"}, "--model"),
        ({"parameters": {"quality": "540p"}}, "--param"),
        ({"inputs": (AssetInput(asset_id="12"),)}, "inputs"),
        ({"reuse": Reuse.PER_PLAYER, "player_id": "ann"}, "--reuse"),
        ({"max_wait_s": 0.0}, "--detach"),
    ],
)
async def test_what_it_cannot_be_told_is_refused_and_not_sent(
    gaming: LookAlike, generator: PixsimGenerator, fields: dict[str, Any], name: str
):
    order = order_of(replace(REQUEST, **fields))
    with pytest.raises(InvalidRequest, match=name) as caught:
        await generator.check(order)
    assert "--via classic" in (caught.value.hint or "")
    with pytest.raises(JobFailed, match=name):
        await generator.submit(order, NONCE)
    assert len(gaming.requests(GAME)) == 1


# --- what may go wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        faults.lost_after(),
        faults.reset("after"),
        faults.lost_before(),
        faults.answers(500, "boom", code="internal_error", when="after"),
        faults.answers(502, "bad gateway", when="after"),
        faults.text('{"asset_id": null}'),
        faults.text("fine"),
    ],
)
async def test_lost_answer_stays_unknown_and_is_never_sent_again(
    gaming: LookAlike, restarted: Callable[[], PixsimGenerator], shopper: Shopper, fault: dict[str, Any]
):
    generator = restarted()
    await generator.check(ORDER)
    gaming.fault(GAME, fault)
    with pytest.raises(OutcomeUnknown, match="can't be found again") as caught:
        await generator.submit(ORDER, NONCE)
    assert "--forget" in (caught.value.hint or "")
    assert caught.value.ask_again_in_s is None
    sent_at = shopper.now()
    await anyio.sleep(SETTLE_S)
    for later in (generator, restarted()):
        with pytest.raises(OutcomeUnknown, match="can't be found again"):
            await later.find(ORDER, NONCE, sent_at)
    assert len(gaming.requests(GAME)) == 2


async def test_order_that_went_the_classic_way_is_found_or_surely_lost(
    server: LookAlike, shopper: Shopper, restarted: Callable[[], PixsimGenerator]
):
    generator = restarted()
    server.fault(CREATE, faults.lost_before())
    with pytest.raises(OutcomeUnknown):
        await generator.submit(CLASSIC, NONCE)
    sent_at = shopper.now()
    await anyio.sleep(SETTLE_S)
    with pytest.raises(OutcomeUnknown):
        await restarted().find(CLASSIC, NONCE, sent_at)
    assert await generator.find(CLASSIC, NONCE, sent_at) is None
    job_id = await generator.submit(CLASSIC, NONCE)
    assert await restarted().find(CLASSIC, NONCE, shopper.now()) == job_id


async def test_endpoint_that_is_gone_is_looked_for_again(gaming: LookAlike, restarted: Callable[[], PixsimGenerator]):
    await restarted().check(ORDER)
    gaming.configure(game_assets=False)
    generator = restarted()
    with pytest.raises(ServiceError):
        await generator.submit(ORDER, NONCE)
    job_id = await generator.submit(CLASSIC, NONCE)
    assert job_id == str(gaming.jobs()[0]["id"])


async def test_answer_of_the_wrong_type_is_refused(gaming: LookAlike, generator: PixsimGenerator):
    gaming.script(file={"media_type": "image"})
    job_id = await generator.submit(ORDER, NONCE)
    with pytest.raises(JobFailed) as caught:
        await generator.result(job_id)
    assert (caught.value.why, caught.value.job_id) == ("it is no video but `image`", job_id)


async def test_archived_asset_is_refused(gaming: LookAlike, generator: PixsimGenerator):
    job_id = await generator.submit(ORDER, NONCE)
    gaming.change_asset(asset_of(job_id) or 0, is_archived=True)
    with pytest.raises(JobFailed) as caught:
        await generator.result(job_id)
    assert caught.value.why == "it is archived"


async def test_somebody_elses_asset_is_refused_also_to_who_may_see_it(
    gaming: LookAlike, shopper: Shopper, generator: PixsimGenerator
):
    other = gaming.add_asset(gaming.user("other"))
    with pytest.raises(NotAllowed):
        await generator.result(f"asset:{other['id']}")
    gaming.change_user(shopper.account, role="admin")
    with pytest.raises(JobFailed) as caught:
        await generator.result(f"asset:{other['id']}")
    assert caught.value.why == "it belongs to somebody else"


async def test_asset_that_is_gone_is_told(gaming: LookAlike, generator: PixsimGenerator):
    with pytest.raises(JobFailed, match="is gone"):
        await generator.result("asset:999")
    await generator.announce("asset:999", ORDER)
    assert gaming.requests("POST /api/v1/assets/*/tags/assign") == []


@pytest.mark.parametrize("job_id", ["12", "asset:", "asset:x", "asset:-1", " asset:1"])
def test_other_ids_are_no_jobs_of_the_endpoint(job_id: str):
    assert asset_of(job_id) is None
