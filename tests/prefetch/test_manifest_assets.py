"""Assets that a manifest names: in every format, told to whoever asks, and every mistake with its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from chapters import planned, run_of, taken
from manifest_samples import opened_source

from assetctl.models import AssetRequest
from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.manifest.findings import Duplicate, Item, Problem
from assetctl.prefetch.manifest.reading import ManifestReader
from assetctl.prefetch.manifest.source import written_source
from assetctl.prefetch.results import Outcome
from assetctl.validation import check_request
from fakes import FakeLibrary, House, film

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.prefetch.manifest.reading import Finding
    from shop import Shop

NESTED = """
[[scenes]]
id = "park"
asset = "night_park.mp4"
[[scenes.choices]]
id = "confess"
asset = "take_3.mp4"
[[scenes.choices]]
id = "wait"
"""
FORMATS = {
    "chapter.toml": NESTED,
    "chapter.json": json.dumps(
        {
            "scenes": [
                {
                    "id": "park",
                    "asset": "night_park.mp4",
                    "choices": [{"id": "confess", "asset": "take_3.mp4"}, {"id": "wait"}],
                }
            ]
        }
    ),
    "chapter.csv": "scene,choice,asset\npark,confess,take_3.mp4\npark,wait,night_park.mp4\n",
    "chapter.jsonl": '{"scene": "park", "choice": "confess", "asset": "take_3.mp4"}\n'
    '{"scene": "park", "choice": "wait", "asset": "night_park.mp4"}\n',
}


def checked(request: AssetRequest) -> AssetRequest:
    check_request(request)
    return request


def read(folder: Path, name: str, text: str) -> tuple[list[Finding], dict[str, str]]:
    """What is found, and what was told of named assets by key."""
    (folder / name).write_text(text, encoding="utf-8")
    told: dict[str, str] = {}
    with opened_source(str(folder / name), folder) as source:
        source.on_named = told.__setitem__
        return list(ManifestReader(source, checked).findings()), told


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_name_an_asset_and_the_innermost_counts(tmp_path: Path, name: str) -> None:
    found, told = read(tmp_path, name, FORMATS[name])
    items = [item for item in found if isinstance(item, Item)]
    assert [(item.request.choice_id, item.asset_id) for item in items] == [
        ("confess", "take_3.mp4"),
        ("wait", "night_park.mp4"),
    ]
    assert told == {item.key: item.asset_id for item in items}


def test_a_name_is_no_part_of_the_request(tmp_path: Path) -> None:
    with_name, _ = read(tmp_path, "a.jsonl", '{"scene": "park", "asset": "x"}')
    without, told = read(tmp_path, "b.jsonl", '{"scene": "park"}\n{"scene": "beach", "asset": null}')
    assert [one.key for one in (*with_name, *without[:1]) if isinstance(one, Item)] == [without[0].key] * 2  # type: ignore[union-attr]
    assert told == {}


ALIKE = [
    ("x", "x", Duplicate),
    ("x", None, Duplicate),
    (None, None, Duplicate),
    ("x", "y", Problem),
    (None, "x", Problem),
]


@pytest.mark.parametrize(("first", "second", "kind"), ALIKE)
def test_of_two_rows_that_ask_the_same_the_second_names_no_other_asset(
    tmp_path: Path, first: str | None, second: str | None, kind: type[Finding]
) -> None:
    rows = [{"scene": "beach", "asset": "z"}, {"scene": "park", "asset": first}, {"scene": "park", "asset": second}]
    found, told = read(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert [type(one) for one in found] == [Item, Item, kind]
    assert list(told.values()) == ["z", first][: 1 + (first is not None)]


def test_two_requests_may_be_one_asset(tmp_path: Path) -> None:
    found, told = read(tmp_path, "a.csv", "scene,asset\npark,x\nbeach,x\n")
    assert [type(one) for one in found] == [Item, Item]
    assert list(told.values()) == ["x", "x"]


def test_a_row_that_names_another_asset_is_told_with_its_line_and_field(tmp_path: Path) -> None:
    rows = "scene,asset\npark,x\nbeach,\npark,y\npark,x\npark,y\n"
    found, _ = read(tmp_path, "a.csv", rows)
    assert [type(one) for one in found] == [Item, Item, Problem, Duplicate, Problem]
    first, second = (one for one in found if isinstance(one, Problem))
    assert (first.place, first.field) == (4, "asset")
    assert first.what == "item 1 is the same request and doesn't name this `asset`"
    assert second.place == 6
    nested = {"scenes": [{"id": "park", "asset": "x"}, {"id": "park", "asset": "y"}]}
    found, _ = read(tmp_path, "a.json", json.dumps(nested))
    assert [(one.place, one.field) for one in found if isinstance(one, Problem)] == [(("scenes", 1, "asset"), "asset")]


@pytest.mark.parametrize("wrong", [17, "", "  ", ["x"], True, "a\nb", "x" * 1_001])
def test_what_is_no_id_is_a_mistake_with_its_place(tmp_path: Path, wrong: object) -> None:
    row = json.dumps({"scene": "park", "asset": wrong})
    found, told = read(tmp_path, "a.jsonl", f'{{"scene": "beach"}}\n{row}\n')
    (problem,) = [one for one in found if isinstance(one, Problem)]
    assert (problem.place, problem.field, problem.what) == (2, "asset", "`asset` must be the id of an asset, as text")
    nested, _ = read(tmp_path, "a.json", json.dumps({"scenes": [{"id": "park", "asset": wrong}]}))
    assert [one.field for one in nested if isinstance(one, Problem)] == ["asset"]
    assert told == {}


def test_a_wrong_name_does_not_hide_what_else_is_wrong(tmp_path: Path) -> None:
    found, _ = read(tmp_path, "a.jsonl", '{"scene": "park", "asset": 17, "style": "noir"}')
    assert [one.field for one in found if isinstance(one, Problem)] == ["asset", "style"]


def test_rows_that_were_made_here_are_read_like_a_file_and_have_a_title(tmp_path: Path) -> None:
    source = written_source(
        "scene 5", [b'{"scene": "park"}\n', b'{"scene": 3}\n'], tmp_path / "own", ("scene:5", "Date")
    )
    try:
        for _ in range(2):
            reader = ManifestReader(source, checked)
            found = list(reader.findings())
            assert (reader.chapter_id, reader.title, source.name) == ("scene:5", "Date", "scene 5")
            assert [type(one) for one in found] == [Item, Problem]
    finally:
        source.close()
    assert list((tmp_path / "own").iterdir()) == []


@pytest.mark.anyio
async def test_a_chapter_takes_what_it_names_and_makes_the_rest(
    tmp_path: Path, house: House, library: FakeLibrary, shop: Shop
) -> None:
    library.add("take_3.mp4", film("take 3"), AssetRequest(scene_id="elsewhere"))
    (tmp_path / "chapter.toml").write_text(NESTED, encoding="utf-8")
    with opened_source(str(tmp_path / "chapter.toml"), tmp_path) as source:
        source.on_named = house.names.name
        plan, _ = await planned(house, source)
        assert taken(plan) == {Deed.FETCH: 1, Deed.MAKE: 1}
        run, heard = run_of(house, source)
        await run.run()
        assert {one.item.request.choice_id: one.outcome for one in heard.results} == {
            "confess": Outcome.FETCHED,
            "wait": Outcome.GENERATED,
        }
        assert taken((await planned(house, source))[0]) == {Deed.HERE: 2}
    assert shop.submissions == 1
