"""How likely choices are: by their weights, nearer before farther, circles without end come to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from graphs import graphs, scene
from hypothesis import given
from hypothesis import strategies as st

from assetctl.pixsim.records import GameScene, SceneEdge, SceneNode
from assetctl.prefetch.scenes.likelihood import BEGINNING, GO_ON, likelihoods
from assetctl.prefetch.scenes.reaching import reach

if TYPE_CHECKING:
    from collections.abc import Mapping


def shares(
    *scenes: GameScene, weights: Mapping[str, float] | None = None, starts: tuple[int, ...] = (1,)
) -> dict[str, float]:
    """The share of each edge by its label, and of each scene's beginning by the scene's id."""
    given = weights or {}
    found = likelihoods([reach(one, given) for one in scenes], starts, given)
    labels = {(one.id, edge.id): edge.label or "" for one in scenes for edge in one.edges}
    return {labels.get(spot, str(spot[0])): share for spot, share in found.items()}


def test_ways_out_of_a_node_share_by_weight() -> None:
    found = shares(scene(1, "a>b often", "a>c seldom"), weights={"1-0": 3.0})
    assert found["often"] == pytest.approx(3 * found["seldom"])


def test_what_many_ways_lead_to_is_likelier_than_each_of_them() -> None:
    found = shares(scene(1, "a>b one", "a>c two", "a>d three", "b>x", "c>x", "d>x", "x>y met by all"))
    assert found["met by all"] > found["one"] == pytest.approx(found["two"])


def test_of_two_on_one_way_the_nearer_is_likelier() -> None:
    found = shares(scene(1, "a>b near", "b>c far"))
    assert found["far"] == pytest.approx(GO_ON * found["near"])


def test_a_circle_comes_to_an_end_and_is_no_more_than_all_steps() -> None:
    found = shares(scene(1, "a>b there", "b>a back"))
    assert found["there"] + found["back"] == pytest.approx(1.0, abs=1e-5)
    assert found["there"] > found["back"]


def test_where_nothing_weighs_anything_all_ways_are_alike() -> None:
    found = shares(scene(1, "a>b one", "a>c two"), weights={"1-0": 0.0, "1-1": -4.0})
    assert found["one"] == found["two"] > 0


def test_weights_whose_sum_is_no_number_still_share() -> None:
    found = shares(scene(1, "a>b one", "a>c two"), weights={"1-0": 1.7e308, "1-1": 1.7e308})
    assert found["one"] == found["two"] > 0


def test_a_scene_that_is_led_to_is_walked_on_into() -> None:
    led = scene(2, "a>b inside")
    found = shares(scene(1, "a>b go", b={"plays": (2, 404)}), led, scene(3, "a>b elsewhere"))
    assert found["go"] > found["inside"] > 0
    assert "elsewhere" not in found
    assert (found["1"] > found["2"] > 0, "3" in found) == (True, False)


def test_players_begin_in_all_starts_alike_whatever_is_there() -> None:
    broken = GameScene(9, "gone", (SceneNode("b"),), ())
    found = shares(scene(1, "a>b one"), scene(2, "a>b two"), broken, starts=(1, 2, 2, 9, 404))
    assert found["one"] == found["two"]


def test_without_a_start_nobody_goes_anywhere() -> None:
    assert shares(scene(1, "a>b one"), starts=()) == {}


@given(graphs(1, (1, 2)), graphs(2, (1, 2, 3)))
def test_shares_are_those_of_a_whole(
    one: tuple[GameScene, Mapping[str, float]], other: tuple[GameScene, Mapping[str, float]]
) -> None:
    weights = {**one[1], **other[1]}
    reached = [reach(one[0], weights), reach(other[0], weights)]
    found = likelihoods(reached, (1, 2), weights)
    steps = {spot: share for spot, share in found.items() if spot[1] != BEGINNING}
    assert all(0 <= share <= 1 for share in steps.values())
    assert sum(steps.values()) <= 1 + 1e-9
    assert set(steps) <= {(one.scene.id, edge.id) for one in reached for edge in one.edges}
    assert found == likelihoods(reached, (1, 2), weights)


@given(st.integers(2, 400))
def test_a_node_of_many_choices_shares_among_all(count: int) -> None:
    nodes = (SceneNode("a"), SceneNode("b"))
    edges = tuple(SceneEdge(str(number), "a", "b", "x") for number in range(count))
    reached = [reach(GameScene(1, "a", nodes, edges), {})]
    assert set(likelihoods(reached, [1], {})) == {(1, str(number)) for number in range(count)} | {(1, BEGINNING)}
