"""`assetctl coverage` and `available --manifest`: what of a chapter is there, and nothing is done for it."""

from __future__ import annotations

import io
import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from assetctl.cli.chapter.covering import coverage_pieces, print_coverage
from assetctl.cli.output import Printer
from assetctl.models import AssetRequest
from assetctl.prefetch.coverage import Cover, Coverage
from assetctl.prefetch.manifest.findings import Item

if TYPE_CHECKING:
    from pathlib import Path

    from cli_harness import Tool


def row(scene: str, choice: str | None = None, generator: str = "instant", **fields: object) -> dict[str, object]:
    chosen = {} if choice is None else {"choice": choice}
    return {"scene": scene, **chosen, "type": "audio", "generator": generator, **fields}


def write(tool: Tool, *rows: dict[str, object]) -> None:
    (tool.work / "chapter.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")


@pytest.fixture
def chapter(tool: Tool) -> None:
    """An asset of each state."""
    write(tool, row("a", "x"), row("a", "y", allow_generation=False))
    assert tool("prefetch", "chapter.jsonl").code == 5
    tool.put_sound("lib.wav")
    assert tool("request", "--scene", "job", "--type", "audio", "--generator", "slow", "--detach").code == 4
    tool.put_sound("old.wav")
    assert tool("request", "--scene", "old", "--type", "audio", "--generator", "instant").code == 0
    (tool.work / "assets" / "old.wav").unlink()
    write(
        tool,
        row("a", "x"),
        row("a", "y", allow_generation=False),
        row("lib"),
        row("job", generator="slow"),
        row("old"),
        row("gone"),
    )


@pytest.mark.usefixtures("chapter")
def test_every_state_is_told_scene_by_scene(tool: Tool) -> None:
    before = (tool.calls("submit"), len(tool.orders()))
    ran = tool("coverage", "chapter.jsonl")
    assert ran.code == 0
    assert ran.out.splitlines()[0] == (
        "33.3 % of 6 assets: 1 cached, 1 library, 1 job, 1 stale, 1 placeholder, 1 missing"
    )
    assert [line.split() for line in ran.out.splitlines()[4:]] == [
        ["a", "cached", "placeholder"],
        ["lib", "library"],
        ["job", "job"],
        ["old", "stale"],
        ["gone", "missing"],
    ]
    assert (tool.calls("submit"), len(tool.orders())) == before


@pytest.mark.usefixtures("chapter")
@pytest.mark.parametrize(("least", "code"), [("33", 0), ("34", 5)])
def test_less_than_the_minimum_is_exit_code_5(tool: Tool, least: str, code: int) -> None:
    ran = tool("coverage", "chapter.jsonl", "--min", least, "--json")
    assert (ran.code, ran.document["is_enough"]) == (code, code == 0)
    assert ran.document["states"] == {
        "cached": 1, "library": 1, "job": 1, "stale": 1, "placeholder": 1, "missing": 1, "trouble": 0,
    }  # fmt: skip
    assert ran.document["scenes"][0] == {
        "scene_id": "a",
        "covered": 1,
        "items": 2,
        "choices": [
            {"choice_id": "x", "item": 1, "state": "cached"},
            {"choice_id": "y", "item": 2, "state": "placeholder"},
        ],
    }
    assert ("makes what is missing" in tool("coverage", "chapter.jsonl", "--min", least).err) is (code == 5)


def test_where_each_scene_has_choices_of_its_own_they_are_named_by_their_state(tool: Tool) -> None:
    write(tool, row("s0", "s0.c0"))
    assert tool("prefetch", "chapter.jsonl").code == 0
    rows = [row(f"s{scene}", f"s{scene}.c{choice}") for scene in range(4) for choice in range(3)]
    write(tool, *rows, row("ending"))
    assert tool("coverage", "chapter.jsonl").out.splitlines()[2:] == [
        "scene   state    assets  choices",
        "────────────────────────────────────────────",
        "s0      cached        1  s0.c0",
        "s0      missing       2  s0.c1, s0.c2",
        "s1      missing       3  s1.c0, s1.c1, s1.c2",
        "s2      missing       3  s2.c0, s2.c1, s2.c2",
        "s3      missing       3  s3.c0, s3.c1, s3.c2",
        "ending  missing       1  -",
    ]


def test_of_very_many_choices_the_first_are_named(tool: Tool) -> None:
    write(tool, *(row("a", f"c{number}") for number in range(120)))
    assert tool("coverage", "chapter.jsonl").out.rstrip().endswith("c98, c99 and 20 more")
    assert len(tool("coverage", "chapter.jsonl", "--json").document["scenes"][0]["choices"]) == 120


def test_two_assets_of_one_moment_are_told_apart_and_keep_their_ids(tool: Tool) -> None:
    write(tool, *(one for scene in "ab" for one in (row(scene), row(scene, "x"), row(scene, "x", seed=1))))
    assert tool("coverage", "chapter.jsonl").out.splitlines()[2:] == [
        "scene  -        x        x (2)",
        "────────────────────────────────",
        "a      missing  missing  missing",
        "b      missing  missing  missing",
    ]
    (_, scene) = tool("coverage", "chapter.jsonl", "--json").document["scenes"]
    assert [(one["choice_id"], one["item"]) for one in scene["choices"]] == [(None, 4), ("x", 5), ("x", 6)]


def test_only_a_whole_chapter_is_told_as_100_percent(tmp_path: Path) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with closing(Coverage(tmp_path)) as found:
        for number in range(4_000):
            cover = Cover.CACHED if number else Cover.MISSING
            found.add(Item(number, number, AssetRequest(scene_id="a"), f"{number:064x}"), cover)
        print_coverage(found, Printer(stdout=out, quiet=True))
        document = json.loads("".join(coverage_pieces(found, 100.0, is_enough=False)))
    written = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert written == "99.9 % of 4,000 assets: 3,999 cached, 1 missing\n"
    assert document["percent"] == 99.97


def test_a_job_is_told_also_where_its_generator_cannot_be_asked(tool: Tool) -> None:
    write(tool, row("far", generator="remote"))
    tool.say("busy", "")
    assert tool("request", "--scene", "far", "--type", "audio", "--generator", "remote", "--detach").code == 4
    for words in ((), ("--offline",)):
        assert tool("coverage", "chapter.jsonl", "-q", *words).out == "0.0 % of 1 asset: 1 job\n"


def test_a_quiet_coverage_is_one_line(tool: Tool) -> None:
    write(tool, row("a"), row("b"), row("b", seed=1))
    assert tool("coverage", "chapter.jsonl", "-q", "--scene", "b").out == "0.0 % of 2 assets: 2 missing\n"


@pytest.mark.parametrize("words", [("coverage", "chapter.jsonl"), ("available", "--manifest", "chapter.jsonl")])
def test_a_manifest_with_mistakes_is_refused(tool: Tool, words: tuple[str, ...]) -> None:
    write(tool, {"scne": "a"})
    ran = tool(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "chapter.jsonl:1: there is no field `scne`" in ran.err


@pytest.mark.usefixtures("chapter")
def test_whether_a_whole_chapter_is_available(tool: Tool) -> None:
    ran = tool("available", "--manifest", "chapter.jsonl", "--json")
    assert ran.code == 7
    assert [(one["request"]["scene_id"], one["available"], one["would"]) for one in ran.document] == [
        ("a", True, "nothing"),
        ("a", False, "placeholder"),
        ("lib", True, "download"),
        ("job", False, "generate"),
        ("old", False, "generate"),
        ("gone", False, "generate"),
    ]
    write(tool, row("a", "x"), row("lib"))
    assert tool("available", "--manifest", "chapter.jsonl").code == 0


def test_a_chapter_is_not_mixed_with_other_assets(tool: Tool) -> None:
    write(tool, row("a"))
    assert tool("available", "--manifest", "chapter.jsonl", "--scene", "b").code == 2
    assert tool("available", "--manifest", "chapter.jsonl", "some-id").code == 2
