"""How likely each choice is the next that a player comes to: a random walk over the weights, from where players start.

At a node each way is taken as often as its share of the node's weights. After each step some players stop, as in the
random surfer's walk (Page, Brin, Motwani and Winograd, "The PageRank Citation Ranking", 1998, section 2): so circles
come to an end, and of two choices on one way the nearer is the likelier. Players are followed until too few are left
to count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from assetctl.prefetch.scenes.reaching import DEFAULT_WEIGHT, weight_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from assetctl.prefetch.scenes.reaching import Reached

GO_ON: Final = 0.85
"""The share of players that goes on after each step."""
_NOBODY: Final = 1e-6
#: Stands where the id of an edge does; none is empty.
BEGINNING: Final = ""

Spot = tuple[int, str]
"""A scene and one of its nodes, or of its edges: their ids are the scene's own."""


def likelihoods(reached: Sequence[Reached], starts: Iterable[int], weights: Mapping[str, float]) -> dict[Spot, float]:
    """For each edge that players come along the share of all steps that are taken there, which sum to 1 at most.

    At `(scene, BEGINNING)` stands the same for coming into a scene at all. `starts` are the ids of the scenes that
    players begin in, all as often.
    """
    scenes = {one.scene.id: one for one in reached}
    begun = [scene_id for scene_id in dict.fromkeys(starts) if scene_id in scenes and scenes[scene_id].ways]
    ways = _Ways(scenes, weights)
    players: dict[Spot, float] = {(scene_id, scenes[scene_id].scene.start): 1 / len(begun) for scene_id in begun}
    steps: dict[Spot, float] = {(scene_id, BEGINNING): 1 / len(begun) for scene_id in begun}
    while sum(players.values()) > _NOBODY:
        arrived: dict[Spot, float] = {}
        for spot, many in players.items():
            for edge_id, target, share in ways.of(spot):
                came = many * share * GO_ON
                taken = (target[0], BEGINNING) if edge_id is None else (spot[0], edge_id)
                steps[taken] = steps.get(taken, 0.0) + came
                arrived[target] = arrived.get(target, 0.0) + came
        players = arrived
    return {spot: came * (1 - GO_ON) / GO_ON for spot, came in steps.items()}


class _Ways:
    """The ways out of each spot, with the share of players that takes each; looked at once."""

    def __init__(self, scenes: Mapping[int, Reached], weights: Mapping[str, float]) -> None:
        self._scenes = scenes
        self._weights = weights
        self._known: dict[Spot, list[tuple[str | None, Spot, float]]] = {}

    def of(self, spot: Spot) -> list[tuple[str | None, Spot, float]]:
        """Edge (None where it leads to another scene), target and share."""
        if spot not in self._known:
            self._known[spot] = self._looked_at(spot)
        return self._known[spot]

    def _looked_at(self, spot: Spot) -> list[tuple[str | None, Spot, float]]:
        scene_id, node_id = spot
        here = self._scenes[scene_id]
        found: list[tuple[str | None, Spot, float]] = [
            (edge.id, (scene_id, edge.target), weight_of(edge, self._weights)) for edge in here.ways[node_id]
        ]
        led_to = (self._scenes[other] for other in here.nodes[node_id].plays if other in self._scenes)
        found += [(None, (other.scene.id, other.scene.start), DEFAULT_WEIGHT) for other in led_to if other.ways]
        # Divided by the heaviest first: a sum of them might have no finite value.
        heaviest = max((weight for _, _, weight in found), default=0.0)
        shares = [weight / heaviest if heaviest else 1.0 for _, _, weight in found]
        total = sum(shares)
        return [(edge_id, target, share / total) for (edge_id, target, _), share in zip(found, shares, strict=True)]
