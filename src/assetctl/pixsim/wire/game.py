"""Scenes and worlds of a game, which the server writes in two ways: camel case and texts for ids, or snake and numbers.

What an author stored freely (`meta`, the action of a hotspot) comes as it was stored, in either case and of any shape:
what is not as expected there says nothing, and what is not used is not kept.
"""

from __future__ import annotations

from itertools import chain
from typing import Annotated, Any, Final, cast

from pydantic import AliasChoices, BeforeValidator, FailFast, Field, TypeAdapter

from assetctl.pixsim.records import GameScene, GameWorld, SceneEdge, SceneEntry, SceneNode
from assetctl.pixsim.wire.reading import Id, Number, Unreadable, Wire, read, referred_id, validated, without_none

#: A scene is read whole, and so is a world: ten thousand nodes have some hundred thousand values, most of them null.
MAX_GAME_VALUES: Final = 500_000
#: An object costs the memory of many plain values.
MAX_GAME_OBJECTS: Final = 100_000
_MANY: Final = (FailFast(), Field(max_length=50_000))
_ID_LIMIT: Final = 2**63
_PLAY_SCENE: Final = "play_scene"


def _key(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Key = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_key)]
_Text = str | None


class _RegionWire(Wire):
    edge_id: _Key
    label: _Text = None
    tooltip: _Text = None


class _MetaWire(Wire):
    """What is used of what an author stored with a node; it may be anything."""

    assetctl: Any = None
    action: Any = None
    hotspots: Any = None
    targetSceneId: Any = None  # noqa: N815 - the server's name
    target_scene_id: Any = None

    def plays(self) -> tuple[int, ...]:
        """The scenes that the node leads to: as its target, or as a hotspot does."""
        spots = cast("list[Any]", self.hotspots) if isinstance(self.hotspots, list) else []  # pyright: ignore[reportUnknownMemberType] - narrowed from Any
        actions = [
            self.action,
            *(cast("dict[str, Any]", spot).get("action") for spot in spots if isinstance(spot, dict)),
        ]
        found = [_scene_id(self.targetSceneId), _scene_id(self.target_scene_id), *map(_played, actions)]
        return tuple(dict.fromkeys(scene_id for scene_id in found if scene_id is not None))


class _NodeWire(Wire):
    id: _Key
    label: _Text = None
    assetId: Id | None = None  # noqa: N815 - the server's name
    hotspot_regions: Annotated[tuple[_RegionWire, ...], *_MANY, BeforeValidator(without_none)] = ()
    meta: _MetaWire | None = None

    def record(self) -> SceneNode:
        meta = self.meta or _MetaWire()
        return SceneNode(self.id, self.label, self.assetId, meta.assetctl, meta.plays())


class _EdgeWire(Wire):
    id: _Key
    source: _Key = Field(validation_alias="from")
    to: _Key
    label: _Text = None


class _SceneWire(Wire):
    id: Id
    title: _Text = None
    startNodeId: _Key  # noqa: N815 - the server's name
    nodes: Annotated[tuple[_NodeWire, ...], *_MANY]
    edges: Annotated[tuple[_EdgeWire, ...], *_MANY]

    def record(self) -> GameScene:
        # What is clicked instead of read names its edge; once the scene was saved anew it may name none.
        clicked = {
            region.edge_id: region.label or region.tooltip for node in self.nodes for region in node.hotspot_regions
        }
        edges = tuple(
            SceneEdge(edge.id, edge.source, edge.to, _said(edge.label) or _said(clicked.get(edge.id)))
            for edge in self.edges
        )
        return GameScene(self.id, self.startNodeId, tuple(node.record() for node in self.nodes), edges, self.title)


class _EntryWire(Wire):
    id: Id
    world_id: Annotated[Id | None, Field(validation_alias=AliasChoices("worldId", "world_id"))] = None
    title: _Text = None


class _HotspotWire(Wire):
    action: dict[str, Any] | None = None
    scene_source_id: Id | None = None

    def played(self) -> int | None:
        return _played(self.action, self.scene_source_id)


class _LocationWire(Wire):
    hotspots: Annotated[tuple[_HotspotWire, ...], *_MANY, BeforeValidator(without_none)] = ()


class _ExportedEdgeWire(Wire):
    source_id: _Key
    weight: Number = None


class _ExportedSceneWire(Wire):
    edges: Annotated[tuple[_ExportedEdgeWire, ...], *_MANY] = ()


class _WorldWire(Wire):
    name: _Text = None


class _CoreWire(Wire):
    world: _WorldWire = _WorldWire()
    locations: Annotated[tuple[_LocationWire, ...], *_MANY] = ()
    scenes: Annotated[tuple[_ExportedSceneWire, ...], *_MANY]


class _ExportWire(Wire):
    core: _CoreWire


#: Whose scenes they are, a list does not ask: everybody's may be many.
_ENTRIES: Final = TypeAdapter(Annotated[tuple[_EntryWire, ...], FailFast(), Field(max_length=MAX_GAME_OBJECTS)])


def scene_entries(data: bytes) -> tuple[SceneEntry, ...]:
    """The scenes of a list; all of these raise `Unreadable` when `data` tells of something else."""
    found = validated(_ENTRIES.validate_json, _bounded(data), max_values=MAX_GAME_VALUES)
    return tuple(SceneEntry(entry.id, entry.world_id, entry.title) for entry in found)


def scene(data: bytes) -> GameScene:
    """One scene as a graph."""
    return read(_SceneWire, _bounded(data), max_values=MAX_GAME_VALUES).record()


def world(data: bytes) -> GameWorld:
    """What a project export tells of its world."""
    core = read(_ExportWire, _bounded(data), max_values=MAX_GAME_VALUES).core
    weights = {edge.source_id: edge.weight for scene in core.scenes for edge in scene.edges if edge.weight is not None}
    played = (spot.played() for spot in chain.from_iterable(place.hotspots for place in core.locations))
    return GameWorld(core.world.name, weights, tuple(scene_id for scene_id in played if scene_id is not None))


def _bounded(data: bytes) -> bytes:
    """`data`, which has not too many objects.

    Raises:
        Unreadable: it has.
    """
    if data.count(b"{") > MAX_GAME_OBJECTS:
        raise Unreadable(f"it has more than {MAX_GAME_OBJECTS} objects")
    return data


def _played(action: object, otherwise: int | None = None) -> int | None:
    """The scene that `action` plays, `otherwise` where it doesn't say which; None when it does something else."""
    stored = cast("dict[str, Any]", action) if isinstance(action, dict) else {}
    if stored.get("type") != _PLAY_SCENE:
        return None
    found = (_scene_id(stored.get("sceneId")), _scene_id(stored.get("scene_id")), otherwise)
    return next((scene_id for scene_id in found if scene_id is not None), None)


def _scene_id(stored: object) -> int | None:
    found = referred_id(stored)
    if isinstance(found, bool) or not isinstance(found, int):
        return None
    return found if 0 <= found < _ID_LIMIT else None


def _said(text: str | None) -> str | None:
    return None if text is None or not text.strip() else text
