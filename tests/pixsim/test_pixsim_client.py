"""Each call against the look-alike: what comes back is ours, what is missing is None."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest
from anyio.to_thread import run_sync

from assetctl.clock import SystemClock
from assetctl.errors import InvalidRequest, JobFailed, NotAllowed
from assetctl.network import Origin, new_client
from assetctl.pixsim.client import PixsimClient
from assetctl.pixsim.pacing import Pace
from assetctl.pixsim.session import HandedIn
from assetctl.secret import Secret
from service import faults
from service.harness import LookAlike
from service.orders import order

pytestmark = pytest.mark.anyio
_COUNT = iter(range(10**6))


@pytest.fixture(scope="module")
def look_alike():
    with LookAlike(create_limit=None, login_limit=None) as server:
        yield server


@pytest.fixture
def user(look_alike):
    return look_alike.user(f"client_{next(_COUNT)}")


def pace() -> Pace:
    return Pace(clock=SystemClock(), random=Random(1))


@pytest.fixture
async def client(look_alike, user, anyio_backend):
    del anyio_backend
    origin = Origin.of(look_alike.url)
    async with new_client(timeout_s=20, home=origin) as http:
        tokens = HandedIn(Secret(user.token))
        yield PixsimClient(origin, http, tokens=tokens, clock=SystemClock(), pace=pace(), timeout_s=20)


async def test_server_says_what_it_is_without_a_login(look_alike, client):
    found = await client.version()
    assert found.api_version
    assert abs((found.server_time - SystemClock().now()).total_seconds()) < 30
    assert "authorization" not in str(look_alike.requests("GET /api/v1/version")[-1]).lower()


async def test_providers_come_with_operations_and_knobs(client):
    found = {provider.provider_id: provider for provider in await client.providers()}
    assert "text_to_video" in found["pixverse"].operations
    assert any(knob.name == "prompt" for knob in found["pixverse"].parameters["text_to_video"])


async def test_order_is_made_looked_at_listed_and_cancelled(look_alike, client, user):
    await run_sync(partial(look_alike.script, match={"user": user.username}, duration_s=60))
    made = await client.create_generation(order(scene="nonce-7", force_new=True))

    assert (made.user_id, made.provider_id, made.name) == (user.id, "pixverse", "client test")
    assert made.canonical_params["scene_context"]["to_scene"]["id"] == "nonce-7"
    assert (await client.generation(made.id)).id == made.id
    page = await client.generations(limit=5)
    assert [each.id for each in page.generations] == [made.id]
    assert (await client.generations(status="completed")).generations == ()
    stopped = await client.cancel_generation(made.id)
    assert stopped.status == "cancelled" or stopped.deferred_action == "cancel"
    await run_sync(look_alike.clear_scripts)


async def test_cancelling_what_has_ended_says_how_it_ended(look_alike, client):
    made = await client.create_generation(order(force_new=True))
    await run_sync(look_alike.move_job, made.id, {"after_s": 0, "to": "failed"})
    while (await client.generation(made.id)).status not in ("failed", "completed"):
        pass
    assert (await client.cancel_generation(made.id)).status in ("failed", "completed")


@pytest.mark.parametrize("call", ["generation", "cancel_generation", "asset"])
async def test_what_is_not_there_is_none(client, call):
    found = await getattr(client, call)(999_999)
    assert found is None


async def test_tags_of_nothing_are_none(client):
    assert await client.assign_tags(999_999, ["scene:x"]) is None


async def test_refused_order_says_why(client):
    with pytest.raises(JobFailed) as caught:
        await client.create_generation(order(provider_id="nope"))
    assert "not found or not registered" in caught.value.why


async def test_asset_is_read_found_and_tagged(look_alike, client, user):
    made = await run_sync(partial(look_alike.add_asset, user, tags=["scene:client_1"]))

    assert (await client.asset(made["id"])).media_type == "video"
    assert "scene:client_1" in (await client.asset(made["id"])).tags
    page = await client.search_assets({"tag": "scene:client_1", "filters": {"media_type": "video"}})
    assert [asset.id for asset in page.assets] == [made["id"]]
    tagged = await client.assign_tags(made["id"], ["choice:client_2"])
    assert {"scene:client_1", "choice:client_2"} <= tagged.tags


async def test_malformed_tag_is_an_invalid_request(look_alike, client, user):
    made = await run_sync(partial(look_alike.add_asset, user))
    with pytest.raises(InvalidRequest, match="refused the request"):
        await client.assign_tags(made["id"], ["plainword"])


async def test_more_assets_than_one_call_gives_are_all_read(look_alike, client, user):
    ids = await run_sync(partial(look_alike.add_assets, user, 230))

    found = await client.assets([*ids, *ids, 999_999])

    assert sorted(asset.id for asset in found) == sorted(ids)
    assert await client.assets([]) == ()


async def test_what_belongs_to_somebody_else_is_not_allowed(look_alike, client):
    other = await run_sync(look_alike.user, f"client_{next(_COUNT)}")
    made = await run_sync(partial(look_alike.add_asset, other))
    with pytest.raises(NotAllowed) as caught:
        await client.asset(made["id"])
    assert "other users" in caught.value.why


async def test_uploaded_picture_is_an_asset_and_again_the_same_one(client, tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 2_000)

    first = await client.upload(picture, "image/png")

    assert (await client.asset(first)).media_type == "image"
    assert await client.upload(picture, "image/png") == first


async def test_missing_file_is_not_uploaded(client, tmp_path):
    with pytest.raises(FileNotFoundError):
        await client.upload(tmp_path / "none.png", "image/png")


async def test_login_gives_a_token_that_logout_ends(client, user):
    made = await client.login(user.username, Secret(user.password))

    assert (made.user, made.user_id) == (user.username, user.id)
    assert (await client.introspect(made.token)).user == user.username
    await client.logout(made.token)
    assert not (await client.introspect(made.token)).is_active
    await client.logout(made.token)
    assert (await client.introspect()).is_active


async def test_token_stands_in_no_address_and_no_body(look_alike, client, user):
    await client.generations()
    assert not look_alike.sightings(user.token)


async def test_game_endpoint_is_tried_with_nothing_and_ordered_from_with_patience(look_alike, user, client):
    charged_before = look_alike.charges()
    assert not await client.has_game_requests()
    await run_sync(partial(look_alike.configure, game_assets=True))
    assert await client.has_game_requests()
    assert look_alike.charges() == charged_before
    origin = Origin.of(look_alike.url)
    async with new_client(timeout_s=5.0, home=origin) as http:
        tokens = HandedIn(Secret(user.token))
        hasty = PixsimClient(origin, http, tokens=tokens, clock=SystemClock(), pace=pace(), timeout_s=5.0)
        await run_sync(look_alike.fault, "POST /api/v1/game/assets/request", faults.slow(7.0))
        made = await hasty.request_game_asset({"scene_id": "patience", "strategy": "generate_always"}, patience_s=60.0)
    assert (made.source, made.generation_time_ms) == ("generated", 40)
    assert (await client.asset(made.asset_id)).media_type == "video"
    await run_sync(partial(look_alike.configure, game_assets=False))


async def test_scenes_and_worlds_come_as_graphs_and_weights(look_alike, client, user):
    node = {"id": 11, "asset_id": 4}
    edge = {"id": 21, "from_node_id": 11, "to_node_id": 11, "choice_label": "Stay", "weight": 3.0}
    look_alike.worlds([{"id": 3, "owner_user_id": user.id, "name": "Town"}])
    look_alike.scenes([{"id": 5, "world_id": 3, "entry_node_id": 11, "nodes": [node], "edges": [edge]}, {"id": 6}])
    scene = await client.game_scene(5)
    assert scene is not None
    assert (scene.id, scene.start, [one.label for one in scene.edges]) == (5, "11", ["Stay"])
    assert [entry.id for entry in await client.game_scenes()] == [5, 6]
    assert [(entry.id, entry.world_id) for entry in await client.game_scenes(3)] == [(5, 3)]
    world = await client.game_world(3)
    assert world is not None
    assert (world.name, world.weights) == ("Town", {"21": 3.0})


async def test_what_is_not_there_is_none_and_what_has_no_start_is_refused(look_alike, client):
    look_alike.scenes([{"id": 6}])
    assert await client.game_scene(7) is None
    assert await client.game_world(7) is None
    with pytest.raises(InvalidRequest) as caught:
        await client.game_scene(6)
    assert caught.value.why == "Scene has no entry node"


async def test_a_list_of_scenes_takes_one_request(look_alike, client):
    before = len(look_alike.requests("GET /api/v1/game/scenes*"))
    await client.game_scenes()
    assert len(look_alike.requests("GET /api/v1/game/scenes*")) == before + 1
