"""Scenes and worlds at the border: as the server writes them, in either case, and refused where they are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assetctl.pixsim import wire
from assetctl.pixsim.records import SceneEdge, SceneEntry, SceneNode

SENTINEL = "sentinel-of-a-scene"
#: As the server's own models write them; no answer of a running one was recorded.
NODE = {
    "id": "11",
    "type": "video",
    "label": "Bench",
    "assetId": 4,
    "mediaUrl": None,
    "media": [{"id": "4", "url": "https://vendor/4.mp4", "durationSec": 5.0, "tags": None}],
    "choices": None,
    "targetSceneId": None,
    "hotspot_regions": None,
    "meta": None,
}
EDGE = {
    "id": "21",
    "from": "11",
    "to": "12",
    "label": "Confess",
    "conditions": None,
    "effects": None,
    "isDefault": None,
}
SCENE = {"id": "5", "title": "First date", "nodes": [NODE], "edges": [EDGE], "startNodeId": "11"}
REGION = {"id": "r", "label": None, "rect2d": {"x": 0, "y": 0, "w": 1, "h": 1}, "edge_id": "21", "tooltip": None}
EXPORT = {
    "schema_version": 1,
    "exported_at": "2026-11-22T11:32:42Z",
    "core": {
        "world": {"name": "Town", "meta": {}, "world_time": 0.0},
        "locations": [],
        "npcs": [],
        "scenes": [{"source_id": 5, "title": "x", "nodes": [], "edges": [{"source_id": 21, "weight": 3.0}]}],
        "items": [],
    },
    "modules": [],
    "extensions": {},
}


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def scene_of(**changes: Any) -> Any:
    return wire.scene(encoded(SCENE | changes))


def meta_of(meta: object) -> SceneNode:
    (node,) = scene_of(nodes=[NODE | {"meta": meta}]).nodes
    return node


def spots(*found: object) -> tuple[int, ...]:
    places = [{"source_id": 1, "name": "park", "hotspots": list(found)}]
    return wire.world(encoded(EXPORT | {"core": EXPORT["core"] | {"locations": places}})).entries  # type: ignore[operator]


def test_a_scene_comes_as_a_graph():
    found = wire.scene(encoded(SCENE))
    assert (found.id, found.title, found.start) == (5, "First date", "11")
    assert found.nodes == (SceneNode("11", "Bench", 4),)
    assert found.edges == (SceneEdge("21", "11", "12", "Confess"),)


def test_ids_may_be_numbers_or_texts():
    found = scene_of(id=5, startNodeId=11, nodes=[NODE | {"id": 11}], edges=[EDGE | {"id": 21, "from": 11, "to": 12}])
    assert found == wire.scene(encoded(SCENE))


@pytest.mark.parametrize("label", [None, "", "  ", "\n"])
def test_what_says_nothing_goes_on_by_itself(label: str | None):
    assert scene_of(edges=[EDGE | {"label": label}]).edges[0].label is None


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ({"label": "the lamp", "tooltip": "light it"}, "the lamp"),
        ({"tooltip": "light it"}, "light it"),
        ({"edge_id": 21, "label": "the lamp"}, "the lamp"),
        ({"edge_id": "99", "label": "gone"}, None),
        ({}, None),
    ],
)
def test_what_is_clicked_is_called_as_its_region(region: dict[str, Any], said: str | None):
    nodes = [NODE | {"hotspot_regions": [REGION | region]}]
    assert scene_of(nodes=nodes, edges=[EDGE | {"label": ""}]).edges[0].label == said
    assert scene_of(nodes=nodes).edges[0].label == "Confess"


@pytest.mark.parametrize(
    ("meta", "plays"),
    [
        ({"targetSceneId": "7"}, (7,)),
        ({"target_scene_id": 7}, (7,)),
        ({"action": {"type": "play_scene", "sceneId": 7}}, (7,)),
        ({"action": {"type": "play_scene", "scene_id": "scene:7"}}, (7,)),
        ({"hotspots": [{"action": {"type": "play_scene", "sceneId": 8}}, {"action": {"type": "npc_talk"}}, 3]}, (8,)),
        ({"targetSceneId": 7, "hotspots": [{"action": {"type": "play_scene", "sceneId": 7}}]}, (7,)),
        ({"targetSceneId": "the park"}, ()),
        ({"targetSceneId": -1}, ()),
        ({"targetSceneId": True}, ()),
        ({"targetSceneId": 10**30}, ()),
        ({"action": "play_scene", "hotspots": "many"}, ()),
        ({"action": {"type": "change_location", "sceneId": 7}}, ()),
        ({}, ()),
    ],
)
def test_scenes_that_an_author_leads_to_are_known_in_either_case(meta: dict[str, Any], plays: tuple[int, ...]):
    assert meta_of(meta).plays == plays


@pytest.mark.parametrize("said", [{"prompt": "x"}, "anything", [1], 5, None])
def test_what_an_author_says_for_us_is_kept_as_it_is_and_nothing_else_is(said: object):
    assert meta_of({"assetctl": said, "segments": [1]}) == SceneNode("11", "Bench", 4, said)


def test_a_list_of_scenes_is_read_in_either_case():
    listed = [
        {"id": 5, "worldId": 3, "title": "x", "description": None, "entryNodeId": 11},
        {"id": 6, "world_id": 4},
    ]
    assert wire.scene_entries(encoded(listed)) == (SceneEntry(5, 3, "x"), SceneEntry(6, 4, None))


def test_an_export_gives_weights_by_edge():
    found = wire.world(encoded(EXPORT))
    assert (found.name, found.weights, found.entries) == ("Town", {"21": 3.0}, ())


@pytest.mark.parametrize(
    ("spot", "entries"),
    [
        ({"action": {"type": "play_scene", "sceneId": 5}}, (5,)),
        ({"action": {"type": "play_scene", "scene_id": "5"}, "scene_source_id": 9}, (5,)),
        ({"action": {"type": "play_scene"}, "scene_source_id": 9}, (9,)),
        ({"action": {"type": "play_scene", "sceneId": None}}, ()),
        ({"action": {"type": "change_location", "targetLocationId": 2}, "scene_source_id": 9}, ()),
        ({"action": None}, ()),
        ({}, ()),
    ],
)
def test_places_lead_into_scenes(spot: dict[str, Any], entries: tuple[int, ...]):
    assert spots(spot) == entries


def test_places_are_told_in_their_order():
    assert spots(*({"action": {"type": "play_scene", "sceneId": number}} for number in (9, 5, 9))) == (9, 5, 9)


@pytest.mark.parametrize(
    "changes",
    [
        {"startNodeId": None},
        {"id": "five"},
        {"nodes": None},
        {"edges": [EDGE | {"from": None}]},
        {"edges": [EDGE | {"to": {"id": 12}}]},
        {"nodes": [NODE | {"id": ""}]},
        {"nodes": [NODE | {"id": True}]},
        {"nodes": [NODE | {"meta": SENTINEL}]},
        {"nodes": [NODE | {"assetId": SENTINEL}]},
    ],
)
def test_what_is_no_scene_is_refused_without_being_repeated(changes: dict[str, Any]):
    with pytest.raises(wire.Unreadable) as caught:
        scene_of(**changes)
    assert SENTINEL not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null", b"<html>", b'{"core": {"world": {}}}', b"[" * 100_000])
def test_garbage_is_neither_scene_nor_world_nor_list(data: bytes):
    for parse in (wire.scene, wire.world, *(() if data == b"[]" else (wire.scene_entries,))):
        with pytest.raises(wire.Unreadable):
            parse(data)


def test_a_scene_of_ten_thousand_nodes_is_read_and_one_without_end_is_not():
    nodes = [NODE | {"id": str(number)} for number in range(10_000)]
    edges = [EDGE | {"id": str(number)} for number in range(20_000)]
    assert len(scene_of(nodes=nodes, edges=edges).edges) == 20_000
    for endless in (b"[" + b"0," * 600_000 + b"0]", b"[" + b"{}," * 100_000 + b"{}]"):
        with pytest.raises(wire.Unreadable, match="more than"):
            wire.scene(endless)
