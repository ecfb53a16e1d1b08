"""Scenes walked: every way that a player can come along once, in one order, whatever the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from graphs import graphs, scene
from hypothesis import given

from assetctl.pixsim.records import GameScene, SceneEdge, SceneNode
from assetctl.prefetch.scenes.reaching import reach

if TYPE_CHECKING:
    from collections.abc import Mapping


def said(*labels: str | None) -> list[str | None]:
    return list(labels)


def labels(found: GameScene, weights: Mapping[str, float] | None = None) -> list[str | None]:
    return [edge.label for edge in reach(found, weights or {}).edges]


def test_ways_come_breadth_first() -> None:
    found = scene(1, "a>b left", "b>d deep", "a>c right", "c>d deeper")
    assert labels(found) == said("left", "right", "deep", "deeper")


def test_the_heavier_way_comes_first_and_leads_on_first() -> None:
    found = scene(1, "a>b left", "a>c right", "b>d from b", "c>d from c")
    assert labels(found, {"1-1": 3.0}) == said("right", "left", "from c", "from b")


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), float("-inf"), -2.0, 0.0])
def test_what_is_no_weight_weighs_nothing(weight: float) -> None:
    assert labels(scene(1, "a>b odd", "a>c plain"), {"1-0": weight}) == said("plain", "odd")


def test_circles_loops_and_ways_side_by_side_are_each_walked_once() -> None:
    found = scene(1, "a>a again", "a>b go", "a>b run", "b>a back")
    assert labels(found) == said("again", "go", "run", "back")


def test_what_nothing_leads_to_is_counted_and_left_out() -> None:
    reached = reach(scene(1, "a>b go", "x>b from nowhere", "y>x lost"), {})
    assert ([edge.label for edge in reached.edges], reached.unreached) == (["go"], 2)


def test_a_way_to_a_node_that_is_not_there_is_counted_and_left_out() -> None:
    reached = reach(scene(1, "a>nowhere off", "a>b on", "x>nowhere unmet"), {})
    assert ([edge.label for edge in reached.edges], reached.broken) == (["on"], 1)


def test_of_a_start_that_is_not_there_nothing_is_reached() -> None:
    reached = reach(GameScene(1, "a", (SceneNode("b"),), (SceneEdge("1", "b", "b", "x"),)), {})
    assert (reached.edges, reached.unreached, dict(reached.ways)) == ((), 1, {})


def test_scenes_that_nodes_lead_to_are_told_in_branch_order_and_once() -> None:
    found = scene(1, "a>b left", "a>c right", c={"plays": (9, 7)}, b={"plays": (7,)}, x={"plays": (5,)})
    assert reach(found, {"1-1": 2.0}).plays == (9, 7)


@given(graphs())
def test_every_way_that_can_be_reached_is_walked_exactly_once(drawn: tuple[GameScene, Mapping[str, float]]) -> None:
    found, weights = drawn
    there = {node.id for node in found.nodes}
    met = {found.start} & there
    while grown := {e.target for e in found.edges if e.source in met and e.target in there} - met:
        met |= grown
    expected = [edge for edge in found.edges if edge.source in met and edge.target in there]
    reached = reach(found, weights)
    assert sorted(map(id, reached.edges)) == sorted(map(id, expected))
    assert set(reached.ways) == met
    assert reached.unreached == len(there) - len(met)


@given(graphs())
def test_walking_twice_gives_the_same(drawn: tuple[GameScene, Mapping[str, float]]) -> None:
    found, weights = drawn
    assert reach(found, weights) == reach(found, dict(reversed(list(weights.items()))))


def test_a_scene_of_ten_thousand_nodes_in_one_line_is_walked() -> None:
    nodes = tuple(SceneNode(str(number)) for number in range(10_000))
    edges = tuple(SceneEdge(str(number), str(number), str(number + 1), "on") for number in range(9_999))
    assert len(reach(GameScene(1, "0", nodes, edges), {}).edges) == 9_999
