"""`assetctl generators ls|show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli_harness import Tool


def test_every_generator_is_listed_and_a_broken_one_says_why(tool: Tool) -> None:
    ran = tool("generators", "ls")
    assert ran.code == 0
    rows = {line.split()[0]: line for line in ran.out.splitlines()[2:]}
    assert rows["storyboard"].split() == ["storyboard", "audio,", "image,", "video", "no", "yes", "ready"]
    assert rows["paid"].split() == ["paid", "audio", "yes", "no", "ready"]
    assert "doesn't load: ModuleNotFoundError" in rows["broken"]


def test_as_documents_and_as_names(tool: Tool) -> None:
    documents = {one["name"]: one for one in tool("generators", "ls", "--json").document}
    assert documents["storyboard"] == {
        "name": "storyboard",
        "asset_types": ["audio", "image", "video"],
        "is_paid": False,
        "is_stand_in": True,
        "needs_network": False,
        "problem": None,
    }
    assert set(documents["broken"]) == {"name", "problem"}
    assert tool("-q", "generators", "ls").out.split() == list(documents)


def test_show_tells_names_types_ranges_and_defaults(tool: Tool) -> None:
    out = tool("generators", "show", "storyboard").out
    assert "fps" in out
    assert "1 to 60" in out
    document = tool("generators", "show", "instant", "--json").document
    assert document["parameters"] == [
        {
            "name": "loudness",
            "kind": "int",
            "default": 5,
            "minimum": 0,
            "maximum": 11,
            "choices": [],
            "help": "[bold]how loud[/] it is",
            "asset_types": ["3d_model", "audio", "image", "video"],
        }
    ]
    assert tool("generators", "show", "instant", "-q").out == "loudness\n"


def test_a_plug_ins_text_is_no_markup(tool: Tool) -> None:
    assert "[bold]how loud[/] it is" in tool("generators", "show", "instant").out


def test_an_unknown_generator_is_wrong_usage_and_the_nearest_is_suggested(tool: Tool) -> None:
    ran = tool("generators", "show", "storybord", "--json")
    assert (ran.code, ran.error["code"]) == (2, "generator_unknown")
    assert "storyboard" in ran.error["hint"]


def test_a_broken_generator_hurts_only_who_asks_for_it(tool: Tool) -> None:
    ran = tool("generators", "show", "broken", "--json")
    assert (ran.code, ran.error["code"]) == (2, "generator_unknown")
