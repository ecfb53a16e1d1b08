"""Scenes made for tests: by hand in a few words, or at random with everything that no server forbids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from assetctl.pixsim.records import GameScene, GameWorld, SceneEdge, SceneEntry, SceneNode

if TYPE_CHECKING:
    from collections.abc import Mapping


def scene(scene_id: int, *ways: str, title: str | None = None, start: str = "a", **nodes: Any) -> GameScene:
    """A scene of ways like `a>b Confess`, the first node its start; `nodes` gives some of them fields of their own."""
    edges: list[SceneEdge] = []
    ids = {start: None}
    for number, way in enumerate(ways):
        ends, _, said = way.partition(" ")
        source, target = ends.split(">")
        ids |= {source: None, target: None}
        edges.append(SceneEdge(f"{scene_id}-{number}", source, target, said or None))
    found = tuple(SceneNode(one, **nodes.get(one, {})) for one in ids if one != "nowhere")
    return GameScene(scene_id, start, found, tuple(edges), title)


class Server:
    """A backend with these scenes and worlds; it counts what it is asked."""

    def __init__(self, *scenes: GameScene, world: GameWorld | None = None, world_id: int = 3) -> None:
        self.scenes = {one.id: one for one in scenes}
        self.world = world
        self.world_id = world_id
        self.troubles: dict[int | str, Exception] = {}
        self.asked: list[str] = []

    async def game_scenes(self, world_id: int | None = None) -> tuple[SceneEntry, ...]:
        self.asked.append("scenes")
        if "scenes" in self.troubles:
            raise self.troubles["scenes"]
        if world_id not in (None, self.world_id):
            return ()
        return tuple(SceneEntry(scene_id, self.world_id) for scene_id in sorted({*self.scenes, *self._numbers()}))

    async def game_scene(self, scene_id: int) -> GameScene | None:
        self.asked.append(f"scene {scene_id}")
        if scene_id in self.troubles:
            raise self.troubles[scene_id]
        return self.scenes.get(scene_id)

    async def game_world(self, world_id: int) -> GameWorld | None:
        self.asked.append(f"world {world_id}")
        if "world" in self.troubles:
            raise self.troubles["world"]
        return self.world if world_id == self.world_id else None

    def _numbers(self) -> list[int]:
        return [one for one in self.troubles if isinstance(one, int)]


_LABELS = st.one_of(
    st.none(), st.sampled_from(["Leave", "leave!", "Stay", "…", "", "Über", "\u202eevil\x1b[31m"]), st.text(max_size=8)
)


@st.composite
def graphs(draw: st.DrawFn, scene_id: int = 1, others: tuple[int, ...] = ()) -> tuple[GameScene, Mapping[str, float]]:
    """Any scene, and weights for some of its edges: circles, loops, parallel and broken edges, a start that is none."""
    count = draw(st.integers(0, 7))
    names = [f"n{number}" for number in range(count)]
    nodes = tuple(
        SceneNode(name, draw(_LABELS), draw(st.none() | st.integers(1, 5)), plays=draw(_some_of(others)))
        for name in names
    )
    ends = st.sampled_from([*names, "nowhere"])
    edges = tuple(
        SceneEdge(f"{scene_id}.{number}", draw(ends), draw(ends), draw(_LABELS) or None)
        for number in range(draw(st.integers(0, 14)))
    )
    numbers = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 10)
    weights = {edge.id: draw(numbers) for edge in edges if draw(st.booleans())}
    return GameScene(scene_id, draw(ends), nodes, edges, draw(_LABELS)), weights


def _some_of(others: tuple[int, ...]) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.sampled_from(others), max_size=2).map(tuple) if others else st.just(())
