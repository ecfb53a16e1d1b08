"""Worlds and scenes, kept as the real server's tables have them and told in its three ways: list, scene, export.

What the real server forgets is forgotten here: weights and times are in the export alone, regions of a node in the
scene alone. A scene is anybody's to read, a world its owner's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from service.accounts import signed_in
from service.replies import Refused, invalid, json_reply, moment

if TYPE_CHECKING:
    from service.messages import Request, Response
    from service.rows import User
    from service.world import World

Row = dict[str, Any]
_NEVER_FILLED: Final = (
    *("choices", "condition", "trueTargetNodeId", "falseTargetNodeId", "targetSceneId", "parameterBindings"),
    *("returnRouting", "returnPointId", "returnValues", "endType", "endMessage"),
)
_MOST_WORLDS: Final = 1000


def scenes(world: World, request: Request) -> Response:
    signed_in(world, request)
    wanted = request.query.get("world_id")
    if wanted is not None and not wanted.isdigit():
        raise _no_integer("query", "world_id")
    return json_reply(
        [
            {
                "id": row["id"],
                "worldId": row.get("world_id"),
                "title": row.get("title", ""),
                "description": row.get("description"),
                "entryNodeId": row.get("entry_node_id"),
            }
            for row in sorted(_rows(world, "scenes"), key=lambda row: row["id"])
            if wanted is None or row.get("world_id") == int(wanted)
        ]
    )


def scene(world: World, request: Request, number: str) -> Response:
    signed_in(world, request)
    row = _row(world, "scenes", _number(number, "scene_id"))
    if row is None:
        raise Refused(404, "Scene not found")
    if not row.get("entry_node_id"):
        raise Refused(400, "Scene has no entry node")
    return json_reply(
        {
            "id": str(row["id"]),
            "title": row.get("title", ""),
            "nodes": [_node(node) for node in row.get("nodes", [])],
            "edges": [_edge(edge) for edge in row.get("edges", [])],
            "startNodeId": str(row["entry_node_id"]),
        }
    )


def worlds(world: World, request: Request) -> Response:
    user = signed_in(world, request)
    limit = min(max(1, int(request.query.get("limit", "100"))), _MOST_WORLDS)
    offset = max(0, int(request.query.get("offset", "0")))
    own = [row for row in _rows(world, "worlds") if row["owner_user_id"] == user.id]
    listed = [{"id": row["id"], "name": row["name"]} for row in own[offset : offset + limit]]
    return json_reply({"worlds": listed, "total": len(own), "offset": offset, "limit": limit})


def one_world(world: World, request: Request, number: str) -> Response:
    row = _owned(world, signed_in(world, request), number)
    return json_reply({"id": row["id"], "name": row["name"], "meta": row.get("meta"), "world_time": 0.0})


def export(world: World, request: Request, number: str) -> Response:
    row = _owned(world, signed_in(world, request), number)
    own = [scene for scene in _rows(world, "scenes") if scene.get("world_id") == row["id"]]
    core = {
        "world": {"name": row["name"], "meta": row.get("meta") or {}, "world_time": 0.0},
        "locations": [_exported_location(place) for place in row.get("locations", [])],
        "npcs": [],
        "scenes": [_exported_scene(scene) for scene in own],
        "items": [],
    }
    return json_reply(
        {"schema_version": 1, "exported_at": moment(world.now()), "core": core, "modules": [], "extensions": {}}
    )


def _rows(world: World, table: str) -> list[Row]:
    return world.store.values.get(table, [])


def _row(world: World, table: str, number: int) -> Row | None:
    return next((row for row in _rows(world, table) if row["id"] == number), None)


def _owned(world: World, user: User, number: str) -> Row:
    row = _row(world, "worlds", _number(number, "world_id"))
    if row is None or row["owner_user_id"] != user.id:
        raise Refused(404, "World not found")
    return row


def _number(text: str, name: str) -> int:
    if not text.removeprefix("-").isdigit():
        raise _no_integer("path", name)
    return int(text)


def _no_integer(where: str, name: str) -> Refused:
    said = "Input should be a valid integer, unable to parse string as an integer"
    return invalid(([where, name], said, "int_parsing"))


def _node(row: Row) -> Row:
    return {
        "id": str(row["id"]),
        "type": "video",
        "label": row.get("label"),
        "assetId": row["asset_id"],
        "mediaUrl": None,
        "media": None,
        "selection": None,
        "playback": None,
        **dict.fromkeys(_NEVER_FILLED),
        "hotspot_regions": row.get("hotspot_regions") or None,
        "meta": row.get("meta"),
    }


def _edge(row: Row) -> Row:
    return {
        "id": str(row["id"]),
        "from": str(row["from_node_id"]),
        "to": str(row["to_node_id"]),
        "label": row.get("choice_label", ""),
        "conditions": row.get("conditions") or None,
        "effects": row.get("effects") or None,
        "isDefault": None,
    }


def _exported_location(row: Row) -> Row:
    spots = [
        {
            "source_id": number,
            "scope": "location",
            "hotspot_id": f"spot-{number}",
            "scene_source_id": spot.get("scene_id"),
            "target": spot.get("target"),
            "action": spot.get("action"),
            "meta": spot.get("meta"),
        }
        for number, spot in enumerate(row.get("hotspots", []), start=1)
    ]
    return {
        "source_id": row["id"],
        "name": row["name"],
        "x": 0.0,
        "y": 0.0,
        "asset_id": None,
        "default_spawn": None,
        "meta": None,
        "stats": {},
        "hotspots": spots,
    }


def _exported_scene(row: Row) -> Row:
    return {
        "source_id": row["id"],
        "title": row.get("title", ""),
        "description": row.get("description"),
        "entry_node_source_id": row.get("entry_node_id"),
        "meta": row.get("meta"),
        "nodes": [
            {
                "source_id": node["id"],
                "asset_id": node["asset_id"],
                "label": node.get("label"),
                "loopable": False,
                "skippable": False,
                "reveal_choices_at_sec": None,
                "meta": node.get("meta"),
            }
            for node in row.get("nodes", [])
        ],
        "edges": [
            {
                "source_id": edge["id"],
                "from_node_source_id": edge["from_node_id"],
                "to_node_source_id": edge["to_node_id"],
                "choice_label": edge.get("choice_label", ""),
                "weight": edge.get("weight", 1.0),
                "reveal_at_sec": None,
                "cooldown_sec": None,
                "conditions": edge.get("conditions"),
                "effects": edge.get("effects"),
            }
            for edge in row.get("edges", [])
        ],
    }
