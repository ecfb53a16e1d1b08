"""Scenes read: those that a scene leads to, those of a world, in order, and what was odd is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from graphs import Server, scene

from assetctl.errors import InvalidRequest, ManifestError, NotAllowed, ServiceError, ServiceUnreachable
from assetctl.pixsim.records import GameScene, GameWorld, SceneNode
from assetctl.prefetch.scenes.chapter import GameChapter, Kind, Order
from assetctl.prefetch.scenes.gathering import MANY_SCENES, Gathered, gather

if TYPE_CHECKING:
    from assetctl.events import ScenesRead

pytestmark = pytest.mark.anyio

WORLD = GameWorld("Town", {"1-1": 3.0})


async def of_scene(server: Server, scene_id: int = 1, order: Order = Order.CHAPTER) -> Gathered:
    return await gather(server, GameChapter(Kind.SCENE, scene_id, order))


async def of_world(server: Server, world_id: int = 3) -> Gathered:
    return await gather(server, GameChapter(Kind.WORLD, world_id))


def numbers(found: Gathered) -> list[int]:
    return [one.scene.id for one in found.scenes]


async def test_a_scene_comes_with_all_that_it_leads_to_each_read_once() -> None:
    server = Server(
        scene(1, "a>b go", title="Date", b={"plays": (7, 4)}),
        scene(4, "a>b on", a={"plays": (1, 9)}),
        scene(7, "a>b on"),
        scene(9, "a>b on"),
        scene(2, "a>b unmet"),
        world=WORLD,
    )
    found = await of_scene(server)
    assert (found.title, numbers(found), found.starts, found.notes) == ("Date", [1, 7, 4, 9], (1,), ())
    assert sorted(server.asked) == ["scene 1", "scene 4", "scene 7", "scene 9", "scenes", "world 3"]


async def test_how_far_the_reading_of_many_scenes_is_is_told() -> None:
    many = range(2, MANY_SCENES + 2)
    told: list[ScenesRead] = []
    server = Server(scene(1, "a>b go", b={"plays": tuple(many)}), *(scene(number, "a>b on") for number in many[:-1]))
    found = await gather(server, GameChapter(Kind.SCENE, 1), tell=told.append)
    # The first led to the others, of which one is not there.
    assert [event.scenes for event in told] == [*range(2, MANY_SCENES + 2), MANY_SCENES + 1]
    assert {event.known_scenes for event in told} == {len(found.scenes) + 1} == {MANY_SCENES + 1}
    assert [event.is_all for event in told] == [False] * MANY_SCENES + [True]


async def test_of_few_scenes_nothing_is_told_while_they_are_read() -> None:
    told: list[ScenesRead] = []
    server = Server(*(scene(number, "a>b on") for number in range(1, MANY_SCENES)), world=WORLD)
    await gather(server, GameChapter(Kind.WORLD, 3), tell=told.append)
    assert told == []


async def test_weights_of_the_world_put_a_scenes_choices_in_order() -> None:
    found = await of_scene(Server(scene(1, "a>b left", "a>c right"), world=WORLD))
    assert [edge.label for edge in found.scenes[0].edges] == ["right", "left"]


async def test_without_weights_a_scene_is_read_and_that_is_told() -> None:
    found = await of_scene(Server(scene(1, "a>b left", "a>c right")))
    assert [edge.label for edge in found.scenes[0].edges] == ["left", "right"]
    assert found.notes == ("world 3 is another's, and its weights can't be read: choices count alike",)


@pytest.mark.parametrize("what", ["world", "scenes"])
async def test_weights_that_cannot_be_read_are_done_without_unless_they_were_asked_for(what: str) -> None:
    server = Server(scene(1, "a>b left"))
    server.troubles[what] = ServiceError("it gave an answer that can't be used", why="it is longer than 16 MB")
    found = await of_scene(server)
    assert found.notes == ("weights can't be read (it is longer than 16 MB): choices count alike",)
    with pytest.raises(ServiceError):
        await of_scene(server, order=Order.LIKELY)


@pytest.mark.parametrize("trouble", [ServiceUnreachable("away"), NotAllowed("no login")])
async def test_a_server_that_cannot_be_asked_is_never_gone_without(trouble: ServiceError) -> None:
    server = Server(scene(1, "a>b left"))
    server.troubles["world"] = trouble
    with pytest.raises(type(trouble)):
        await of_scene(server)


async def test_a_world_has_all_of_its_scenes_those_first_that_its_places_play() -> None:
    server = Server(
        scene(1, "a>b on"),
        scene(2, "a>b on", b={"plays": (9,)}),
        scene(5, "a>b on"),
        scene(9, "a>b on", b={"plays": (404,)}),
        world=GameWorld("Town", {}, entries=(5, 2, 5, 77)),
    )
    found = await of_world(server)
    assert (found.title, numbers(found), found.starts) == ("Town", [5, 2, 9, 1], (5, 2))
    assert "scene 404" not in server.asked


async def test_players_of_a_world_without_places_begin_where_nothing_leads_to() -> None:
    server = Server(scene(1, "a>b on"), scene(2, "a>b on", a={"plays": (1, 2)}), world=GameWorld(None, {}))
    assert (await of_world(server)).starts == (2,)


async def test_in_a_ring_of_scenes_players_begin_anywhere() -> None:
    server = Server(
        scene(1, "a>b x", a={"plays": (2,)}), scene(2, "a>b x", a={"plays": (1,)}), world=GameWorld(None, {})
    )
    assert (await of_world(server)).starts == (1, 2)


async def test_what_is_odd_is_told_once_for_each_kind_and_passed_over() -> None:
    startless = GameScene(6, "gone", (SceneNode("x"),), ())
    server = Server(
        scene(1, "a>b go", "x>y lost", "a>nowhere off", a={"plays": (2, 6, 404)}),
        scene(8, "x>y lost"),
        startless,
        world=WORLD,
    )
    server.troubles[2] = InvalidRequest("refused", why="Scene has no entry node")
    found = await of_scene(server)
    assert found.notes == (
        "left out, 1 way that leads to no node: scene 1",
        "left out, 2 nodes that no way leads to: scene 1",
        "passed over, without a start: scene 2, 6",
        "led to, and not there: scene 404",
    )


async def test_of_many_scenes_some_are_named() -> None:
    server = Server(*(scene(number, "a>b go", "x>y lost") for number in range(1, 9)), world=GameWorld(None, {}))
    assert (await of_world(server)).notes == (
        "left out, 16 nodes that no way leads to: scene 1, 2, 3, 4, 5 and 3 more",
    )


async def test_a_world_that_cannot_be_read_is_told_with_the_way_around_it() -> None:
    server = Server(world=WORLD)
    server.troubles["world"] = ServiceError("it is no use", why="it is longer than 16 MB", request_id="r1")
    with pytest.raises(ServiceError) as caught:
        await of_world(server)
    assert (caught.value.what, caught.value.why) == ("world 3 can't be read", "it is no use: it is longer than 16 MB")
    assert (caught.value.hint, caught.value.request_id) == ("its scenes can be read one by one: --from-scene ID", "r1")
    server.troubles["world"] = NotAllowed("no login")
    with pytest.raises(NotAllowed):
        await of_world(server)


@pytest.mark.parametrize("scene_id", [2, 6])
async def test_a_scene_that_cannot_be_begun_is_refused_with_the_reason(scene_id: int) -> None:
    server = Server(scene(1, "a>b go"))
    server.troubles[6] = InvalidRequest("refused")
    with pytest.raises(ManifestError) as caught:
        await of_scene(server, scene_id)
    assert caught.value.why == ("it has no start" if scene_id == 6 else None)


async def test_a_world_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ManifestError, match="you have no world 4"):
        await of_world(Server(world=WORLD), 4)


async def test_trouble_of_many_reads_at_once_is_one_trouble() -> None:
    server = Server(world=WORLD)
    server.troubles |= {number: NotAllowed("no login") for number in range(1, 30)}
    with pytest.raises(NotAllowed):
        await of_world(server)


async def test_scenes_without_end_are_refused() -> None:
    chain = [scene(number, "a>b go", a={"plays": (number + 1,)}) for number in range(1, 9)]
    server = Server(*chain, world=WORLD)
    with pytest.raises(ManifestError, match="too large"):
        await gather(server, GameChapter(Kind.SCENE, 1), max_scenes=3)
    assert len(server.asked) == 3
