"""A scene walked from its start: which ways a player can come along, each once, in the order in which they branch.

A graph without promises: nothing forbids circles, ways that run side by side, nodes that nothing leads to, or ways to
nodes that are not there. Breadth first, the heavier way first, then as the server keeps them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assetctl.pixsim.records import GameScene, SceneEdge, SceneNode

DEFAULT_WEIGHT: Final = 1.0


@dataclass(frozen=True, slots=True)
class Reached:
    """What can be reached of a scene.

    `ways` maps each node's id to the edges that leave it, nodes and edges in branch order. `broken` counts the edges
    left out because they lead to no node, `unreached` the nodes.
    """

    scene: GameScene
    nodes: Mapping[str, SceneNode]
    ways: Mapping[str, tuple[SceneEdge, ...]]
    broken: int = 0

    @property
    def unreached(self) -> int:
        """How many nodes nothing leads to from the start."""
        return len(self.nodes) - len(self.ways)

    @property
    def edges(self) -> tuple[SceneEdge, ...]:
        """All edges, each once, in branch order."""
        return tuple(edge for edges in self.ways.values() for edge in edges)

    @property
    def plays(self) -> tuple[int, ...]:
        """The scenes that the nodes lead to, in branch order."""
        return tuple(dict.fromkeys(scene_id for node_id in self.ways for scene_id in self.nodes[node_id].plays))


def reach(scene: GameScene, weights: Mapping[str, float]) -> Reached:
    """What can be reached of `scene`; `weights` maps ids of edges, one that is missing weighs `DEFAULT_WEIGHT`."""
    nodes: dict[str, SceneNode] = {}
    for node in scene.nodes:
        nodes.setdefault(node.id, node)
    leaving: dict[str, list[SceneEdge]] = {}
    for edge in scene.edges:
        leaving.setdefault(edge.source, []).append(edge)
    ways: dict[str, tuple[SceneEdge, ...]] = {}
    waiting, broken = dict.fromkeys([scene.start] if scene.start in nodes else []), 0
    while waiting:
        # In the order in which they were met; a dictionary forgets nothing of it.
        level, waiting = waiting, {}
        for node_id in level:
            whole = [edge for edge in leaving.get(node_id, ()) if edge.target in nodes]
            broken += len(leaving.get(node_id, ())) - len(whole)
            ways[node_id] = tuple(sorted(whole, key=lambda edge: -weight_of(edge, weights)))
        for node_id in level:
            for edge in ways[node_id]:
                if edge.target not in ways:
                    waiting[edge.target] = None
    return Reached(scene, nodes, ways, broken)


def weight_of(edge: SceneEdge, weights: Mapping[str, float]) -> float:
    """How much `edge` weighs, never less than nothing; what is no finite number weighs nothing."""
    weight = weights.get(edge.id, DEFAULT_WEIGHT)
    return max(0.0, weight) if math.isfinite(weight) else 0.0
