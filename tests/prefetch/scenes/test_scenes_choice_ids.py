"""Ids of choices: made of what authors wrote, each its own, and the same after the server numbered all anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from graphs import graphs, scene
from hypothesis import given
from hypothesis import strategies as st

from assetctl.prefetch.scenes.choice_ids import choice_ids, slug
from assetctl.validation import check_id

if TYPE_CHECKING:
    from assetctl.pixsim.records import GameScene


def ids(found: GameScene) -> list[str]:
    return list(choice_ids(found).values())


def test_an_id_has_the_words_of_the_node_and_of_the_choice() -> None:
    assert ids(scene(1, "a>b Confess it!", "a>b", a={"label": "The Bench"})) == ["the_bench.confess_it"]


def test_without_words_at_the_node_those_of_the_choice_are_enough() -> None:
    assert ids(scene(1, "a>b Confess")) == ["confess"]


def test_the_same_words_at_another_node_are_another_choice() -> None:
    found = scene(1, "a>b Leave", "b>a Leave", a={"label": "Bench"}, b={"label": "Bridge"})
    assert ids(found) == ["bench.leave", "bridge.leave"]


def test_a_second_choice_of_other_words_renames_nobody() -> None:
    before = scene(1, "a>b Leave", a={"label": "Bench"}, b={"label": "Bridge"})
    after = scene(1, "b>a Leave", "a>b Stay", "a>b Leave", a={"label": "Bench"}, b={"label": "Bridge"})
    assert set(ids(before)) < set(ids(after))


def test_the_same_words_at_the_same_node_are_numbered_as_they_are_kept() -> None:
    assert ids(scene(1, "a>b Go", "a>c go", "a>a GO?", "a>b Go 2", "a>b …")) == ["go", "go.2", "go.3", "go_2", "choice"]


def test_a_number_never_takes_an_id_that_words_have() -> None:
    found = scene(1, "a>b X", "b>a 2", "a>b x", b={"label": "x"})
    assert ids(found) == ["x", "x.2", "x.3"]


def test_ids_outlive_new_numbers() -> None:
    found = scene(1, "a>b Confess", "a>c Wait", "b>c Wait", a={"label": "Bench"})
    moved = {node.id: f"9{node.id}" for node in found.nodes}
    anew = replace(
        found,
        start=moved[found.start],
        nodes=tuple(replace(node, id=moved[node.id]) for node in found.nodes),
        edges=tuple(
            replace(edge, id=f"7{edge.id}", source=moved[edge.source], target=moved[edge.target])
            for edge in found.edges
        ),
    )
    assert ids(anew) == ids(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Über-Ich ", "über_ich"),
        ("告白する", "告白する"),
        ("हिन्दी", "हिन्दी"),
        ("\u202e\x1b[31mred", "31mred"),
        ("❤️", ""),
        ("../..", ""),
    ],
)
def test_words_of_any_script_are_kept_and_nothing_else(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(graphs())
def test_every_choice_has_an_id_of_its_own_that_a_request_may_have(drawn: tuple[GameScene, object]) -> None:
    found, _ = drawn
    named = choice_ids(found)
    assert set(named) == {edge.id for edge in found.edges if edge.label is not None}
    assert len(set(named.values())) == len(named)
    for name in named.values():
        check_id("choice", name)


@given(st.text(max_size=700))
def test_any_words_make_an_id(text: str) -> None:
    made = slug(text)
    assert len(made) <= 60
    assert made == slug(made)
    check_id("choice", made or None)
