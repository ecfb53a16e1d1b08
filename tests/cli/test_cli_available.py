"""`assetctl available`: is it there, without spending."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cli_harness import INSTANT

if TYPE_CHECKING:
    from cli_harness import Tool

ASK = ("available", *INSTANT[1:])


def test_what_would_be_generated_is_not_available_and_nothing_is_ordered(tool: Tool) -> None:
    ran = tool(*ASK, "--json")
    assert ran.code == 7
    (row,) = ran.document
    assert (row["available"], row["would"], row["asset_id"]) == (False, "generate", None)
    assert set(row) == {"request", "available", "source", "asset_id", "would", "estimate"}
    assert tool.calls("submit") == []


def test_an_estimate_never_says_zero_for_unknown(tool: Tool) -> None:
    (row,) = tool(*ASK, "--json").document
    assert row["estimate"] == dict.fromkeys(("cost_low", "cost_high", "seconds_low", "seconds_high", "basis"))
    assert "cost unknown, time unknown" in tool(*ASK).out
    (paid,) = tool(*ASK[:-1], "paid", "--json").document
    assert paid["estimate"]["cost_low"] == {"amount": "0.40", "currency": "USD"}
    assert "cost 0.40 USD, time 1s to 1m 30s" in tool(*ASK[:-1], "paid").out


def test_what_is_cached_is_available(tool: Tool) -> None:
    asset_id = tool(*INSTANT, "--json").document["asset_id"]
    ran = tool(*ASK, "--json")
    assert ran.code == 0
    (row,) = ran.document
    assert (row["available"], row["would"], row["source"], row["asset_id"]) == (True, "nothing", "cached", asset_id)


def test_what_is_in_the_library_is_available_and_stays_out_of_the_cache(tool: Tool) -> None:
    tool.put_sound("park.wav")
    ran = tool(*ASK)
    assert ran.code == 0
    assert "park.wav" in ran.out
    assert tool("cache", "ls", "--json").document == []


def test_ids_are_looked_for_and_all_must_be_there_for_code_0(tool: Tool) -> None:
    tool.put_sound("park.wav")
    assert tool("available", "park.wav").code == 0
    ran = tool("available", "park.wav", "gone.wav", "--json")
    assert ran.code == 7
    assert [(row["id"], row["available"]) for row in ran.document] == [("park.wav", True), ("gone.wav", False)]
    assert "nobody has it" in tool("available", "gone.wav").out


def test_quiet_prints_the_ids_of_what_is_there(tool: Tool) -> None:
    tool.put_sound("park.wav")
    assert tool("-q", "available", "park.wav", "gone.wav").out == "park.wav\n"
    assert tool("available", *INSTANT[1:], "--choice", "x", "-q").out == ""


def test_ids_and_request_options_are_not_mixed(tool: Tool) -> None:
    assert tool("available", "park.wav", "--scene", "park").code == 2


def test_a_request_is_named_by_its_context_or_its_prompt(tool: Tool) -> None:
    assert "park / go" in tool(*ASK, "--choice", "go").out
    assert "rain on the roof" in tool("available", "--prompt", "rain on the roof", "--no-generate").out


def test_nobody_would_have_a_model(tool: Tool) -> None:
    ran = tool("available", "--scene", "park", "--type", "3d_model", "--no-generate", "--json")
    assert ran.code == 7
    assert ran.document[0]["would"] is None


def test_trouble_that_would_stop_the_request_is_told(tool: Tool) -> None:
    tool.settings('[library]\npath = "nowhere"\n')
    ran = tool(*ASK, "--json")
    assert (ran.code, ran.out) == (1, "")
    assert ran.error["code"] == "library_failed"


# A chapter


def write(tool: Tool, count: int, *last: str) -> str:
    rows = [json.dumps({"scene": f"s{number}", "type": "audio", "generator": "instant"}) for number in range(count)]
    (tool.work / "chapter.jsonl").write_text("\n".join([*rows, *last]))
    return "chapter.jsonl"


def test_each_asset_of_a_chapter_is_told_in_its_order(tool: Tool) -> None:
    tool.put_sound("s1.wav")
    manifest = write(tool, 3)
    ran = tool("available", "--manifest", manifest, "--json")
    assert ran.code == 7
    told = [(row["request"]["scene_id"], row["available"]) for row in ran.document]
    assert told == [("s0", False), ("s1", True), ("s2", False)]
    rows = tool("available", "--manifest", manifest).out.splitlines()[2:]
    assert [row.split()[:2] for row in rows] == [["s0", "no"], ["s1", "yes"], ["s2", "no"]]
    assert tool("available", "--manifest", manifest, "-q").out == "s1.wav\n"
    assert tool("available", "--manifest", write(tool, 2)).code == 7
    tool.put_sound("s0.wav")
    assert tool("available", "--manifest", write(tool, 2)).code == 0


@pytest.mark.parametrize("words", [("--json",), (), ("-q",)])
def test_a_chapter_with_a_mistake_at_its_end_is_told_not_at_all(tool: Tool, words: tuple[str, ...]) -> None:
    tool.put_sound("s1.wav")
    # More than one piece of the walk.
    ran = tool("available", "--manifest", write(tool, 2_001, '{"scene": "x", "type": "smell"}'), *words)
    assert (ran.code, ran.out) == (2, "")
    assert not [path for path in (tool.data / "prefetch").iterdir() if path.is_file()]
