"""What becomes of a scene: a row for each choice, in its author's words, and nothing that an author may not decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from graphs import graphs, scene
from hypothesis import given

from assetctl.prefetch.manifest.findings import Item, Row
from assetctl.prefetch.manifest.resolving import Resolver
from assetctl.prefetch.manifest.rows import named
from assetctl.prefetch.scenes.moments import SAYABLE, mistakes, moments
from assetctl.prefetch.scenes.reaching import reach
from assetctl.validation import check_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assetctl.models import AssetRequest
    from assetctl.pixsim.records import GameScene


def rows(found: GameScene) -> list[dict[str, Any]]:
    return [dict(moment.row) for moment in moments(reach(found, {}))]


def test_a_choice_is_the_clip_that_it_leads_to() -> None:
    found = scene(5, "a>b Confess", title="First date", a={"label": "Bench"}, b={"label": "Kiss", "asset_id": 17})
    assert rows(found) == [
        {"scene": "5", "choice": "bench.confess", "prompt": "First date. Confess. Kiss", "asset": "17", "id": "5-0"}
    ]


def test_a_scene_without_choices_is_one_asset_that_of_its_start() -> None:
    found = scene(5, "a>b", title="Dusk", a={"label": "Park", "asset_id": 4})
    assert rows(found) == [{"scene": "5", "prompt": "Dusk. Park", "asset": "4"}]


def test_a_scene_without_words_is_still_asked_for() -> None:
    assert rows(scene(5, "a>b")) == [{"scene": "5"}]


def test_what_goes_on_by_itself_is_no_choice() -> None:
    assert [row["choice"] for row in rows(scene(5, "a>b", "b>c Stay", "a>c"))] == ["stay"]


def test_a_scene_whose_start_is_not_there_asks_for_nothing() -> None:
    assert rows(scene(5, start="nowhere")) == []


def test_the_same_words_are_said_once() -> None:
    assert rows(scene(5, "a>b Leave", title="leave", b={"label": "LEAVE"}))[0]["prompt"] == "LEAVE"


def test_an_author_may_say_what_an_asset_shows() -> None:
    said = {
        "prompt": "She says it",
        "character": "mira",
        "location": "park",
        "style": "anime",
        "duration_s": 5,
        "seed": 7,
    }
    row = rows(scene(5, "a>b Confess", b={"said": {**said, "type": None}}))[0]
    assert row == {"scene": "5", "choice": "confess", **said, "id": "5-0"}


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ({"generator": "paid"}, "`generator` can't be said there"),
        ({"inputs": [{"path": "/etc/passwd"}]}, "`inputs` can't be said there"),
        ({"asset": "17"}, "`asset` can't be said there"),
        ({"promt": "x"}, "`promt` can't be said there"),
        ({"prompt": 5}, "`prompt` must be text"),
        ({"prompt": "\x1b[31m"}, "has a control character"),
        ({"style": "noir"}, "is no style"),
        ({"duration_s": -1}, "no duration"),
        ("anime", "must be an object"),
    ],
)
def test_whatever_else_an_author_says_is_refused_with_its_place(stored: object, told: str) -> None:
    ((node_id, error),) = mistakes(reach(scene(5, "a>b Confess", "a>b Kiss", b={"said": stored}), {}))
    assert node_id == "b"
    assert told in error.what


def test_a_slip_of_the_pen_is_told_with_what_was_meant() -> None:
    ((_, error),) = mistakes(reach(scene(5, "a>b Confess", b={"said": {"promt": "x"}}), {}))
    assert error.hint == "did you mean `prompt`?"


def test_all_that_is_wrong_in_a_node_is_told_and_nothing_of_nodes_that_nobody_sees() -> None:
    said = {"promt": "x", "duration_s": -1, "seed": 7, "style": "noir"}
    bad, alone = {"said": said}, {"said": {"alone": 1}}
    found = reach(scene(5, "a>b Confess", "a>c", "b>d Leave", a=alone, b=bad, c=alone, d={"said": 5}, e=alone), {})
    assert [(node_id, error.what.partition(" ")[0]) for node_id, error in mistakes(found)] == [
        ("b", "`promt`"),
        ("b", "`-1`"),
        ("b", "`noir`"),
        ("d", "`meta.assetctl`"),
    ]
    assert [node_id for node_id, _ in mistakes(reach(scene(5, "a>b", a=bad), {}))] == ["a"] * 3


def test_nothing_that_an_author_may_say_spends_or_reads() -> None:
    assert set(SAYABLE) == {"prompt", "character", "location", "type", "style", "duration_s", "seed"}


def test_texts_of_any_length_and_any_kind_make_a_prompt() -> None:
    row = rows(scene(5, "a>b \x00\x1b[31mred\nline\u202e", title="x" * 50_000))[0]
    assert len(row["prompt"]) < 3_000
    assert row["prompt"].endswith("\\x00\\x1b[31mred line\\u202e")


def item_of(row: Mapping[str, Any]) -> Item:
    def checked(request: AssetRequest) -> AssetRequest:
        check_request(request)
        return request

    fields, problems = named(dict(row), 1)
    found = Resolver(checked).resolved(Row(1, fields, fields.pop("id", None)), 1)
    assert problems == []
    assert isinstance(found, Item), found
    return found


@given(graphs())
def test_every_moment_is_a_row_that_a_manifest_may_have(drawn: tuple[GameScene, Mapping[str, float]]) -> None:
    found, weights = drawn
    items = [item_of(moment.row) for moment in moments(reach(found, weights))]
    choices = [edge for edge in reach(found, weights).edges if edge.label is not None]
    assert [item.label for item in items] == ([edge.id for edge in choices] or [None] * len(items))
    assert len({item.key for item in items}) == len(items)
