"""Gathered scenes as manifests: in the order asked for, and as a file that comes to the same items."""

from __future__ import annotations

import io
import json
import tomllib
from typing import TYPE_CHECKING

import pytest
from graphs import Server, graphs, scene
from hypothesis import given
from hypothesis import strategies as st

from assetctl.errors import ManifestError
from assetctl.pixsim.records import GameScene, GameWorld
from assetctl.prefetch.manifest.findings import Row
from assetctl.prefetch.manifest.nested import nested_rows, read_nested
from assetctl.prefetch.manifest.rows import read_json_lines
from assetctl.prefetch.manifest.source import Format
from assetctl.prefetch.scenes.chapter import GameChapter, Kind, Order, chapter_at
from assetctl.prefetch.scenes.exporting import manifest_document, toml_lines
from assetctl.prefetch.scenes.gathering import Gathered, gather
from assetctl.prefetch.scenes.reaching import reach
from assetctl.prefetch.scenes.writing import ScenesMistaken, json_lines, rows
from assetctl.text import safe

if TYPE_CHECKING:
    from collections.abc import Mapping

SCENE = GameChapter(Kind.SCENE, 1)
LIKELY = GameChapter(Kind.SCENE, 1, Order.LIKELY)


def gathered(*scenes: GameScene, weights: Mapping[str, float] | None = None, title: str | None = "Date") -> Gathered:
    return Gathered(title, tuple(reach(one, weights or {}) for one in scenes), (scenes[0].id,), weights or {})


def choices(found: Gathered, chapter: GameChapter) -> list[str]:
    return [f"{row['scene']}/{row.get('choice', '')}" for row in rows(found, chapter)]


BRANCHES = gathered(
    scene(1, "a>b seldom", "a>c often", "c>d then", c={"plays": (2,)}),
    scene(2, "a>b inside"),
    scene(3, "a>b unmet"),
    weights={"1-1": 9.0},
)


def test_the_order_of_a_chapter_is_that_of_its_branches() -> None:
    assert choices(BRANCHES, SCENE) == ["1/often", "1/seldom", "1/then", "2/inside", "3/unmet"]


def test_what_players_most_likely_meet_comes_first_and_what_nobody_meets_last() -> None:
    assert choices(BRANCHES, LIKELY) == ["1/often", "1/then", "2/inside", "1/seldom", "3/unmet"]


def test_a_chapter_of_nothing_is_refused_with_what_was_odd() -> None:
    found = Gathered(None, (reach(scene(1, start="nowhere"), {}),), (1,), {}, ("without a start: scene 1",))
    with pytest.raises(ManifestError) as caught:
        rows(found, SCENE)
    assert (caught.value.what, caught.value.why) == ("scene 1 has nothing to prefetch", "without a start: scene 1")


def test_mistakes_of_all_scenes_are_told_each_with_its_place() -> None:
    bad = {"said": {"promt": "x", "seed": "y"}}
    found = gathered(scene(1, "a>b go", "b>c stay", b=bad, c=bad), scene(2, "a>b go", b=bad))
    with pytest.raises(ScenesMistaken) as caught:
        rows(found, SCENE)
    told = [(problem.within, problem.what) for problem in caught.value.check.problems]
    places = ("node b", "node c", "scene 2, node b")
    assert [within for within, _ in told] == [place for place in places for _ in range(2)]
    assert caught.value.what == (
        "scene 1: node b: `promt` can't be said there (5 more: `assetctl manifest check --from-scene 1` lists them)"
    )


def test_without_a_library_at_the_backend_no_asset_is_named() -> None:
    found = gathered(scene(1, "a>b go", b={"asset_id": 4}))
    assert [
        ("asset" in row) for with_assets in (True, False) for row in rows(found, SCENE, with_assets=with_assets)
    ] == [
        True,
        False,
    ]


def read_back(text: str, format_: Format) -> list[dict[str, object]]:
    file = io.BytesIO(text.encode())
    found = read_json_lines(file) if format_ is Format.JSONL else nested_rows(read_nested(file, format_))
    items = list(found)
    assert all(isinstance(one, Row) for one in items), items
    return [dict(one.fields) for one in items if isinstance(one, Row)]


@pytest.mark.parametrize("chapter", [SCENE, LIKELY])
def test_an_exported_manifest_says_what_the_scenes_say_in_their_order(chapter: GameChapter) -> None:
    found = rows(BRANCHES, chapter)
    document = manifest_document(chapter, "Date", found)
    expected = read_back(b"".join(json_lines(found)).decode(), Format.JSONL)
    assert read_back("\n".join(toml_lines(document)), Format.TOML) == expected
    assert read_back(json.dumps(document), Format.JSON) == expected


def test_an_exported_manifest_is_written_as_people_write_it() -> None:
    found = gathered(scene(5, "a>b Confess", b={"label": 'the "Kiss"', "asset_id": 17}), scene(6, "a>b"), title="Date")
    document = manifest_document(GameChapter(Kind.SCENE, 5), found.title, rows(found, SCENE))
    assert "\n".join(toml_lines(document)) == (
        '[chapter]\nid = "scene:5"\ntitle = "Date"\n\n'
        '[[scenes]]\nid = "5"\n\n'
        '[[scenes.choices]]\nid = "confess"\nprompt = "Confess. the \\"Kiss\\""\nasset = "17"\n\n'
        '[[scenes]]\nid = "6"'
    )


@given(graphs())
def test_any_scene_is_written_as_toml_that_can_be_read(drawn: tuple[GameScene, Mapping[str, float]]) -> None:
    found, weights = drawn
    try:
        made = rows(gathered(found, weights=weights, title=found.title), SCENE)
    except ManifestError:
        assert not reach(found, weights).ways
        return
    text = "\n".join(toml_lines(manifest_document(SCENE, found.title, made)))
    assert tomllib.loads(text)["chapter"]["id"] == "scene:1"
    assert len(read_back(text, Format.TOML)) == len(made)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip))
def test_any_words_of_an_author_outlive_being_written_and_printed(prompt: str) -> None:
    found = rows(gathered(scene(1, "a>b go", b={"said": {"prompt": prompt}})), SCENE)
    printed = "\n".join(map(safe, toml_lines(manifest_document(SCENE, None, found))))
    assert read_back(printed, Format.TOML)[0]["prompt"] == prompt


@pytest.mark.parametrize("chapter", [SCENE, LIKELY, GameChapter(Kind.WORLD, 2**31)])
def test_an_address_leads_back_to_its_chapter(chapter: GameChapter) -> None:
    assert chapter_at(chapter.address, chapter.order) == chapter


@pytest.mark.parametrize("path", ["scenes/scene:5", "chapter.toml", "-", "scene:", "scene:5 ", "world:-1", "Scene:5"])
def test_a_path_is_no_address(path: str) -> None:
    assert chapter_at(path, Order.CHAPTER) is None


@pytest.mark.anyio
async def test_ten_thousand_nodes_are_gathered_and_written() -> None:
    ways = [f"n{number}>n{number + 1} on" for number in range(9_999)] + [
        f"n{number}>n0 back" for number in range(9_999)
    ]
    server = Server(scene(1, *ways, start="n0"), world=GameWorld("Town", {}))
    found = await gather(server, GameChapter(Kind.WORLD, 3, Order.LIKELY))
    made = rows(found, GameChapter(Kind.WORLD, 3, Order.LIKELY))
    assert len(made) == 19_998
