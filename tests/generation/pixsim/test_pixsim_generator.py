"""One order is one generation at the server, whatever it answers; each of its oddities is told as what it is."""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import anyio
import pytest
from shopping import SETTLE_S, order_of, until

from assetctl.clock import SystemClock
from assetctl.errors import (
    AssetctlError,
    ConfigError,
    InvalidRequest,
    JobError,
    JobFailed,
    NotAllowed,
    OutcomeUnknown,
    ServiceError,
)
from assetctl.generation.base import JobState
from assetctl.generation.pixsim.generator import PixsimGenerator
from assetctl.generation.registry import GeneratorContext, GeneratorRegistry
from assetctl.media.inputs import with_digests
from assetctl.models import AssetInput, AssetRequest, AssetType, Reuse, Style
from assetctl.network import Origin, ssl_context
from assetctl.pixsim.socket import EventSocket
from service import faults

if TYPE_CHECKING:
    from pathlib import Path

    from shopping import Shopper

    from assetctl.generation.base import JobStatus
    from service.harness import LookAlike

pytestmark = pytest.mark.anyio

CREATE = "POST /api/v1/generations"
NONCE, OTHER_NONCE = "a1" * 16, "b2" * 16
REQUEST = AssetRequest(
    scene_id="Romance_5", choice_id="confess", prompt="She says it", provider="pixverse", generator="pixsim"
)
ORDER = order_of(REQUEST)
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" + b"IEND\xaeB`\x82"


async def ended(shopper: Shopper, job_id: str) -> JobStatus:
    return await until(lambda: shopper.generator.status(job_id), lambda status: status.ends_wait)


async def is_at_the_server(server: LookAlike, status: str) -> None:
    """The only job has that `status`, whether anybody asked or not."""

    async def look() -> str:
        (job,) = server.jobs()
        return job["status"]

    await until(look, lambda seen: seen == status)


# --- what is sent ---------------------------------------------------------------------------------------------------


async def test_order_becomes_one_generation_and_its_file(server: LookAlike, shopper: Shopper):
    server.script(outcomes=["waits"])
    await shopper.generator.check(ORDER)
    job_id = await shopper.generator.submit(ORDER, NONCE)
    assert (await shopper.generator.status(job_id)).state is JobState.QUEUED
    server.move_job(int(job_id), {"after_s": 0.0, "to": "processing"})
    await until(lambda: shopper.generator.status(job_id), lambda status: status.state is JobState.RUNNING)
    server.change_job(int(job_id), started_at=(shopper.now() - timedelta(seconds=2)).isoformat())
    server.move_job(int(job_id), {"after_s": 0.0, "to": "completed"}, {"after_s": 0.0, "to": "ingested"})
    assert (await ended(shopper, job_id)).state is JobState.SUCCEEDED
    file = await shopper.generator.result(job_id)
    (asset,) = server.assets()
    assert (file.asset_id, file.url) == (str(asset["id"]), server.url + asset["file_url"])
    assert (file.sha256, file.size_bytes) == (asset["sha256"], asset["file_size_bytes"])
    assert file.cost is None
    assert (file.generation_time_ms or 0) >= 2_000
    (charge,) = server.charges()
    assert NONCE in charge["nonce"]
    assert ORDER.key[:32] in charge["nonce"]
    assert NONCE in charge["name"]
    assert server.sightings() == []


async def test_knobs_inputs_and_context_arrive(server: LookAlike, shopper: Shopper):
    picture = server.add_asset(shopper.account, "image")
    request = replace(
        REQUEST,
        duration_s=4.0,
        seed=7,
        model="v6",
        style=Style.ANIME,
        reuse=Reuse.PER_PLAYER,
        player_id="ann",
        parameters={"quality": "540p", "audio": True, "rating": "PG", "pacing": "slow", "priority": 2},
        inputs=(AssetInput(role="main_character", asset_id=str(picture["id"])),),
    )
    await shopper.generator.check(order_of(request))
    await shopper.generator.submit(order_of(request), NONCE)
    (job,) = server.jobs()
    stated = job["canonical_params"]
    assert job["operation_type"] == "image_to_video"
    assert job["priority"] == 2
    assert [stated[name] for name in ("duration", "seed", "model", "style", "quality", "audio")] == [
        4.0, 7, "v6", "anime", "540p", True,
    ]  # fmt: skip
    assert (stated["content_rating"], stated["pacing"]) == ("PG", "slow")
    assert stated["player_context"]["player_id"] == "ann"
    assert [entry["asset"] for entry in stated["composition_assets"]] == [f"asset:{picture['id']}"]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"asset_type": AssetType.AUDIO}, "no operation at the backend makes audio"),
        ({"provider": "pixvers"}, "has no provider `pixvers`"),
        ({"provider": "remaker"}, "can't do `text_to_video`"),
        ({"model": "v1"}, "no value for the parameter `model`"),
        ({"duration_s": 60.0}, "`duration` is out of range"),
        ({"prompt": None}, "needs a prompt"),
        ({"inputs": (AssetInput(role="hero", asset_id="999999"),)}, "has no asset `999999`"),
        ({"inputs": (AssetInput(role="hero", asset_id="twelve"),)}, "has no asset `twelve`"),
    ],
)
async def test_what_cannot_be_made_is_refused_before_anything_is_sent(
    server: LookAlike, shopper: Shopper, fields: dict[str, object], what: str
):
    order = order_of(replace(REQUEST, **fields))
    with pytest.raises(InvalidRequest) as caught:
        await shopper.generator.check(order)
    assert what in caught.value.what
    with pytest.raises(JobFailed):
        await shopper.generator.submit(order, NONCE)
    assert server.requests(CREATE) == []


async def test_transition_with_too_many_lines_is_refused_before_anything_is_sent(server: LookAlike, shopper: Shopper):
    ids = [server.add_asset(shopper.account, "image")["id"] for _ in range(2)]
    inputs = tuple(AssetInput(AssetType.IMAGE, asset_id=str(number)) for number in ids)
    order = order_of(replace(REQUEST, prompt="one\ntwo\nthree", inputs=inputs))
    with pytest.raises(InvalidRequest, match="takes 1 prompts"):
        await shopper.generator.check(order)


async def test_asset_of_another_type_or_user_is_no_input(server: LookAlike, shopper: Shopper):
    clip = server.add_asset(shopper.account, "video")
    foreign = server.add_asset(server.user("stranger"), "image")
    wrong = replace(REQUEST, inputs=(AssetInput(AssetType.IMAGE, asset_id=str(clip["id"])),))
    with pytest.raises(InvalidRequest, match="is no image"):
        await shopper.generator.check(order_of(wrong))
    theirs = replace(REQUEST, inputs=(AssetInput(role="hero", asset_id=str(foreign["id"])),))
    with pytest.raises(AssetctlError):
        await shopper.generator.check(order_of(theirs))


async def test_providers_are_asked_once(server: LookAlike, shopper: Shopper):
    for _ in range(3):
        await shopper.generator.check(ORDER)
    assert len(server.requests("GET /api/v1/providers")) == 1


async def test_knobs_are_shown_by_provider(shopper: Shopper):
    table = await shopper.generator.provider_parameters()
    assert set(table) == {"pixverse", "sora", "remaker"}
    assert "quality" in {spec.name for spec in table["pixverse"]["text_to_video"]}


# --- files that go in -----------------------------------------------------------------------------------------------


async def test_file_is_uploaded_once_and_named_in_the_order(server: LookAlike, shopper: Shopper, tmp_path: Path):
    path = tmp_path / "lantern.png"
    path.write_bytes(PNG)
    # What jobs make would be assets too.
    server.script(outcomes=["waits"])
    request = with_digests(replace(REQUEST, inputs=(AssetInput(AssetType.IMAGE, path=path),)))
    await shopper.generator.check(order_of(request))
    assert server.requests("POST /api/v1/assets/upload") == []
    await shopper.generator.submit(order_of(request), NONCE)
    await shopper.new.submit(order_of(replace(request, prompt="Another")), OTHER_NONCE)
    (asset,) = server.assets()
    assert asset["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert len(server.requests("POST /api/v1/assets/upload")) == 1
    assert [job["inputs"][0]["asset"] for job in server.jobs()] == [f"asset:{asset['id']}"] * 2


async def test_similar_image_in_its_place_is_refused(server: LookAlike, shopper: Shopper, tmp_path: Path):
    server.configure(similar_images=True)
    server.add_asset(shopper.account, "image")
    path = tmp_path / "lantern.png"
    path.write_bytes(PNG)
    request = with_digests(replace(REQUEST, inputs=(AssetInput(AssetType.IMAGE, path=path),)))
    with pytest.raises(JobFailed, match="which is another file") as caught:
        await shopper.generator.submit(order_of(request), NONCE)
    assert "--asset-ref" in (caught.value.hint or "")
    assert server.jobs() == []


async def test_file_that_changed_since_it_was_asked_with_is_not_sent(
    server: LookAlike, shopper: Shopper, tmp_path: Path
):
    path = tmp_path / "lantern.png"
    path.write_bytes(PNG)
    order = order_of(with_digests(replace(REQUEST, inputs=(AssetInput(AssetType.IMAGE, path=path),))))
    path.write_bytes(PNG.replace(b"pixels", b"Pixels"))
    with pytest.raises(InvalidRequest, match="not the file any more"):
        await shopper.generator.check(order)
    with pytest.raises(JobFailed, match="not the file any more"):
        await shopper.generator.submit(order, NONCE)
    path.unlink()
    with pytest.raises(JobFailed, match="can't be read"):
        await shopper.generator.submit(order, NONCE)
    assert server.requests("POST *") == [] or all("search" in r["route"] for r in server.requests("POST *"))


# --- what comes back ------------------------------------------------------------------------------------------------


async def test_order_uses_the_turn_that_was_taken_for_it(shopper: Shopper):
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(shopper.generator.turn(ORDER.key, lambda: None, math.inf))
        for _ in range(19):
            await stack.enter_async_context(shopper.client.turn())
        with anyio.fail_after(30):
            await shopper.generator.submit(ORDER, NONCE)
    assert shopper.clock.slept_s == []


async def test_who_wants_the_same_as_another_leaves_the_others_turn_alone(shopper: Shopper):
    first, second = AsyncExitStack(), AsyncExitStack()
    async with first, second:
        await first.enter_async_context(shopper.generator.turn(ORDER.key, lambda: None, math.inf))
        await second.enter_async_context(shopper.generator.turn(ORDER.key, lambda: None, math.inf))
        await first.aclose()
        for _ in range(19):
            await second.enter_async_context(shopper.client.turn())
        with anyio.fail_after(30):
            await shopper.generator.submit(ORDER, NONCE)
    assert shopper.clock.slept_s == []


async def test_two_who_want_the_same_may_leave_in_any_order(shopper: Shopper):
    async with AsyncExitStack() as first:
        await first.enter_async_context(shopper.generator.turn(ORDER.key, lambda: None, math.inf))
        async with shopper.generator.turn(ORDER.key, lambda: None, math.inf):
            pass
        await shopper.generator.submit(ORDER, NONCE)


async def test_equal_requests_of_two_orders_are_two_generations(server: LookAlike, shopper: Shopper):
    first = await shopper.generator.submit(ORDER, NONCE)
    second = await shopper.generator.submit(ORDER, OTHER_NONCE)
    assert first != second
    assert len(server.jobs()) == 2


async def test_repeated_order_is_the_same_generation(server: LookAlike, shopper: Shopper):
    first = await shopper.generator.submit(ORDER, NONCE)
    assert await shopper.new.submit(ORDER, NONCE) == first
    assert len(server.jobs()) == 1


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("paused", JobState.PAUSED),
        ("cancelled", JobState.CANCELLED),
        ("completed", JobState.SUCCEEDED),
        ("hang", JobState.RUNNING),
    ],
)
async def test_repeated_order_is_told_as_it_stands(server: LookAlike, shopper: Shopper, outcome: str, state: JobState):
    server.script(outcomes=[outcome])
    job_id = await shopper.generator.submit(ORDER, NONCE)
    await until(lambda: shopper.generator.status(job_id), lambda status: status.state is state)
    assert await shopper.new.submit(ORDER, NONCE) == job_id
    assert (await shopper.new.status(job_id)).state is state
    assert len(server.jobs()) == 1


def foreign(
    status: str = "completed",
    *,
    scene: str | None = "scene-b",
    name: str = "client test",
    created_at: str = "2020-01-01T00:00:00Z",
) -> dict:
    """The server answers with a row that somebody ordered before."""
    row = {
        "id": 4711,
        "user": {"type": "user", "id": 77},
        "operation_type": "text_to_video",
        "provider_id": "pixverse",
        "canonical_params": {"prompt": "a storm", "scene_context": scene and {"to_scene": {"id": scene}}},
        "status": status,
        "name": name,
        "created_at": created_at,
    }
    return faults.text(json.dumps(row), 201, "application/json")


@pytest.mark.parametrize("status", ["completed", "cancelled", "paused", "failed"])
@pytest.mark.parametrize("scene", ["scene-b", None])
async def test_old_row_handed_out_is_not_taken_and_a_new_one_is_insisted_on(
    server: LookAlike, shopper: Shopper, status: str, scene: str | None
):
    server.fault(CREATE, foreign(status, scene=scene))
    job_id = await shopper.generator.submit(ORDER, NONCE)
    (job,) = server.jobs()
    assert job_id == str(job["id"])
    assert job["canonical_params"]["prompt"] == "She says it"
    assert len(server.jobs()) == 1
    assert len(server.requests(CREATE)) == 2


async def test_row_that_may_be_ours_is_never_paid_for_again(server: LookAlike, shopper: Shopper):
    now = shopper.now().isoformat()
    server.fault(CREATE, foreign(scene=None, name="text_to_video generation", created_at=now))
    with pytest.raises(JobFailed, match="doesn't say what it is for") as caught:
        await shopper.generator.submit(ORDER, NONCE)
    assert caught.value.job_id == "4711"
    assert len(server.requests(CREATE)) == 1


async def test_old_row_handed_out_twice_is_unknown(server: LookAlike, shopper: Shopper):
    server.fault(CREATE, foreign(), times=2)
    with pytest.raises(OutcomeUnknown):
        await shopper.generator.submit(ORDER, NONCE)
    assert len(server.requests(CREATE)) == 2


async def test_answer_lost_after_insisting_is_unknown_and_found(server: LookAlike, shopper: Shopper):
    server.fault(CREATE, foreign())
    server.fault(CREATE, faults.lost_after())
    with pytest.raises(OutcomeUnknown):
        await shopper.generator.submit(ORDER, NONCE)
    (job,) = server.jobs()
    assert await shopper.new.find(ORDER, NONCE, shopper.now()) == str(job["id"])


async def test_something_else_made_of_the_order_is_not_delivered(server: LookAlike, shopper: Shopper):
    server.fault(CREATE, foreign(name=f"assetctl {NONCE} Romance_5/confess"))
    with pytest.raises(JobFailed, match="something else") as caught:
        await shopper.generator.submit(ORDER, NONCE)
    assert "a storm" in (caught.value.why or "")
    assert caught.value.job_id == "4711"


# --- lost answers ---------------------------------------------------------------------------------------------------

LOST = {
    "closed": faults.lost_after(),
    "reset": faults.reset("after"),
    "500": faults.answers(500, "boom", code="internal_error", when="after"),
    "502": faults.answers(502, "bad gateway", when="after"),
    "503": faults.answers(503, "away", when="after"),
    "504": faults.answers(504, "too slow", when="after"),
    "not JSON": faults.text("<html>", 201) | {"when": "after"},
    "cut off": faults.cut_off(40),
}
NEVER_ARRIVED = {
    "closed": faults.lost_before(),
    "reset": faults.reset("before"),
    "500": faults.answers(500, "boom", code="internal_error"),
    "502": faults.answers(502, "bad gateway"),
}


@pytest.mark.parametrize("dedup", ["honest", "racy", "silent"])
@pytest.mark.parametrize("fault", LOST.values(), ids=LOST.keys())
async def test_lost_answer_is_found_and_paid_once(server: LookAlike, shopper: Shopper, fault: dict, dedup: str):
    server.configure(dedup=dedup, settle_s=SETTLE_S / 2)
    server.fault(CREATE, fault)
    sent_at = shopper.now()
    with pytest.raises(OutcomeUnknown) as caught:
        await shopper.generator.submit(ORDER, NONCE)
    assert caught.value.ask_again_in_s == SETTLE_S
    await shopper.clock.sleep(SETTLE_S)
    # Where nothing is listed, it is found by what it made.
    await is_at_the_server(server, "completed")
    (job,) = server.jobs()
    assert await shopper.new.find(ORDER, NONCE, sent_at) == str(job["id"])
    assert len(server.jobs()) == 1


@pytest.mark.parametrize("dedup", ["honest", "racy"])
@pytest.mark.parametrize("fault", NEVER_ARRIVED.values(), ids=NEVER_ARRIVED.keys())
async def test_order_that_never_arrived_is_known_after_a_while_and_sent_again(
    server: LookAlike, shopper: Shopper, fault: dict, dedup: str
):
    server.configure(dedup=dedup)
    server.fault(CREATE, fault)
    with pytest.raises(OutcomeUnknown):
        await shopper.generator.submit(ORDER, NONCE)
    with pytest.raises(OutcomeUnknown, match="may still arrive") as early:
        await shopper.generator.find(ORDER, NONCE, shopper.now() + timedelta(hours=1))
    assert 0 < (early.value.ask_again_in_s or 0) <= SETTLE_S
    await shopper.clock.sleep(SETTLE_S)
    assert await shopper.generator.find(ORDER, NONCE, shopper.now() - timedelta(seconds=SETTLE_S)) is None
    job_id = await shopper.generator.submit(ORDER, NONCE)
    assert [str(job["id"]) for job in server.jobs()] == [job_id]
    assert len(server.jobs()) == 1


async def test_refusal_costs_nothing_and_may_be_asked_again(server: LookAlike, shopper: Shopper):
    server.change_user(shopper.account, max_daily_jobs=0)
    with pytest.raises(JobFailed) as caught:
        await shopper.generator.submit(ORDER, NONCE)
    assert "Daily job limit" in (caught.value.why or "")
    server.revoke_all()
    with pytest.raises(NotAllowed):
        await shopper.new.submit(ORDER, NONCE)
    assert server.jobs() == []


# --- how a job goes -------------------------------------------------------------------------------------------------


async def test_failure_that_turns_back_is_waited_for(server: LookAlike, shopper: Shopper):
    server.script(outcomes=["failed:provider_timeout", "failed:provider_generic", "completed"], retry_s=0.3)
    job_id = await shopper.generator.submit(ORDER, NONCE)
    assert (await ended(shopper, job_id)).state is JobState.SUCCEEDED
    assert len(server.jobs()) == 1


async def test_refused_prompt_is_final_at_once_with_its_reason(server: LookAlike, shopper: Shopper):
    server.script(outcomes=["failed:content_prompt_rejected"], error_message="not that")
    job_id = await shopper.generator.submit(ORDER, NONCE)
    await is_at_the_server(server, "failed")
    status = await shopper.generator.status(job_id)
    assert (status.state, status.message) == (JobState.FAILED, "not that (content_prompt_rejected)")


async def test_waiting_says_why(server: LookAlike, shopper: Shopper):
    server.script(outcomes=["waits"], wait_reason="account_capacity_wait")
    job_id = await shopper.generator.submit(ORDER, NONCE)
    status = await shopper.generator.status(job_id)
    assert (status.state, status.message) == (JobState.QUEUED, "its accounts are all busy")


async def test_success_without_an_asset_becomes_a_failure(
    server: LookAlike, shopper: Shopper, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("assetctl.generation.pixsim.standing.GRACE_S", 0.3)
    server.script(asset=False)
    job_id = await shopper.generator.submit(ORDER, NONCE)
    status = await ended(shopper, job_id)
    assert status.state is JobState.FAILED
    assert "without an asset" in (status.message or "")
    with pytest.raises(JobFailed, match="has no asset"):
        await shopper.generator.result(job_id)
    with pytest.raises(JobError, match="no asset that could be tagged"):
        await shopper.generator.announce(job_id, ORDER)


@pytest.mark.parametrize(("cancel", "state"), [("ignored", JobState.SUCCEEDED), ("honoured", JobState.CANCELLED)])
async def test_cancelling_what_runs_is_a_wish(server: LookAlike, shopper: Shopper, cancel: str, state: JobState):
    server.script(outcomes=["hang"], cancel=cancel)
    job_id = await shopper.generator.submit(ORDER, NONCE)
    await until(lambda: shopper.generator.status(job_id), lambda status: status.state is JobState.RUNNING)
    status = await shopper.generator.cancel(job_id)
    assert (status.state, status.message) == (JobState.RUNNING, "it is to be stopped")
    server.move_job(int(job_id), {"after_s": 0.0, "to": "completed"})
    assert (await ended(shopper, job_id)).state is state
    assert (await shopper.generator.cancel(job_id)).state is state


async def test_cancelling_what_waits_ends_it(server: LookAlike, shopper: Shopper):
    server.script(outcomes=["waits"])
    job_id = await shopper.generator.submit(ORDER, NONCE)
    assert (await shopper.generator.cancel(job_id)).state is JobState.CANCELLED


@pytest.mark.parametrize("job_id", ["999999", "twelve", "", "-1", "²"])
async def test_job_that_is_none_is_an_error(shopper: Shopper, job_id: str):
    for ask in (shopper.generator.status, shopper.generator.cancel, shopper.generator.result):
        with pytest.raises(JobError, match="has no job"):
            await ask(job_id)


# --- the file -------------------------------------------------------------------------------------------------------


async def finished(server: LookAlike, shopper: Shopper, **script: object) -> str:
    server.script(**script)
    job_id = await shopper.generator.submit(ORDER, NONCE)
    assert (await ended(shopper, job_id)).state is JobState.SUCCEEDED
    return job_id


async def test_stored_copy_is_waited_for(server: LookAlike, shopper: Shopper):
    job_id = await finished(server, shopper, ingest_s=0.4)
    file = await shopper.generator.result(job_id)
    assert (file.url or "").startswith(server.url)
    assert file.sha256 is not None


async def test_vendors_link_has_to_do_when_nothing_is_stored(server: LookAlike, shopper: Shopper):
    job_id = await finished(server, shopper, ingest_s=None)
    file = await shopper.generator.result(job_id)
    assert (file.url or "").startswith(server.vendor_url)
    assert (file.sha256, file.size_bytes) == (None, None)


@pytest.mark.parametrize(
    ("overrides", "what"),
    [
        ({"provider_status": "flagged"}, "can't be used"),
        ({"signal_override": "broken"}, "can't be used"),
    ],
)
async def test_what_may_not_be_used_is_not_delivered(
    server: LookAlike, shopper: Shopper, overrides: dict[str, object], what: str
):
    job_id = await finished(server, shopper, asset_overrides=overrides)
    with pytest.raises(JobFailed, match=what):
        await shopper.generator.result(job_id)


# --- telling others -------------------------------------------------------------------------------------------------


async def test_asset_is_tagged_so_that_others_find_it(server: LookAlike, shopper: Shopper):
    job_id = await finished(server, shopper)
    await shopper.generator.announce(job_id, ORDER)
    await shopper.new.announce(job_id, ORDER)
    (asset,) = server.assets()
    slugs = {tag["slug"] for tag in asset["tags"]}
    assert {"scene:romance_5", "choice:confess", f"assetctl:{ORDER.key[:32]}"} <= slugs


@pytest.mark.parametrize("fields", [{"tag": False}, {"reuse": Reuse.ALWAYS}])
async def test_asset_that_is_for_nobody_else_is_not_tagged(
    server: LookAlike, shopper: Shopper, fields: dict[str, object]
):
    job_id = await finished(server, shopper)
    await shopper.generator.announce(job_id, order_of(replace(REQUEST, **fields)))
    assert server.requests("POST /api/v1/assets/*/tags/assign") == []


async def test_job_that_was_seen_complete_is_not_read_again_until_it_is_forgotten(server: LookAlike, shopper: Shopper):
    job_id = await finished(server, shopper)
    row, assets = f"GET /api/v1/generations/{job_id}", "GET /api/v1/assets/*"
    looks = len(server.requests(row))
    for asked in (1, 2):
        # The link is a fresh one each time: only the row stays as it is.
        reads = len(server.requests(assets))
        await shopper.generator.result(job_id)
        await shopper.generator.announce(job_id, ORDER)
        assert len(server.requests(assets)) > reads, asked
    assert len(server.requests(row)) == looks
    await shopper.generator.discard(job_id)
    await shopper.generator.result(job_id)
    assert len(server.requests(row)) == looks + 1


async def test_refused_tags_are_an_error_of_the_service(server: LookAlike, shopper: Shopper):
    job_id = await finished(server, shopper)
    server.fault("POST /api/v1/assets/*/tags/assign", faults.answers(500, "boom", code="internal_error"), times=None)
    with pytest.raises(ServiceError):
        await shopper.generator.announce(job_id, ORDER)


# --- hints ----------------------------------------------------------------------------------------------------------


async def test_news_of_a_job_is_heard_at_once(server: LookAlike, shopper: Shopper):
    server.script(duration_s=0.5)
    socket = EventSocket(Origin.of(server.url), clock=shopper.clock, random=Random(3), context=ssl_context)
    context = GeneratorContext(
        data_dir=shopper.folder, clock=shopper.clock, pixsim=lambda: shopper.client, pixsim_events=lambda: socket
    )
    generator = PixsimGenerator(context)
    async with generator.watch() as hints:
        assert hints is not None
        job_id = await generator.submit(ORDER, NONCE)
        with anyio.fail_after(60):
            while (await generator.status(job_id)).state is not JobState.SUCCEEDED:
                assert await hints.wait(job_id, 60.0)
    assert len(server.requests(f"GET /api/v1/generations/{job_id}")) <= 8


# --- without a server -----------------------------------------------------------------------------------------------


async def test_without_a_backend_it_says_what_is_missing(tmp_path: Path, shopper: Shopper):
    lonely = PixsimGenerator(GeneratorContext(data_dir=tmp_path, clock=shopper.clock))
    with pytest.raises(ConfigError) as caught:
        await lonely.check(ORDER)
    assert "backend.url" in (caught.value.why or "")
    assert lonely.parameters()
    async with lonely.watch() as hints:
        assert hints is None
    await lonely.discard("1")
    assert (await lonely.estimate(ORDER)).cost_low is None


def test_it_is_installed_as_pixsim(tmp_path: Path):
    generator = GeneratorRegistry(GeneratorContext(data_dir=tmp_path, clock=SystemClock())).get("pixsim")
    assert (generator.name, generator.is_paid, generator.is_stand_in, generator.needs_network) == (
        "pixsim", True, False, True,
    )  # fmt: skip
    assert generator.asset_types == {AssetType.VIDEO, AssetType.IMAGE}
