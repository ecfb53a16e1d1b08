"""Scenes and worlds of the look-alike: told in three ways, each of which leaves out something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx

    from service.harness import Account, LookAlike

GAME = "/api/v1/game"
NODES = [
    {"id": 11, "asset_id": 4, "label": "Bench", "hotspot_regions": [{"id": "r", "edge_id": "21", "label": "lamp"}]},
    {"id": 12, "asset_id": 5, "meta": {"targetSceneId": 6}},
]
EDGES = [{"id": 21, "from_node_id": 11, "to_node_id": 12, "choice_label": "Confess", "weight": 3.0, "effects": {}}]
PLACE = {"id": 1, "name": "park", "hotspots": [{"action": {"type": "play_scene", "sceneId": 5}, "scene_id": 5}]}


@pytest.fixture
def town(server: LookAlike, user: Account) -> None:
    server.worlds(
        [
            {"id": 3, "owner_user_id": user.id, "name": "Town", "locations": [PLACE]},
            {"id": 4, "owner_user_id": user.id + 1000, "name": "Elsewhere"},
        ]
    )
    server.scenes(
        [
            {"id": 6, "world_id": 4, "title": "Other", "entry_node_id": None},
            {"id": 5, "world_id": 3, "title": "Date", "entry_node_id": 11, "nodes": NODES, "edges": EDGES},
        ]
    )


@pytest.mark.usefixtures("town")
def test_scene_has_texts_for_ids_and_no_weights(api: httpx.Client):
    scene = api.get(f"{GAME}/scenes/5").json()

    assert (scene["id"], scene["startNodeId"], scene["title"]) == ("5", "11", "Date")
    assert [(node["id"], node["type"], node["assetId"]) for node in scene["nodes"]] == [
        ("11", "video", 4),
        ("12", "video", 5),
    ]
    assert scene["nodes"][0]["hotspot_regions"][0]["edge_id"] == "21"
    assert scene["nodes"][1]["hotspot_regions"] is scene["nodes"][0]["choices"] is None
    assert scene["edges"] == [
        {
            "id": "21",
            "from": "11",
            "to": "12",
            "label": "Confess",
            "conditions": None,
            "effects": None,
            "isDefault": None,
        }
    ]


@pytest.mark.usefixtures("town")
def test_scenes_are_listed_for_everybody_by_id_and_by_world(api: httpx.Client):
    assert [scene["id"] for scene in api.get(f"{GAME}/scenes/").json()] == [5, 6]
    assert api.get(f"{GAME}/scenes/?world_id=4").json() == [
        {"id": 6, "worldId": 4, "title": "Other", "description": None, "entryNodeId": None}
    ]
    assert api.get(f"{GAME}/scenes/?world_id=99").json() == []


@pytest.mark.usefixtures("town")
def test_scene_that_is_not_there_or_has_no_start_is_refused(api: httpx.Client):
    absent, startless = api.get(f"{GAME}/scenes/99"), api.get(f"{GAME}/scenes/6")

    assert (absent.status_code, absent.json()["message"]) == (404, "Scene not found")
    assert (startless.status_code, startless.json()["message"]) == (400, "Scene has no entry node")
    assert [api.get(f"{GAME}/{path}").status_code for path in ("scenes/x", "scenes/?world_id=x", "worlds/x")] == [
        422
    ] * 3


@pytest.mark.usefixtures("town")
def test_export_has_weights_and_places_and_no_regions(api: httpx.Client):
    core = api.get(f"{GAME}/worlds/3/project/export").json()["core"]

    assert core["world"]["name"] == "Town"
    assert [scene["source_id"] for scene in core["scenes"]] == [5]
    assert (core["scenes"][0]["edges"][0]["source_id"], core["scenes"][0]["edges"][0]["weight"]) == (21, 3.0)
    assert "hotspot_regions" not in core["scenes"][0]["nodes"][0]
    assert core["locations"][0]["hotspots"][0]["action"] == {"type": "play_scene", "sceneId": 5}


@pytest.mark.usefixtures("town")
def test_worlds_are_their_owners(api: httpx.Client):
    assert api.get(f"{GAME}/worlds/").json() == {
        "worlds": [{"id": 3, "name": "Town"}],
        "total": 1,
        "offset": 0,
        "limit": 100,
    }
    assert api.get(f"{GAME}/worlds/3").json()["name"] == "Town"
    for path in ("worlds/4", "worlds/4/project/export", "worlds/9/project/export"):
        assert api.get(f"{GAME}/{path}").json()["message"] == "World not found"


@pytest.mark.usefixtures("town")
def test_nobody_reads_without_a_token(api: httpx.Client):
    del api.headers["authorization"]
    for path in ("scenes/", "scenes/5", "worlds/", "worlds/3", "worlds/3/project/export"):
        assert api.get(f"{GAME}/{path}").status_code == 401
