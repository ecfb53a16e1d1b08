"""`assetctl explain`: the whole decision, without spending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli_harness import INSTANT

if TYPE_CHECKING:
    from cli_harness import Tool

EXPLAIN = ("explain", *INSTANT[1:])


def test_it_tells_the_key_its_parts_every_verdict_and_the_decision(tool: Tool) -> None:
    ran = tool(*EXPLAIN, "--param", "loudness=3")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("key  ")
    assert "  scene_id: park" in lines
    assert '  parameters: {"loudness": 3}' in lines
    for provider in ("cache  (", "library:folder  (", "cache:stand-in  (", "generator  (", "placeholder  ("):
        assert any(line.startswith(provider) for line in lines)
    assert lines[-1] == "decision  would be generated (cost unknown, time unknown)"
    assert tool.calls("submit") == []


def test_its_key_is_the_one_that_the_request_gets(tool: Tool) -> None:
    explained = tool(*EXPLAIN, "--json").document
    assert explained["schema"] == "assetctl.plan/1"
    assert tool(*INSTANT, "--json").document["key"] == explained["key"]


def test_each_candidate_of_the_library_says_why_it_lost(tool: Tool) -> None:
    tool.put_sound("park.wav", 'style = "anime"\n')
    out = tool(*EXPLAIN, "--style", "realistic").out
    assert "park.wav" in out
    assert "anime" in out


def test_the_nearest_cached_entry_and_what_differs_is_told(tool: Tool) -> None:
    key = tool(*INSTANT, "--seed", "1", "--json").document["key"]
    ran = tool(*EXPLAIN, "--seed", "2")
    assert f"nearest cached  {key[:12]}" in ran.out
    assert "  seed: asked 2, cached 1" in ran.out
    nearest = tool(*EXPLAIN, "--json").document["nearest"]
    assert nearest == {"key": key, "differs": {"seed": [None, "1"]}}
    assert "  seed: asked nothing, cached 1" in tool(*EXPLAIN).out


def test_a_cached_answer_is_the_decision_and_nothing_differs(tool: Tool) -> None:
    asset_id = tool(*INSTANT, "--json").document["asset_id"]
    out = tool(*EXPLAIN).out
    assert out.splitlines()[-1] == f"decision  it is here already, from cache as {asset_id}"
    assert "nearest" not in out


def test_skipped_steps_say_why(tool: Tool) -> None:
    out = tool(*EXPLAIN, "--fresh", "--no-placeholder").out
    assert "skipped: a fresh answer is wanted" in out
    assert "skipped: no placeholder wanted" in out


def test_trouble_is_told_and_not_raised(tool: Tool) -> None:
    tool.settings('[library]\npath = "nowhere"\n')
    ran = tool(*EXPLAIN, "--json")
    assert ran.code == 0
    assert ran.document["decision"]["error"]["code"] == "library_failed"
    assert "trouble: " in tool(*EXPLAIN).out


def test_a_running_job_is_named(tool: Tool) -> None:
    slow = (*INSTANT[:-1], "slow")
    job_id = tool(*slow, "--detach", "--json").error["job_id"]
    assert job_id in tool("explain", *slow[1:]).out


def test_a_request_that_makes_no_sense_is_refused(tool: Tool) -> None:
    assert tool("explain").code == 2
