"""`assetctl cache clear`: what is named, what is kept and why, and what it says it would take to have it again."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import INSTANT, is_clean

if TYPE_CHECKING:
    from cli_harness import Tool

WORDS = ("--type", "audio", "--json")


@pytest.fixture
def park(tool: Tool) -> dict[str, Any]:
    """A generated answer that cost nothing."""
    return tool(*INSTANT, "--json").document


@pytest.fixture
def lake(tool: Tool) -> dict[str, Any]:
    """One that was paid for."""
    return tool("request", "--scene", "lake", "--generator", "paid", *WORDS).document


@pytest.fixture
def hall(tool: Tool) -> dict[str, Any]:
    """One that the library has."""
    tool.put_sound("hall.wav")
    return tool("request", "--scene", "hall", *WORDS).document


def keys(tool: Tool) -> set[str]:
    return set(tool("cache", "ls", "-q").out.split())


def test_a_cleared_answer_can_be_had_back(tool: Tool, park: dict[str, Any]) -> None:
    ran = tool("cache", "clear", "--scene", "park", "--yes")
    assert "cache undo" in ran.err
    assert keys(tool) == set()
    assert tool("cache", "undo", "-q").out.split() == [park["key"]]
    assert keys(tool) == {park["key"]}


def test_with_now_it_cannot(tool: Tool, park: dict[str, Any]) -> None:
    ran = tool("cache", "clear", park["key"], "--yes", "--now")
    assert "freed" in ran.err
    assert tool("cache", "undo").code == 7


def test_paid_and_pinned_go_when_they_are_named(tool: Tool, lake: dict[str, Any]) -> None:
    tool("cache", "pin", "--scene", "lake")
    ran = tool("cache", "clear", "--scene", "lake", "--include-paid", "--yes", "--json")
    assert (ran.document["keys"], ran.document["kept_pinned"]) == ([], [lake["key"]])
    assert keys(tool) == {lake["key"]}
    ran = tool("cache", "clear", lake["key"][:8], "--yes", "--json")
    assert (ran.code, ran.document["keys"], ran.document["undoable"]) == (0, [lake["key"]], True)
    assert keys(tool) == set()


def test_what_is_pinned_stays_and_the_way_out_is_told(tool: Tool, park: dict[str, Any]) -> None:
    tool("cache", "pin", park["key"])
    ran = tool("cache", "clear", "--all", "--yes")
    assert ran.code == 0
    assert "1 pinned are kept" in ran.err
    assert "unpin" in ran.err
    assert keys(tool) == {park["key"]}
    tool("cache", "unpin", park["key"])
    tool("cache", "clear", "--all", "--yes")
    assert keys(tool) == set()


def test_a_prefix_of_no_key_is_an_error(tool: Tool, park: dict[str, Any]) -> None:
    other = "0000" if not park["key"].startswith("0000") else "1111"
    ran = tool("cache", "clear", other, "--yes", "--json")
    assert (ran.code, ran.error["code"]) == (7, "not_available")
    assert keys(tool) == {park["key"]}


def test_a_prefix_of_several_keys_names_none_of_them(
    tool: Tool, park: dict[str, Any], lake: dict[str, Any], hall: dict[str, Any]
) -> None:
    assert {park["key"], lake["key"], hall["key"]} == keys(tool)
    # The empty beginning is the shortest that several keys have.
    ran = tool("cache", "clear", "", "--yes", "--json")
    assert lake["key"] in ran.document["kept_paid"]
    assert keys(tool) == {lake["key"]}


def test_the_plan_says_what_it_takes_to_have_it_again(
    tool: Tool, park: dict[str, Any], lake: dict[str, Any], hall: dict[str, Any]
) -> None:
    ran = tool("cache", "clear", "--all", "--include-paid", "--dry-run", "--json")
    assert ran.document["costs"] == [{"amount": "0.40", "currency": "USD"}]
    assert ran.document["freed_bytes"] == sum(one["size_bytes"] for one in (park, lake, hall))
    assert ran.document["done"] is False
    known = [one["generation_time_ms"] for one in (park, lake)]
    assert ran.document["generation_s"] == sum(time or 0 for time in known) / 1000
    assert ran.document["unknown_times"] == known.count(None)
    assert "0.40 USD" in tool("cache", "clear", "--all", "--include-paid", "--dry-run").err
    library = tool("cache", "clear", "--scene", "hall", "--dry-run")
    assert "nothing" in library.err
    assert len(keys(tool)) == 3


def test_quiet_lists_whole_keys(tool: Tool, park: dict[str, Any]) -> None:
    ran = tool("cache", "clear", "--all", "--dry-run", "-q")
    assert (ran.out, ran.err) == (park["key"] + "\n", "")


def test_hostile_names_reach_no_terminal(tool: Tool) -> None:
    tool("request", "--scene", "\x1b[31mred", "--choice", "\u202eevil", "--generator", "instant", *WORDS)
    ran = tool("cache", "clear", "--all", "--dry-run")
    assert is_clean(ran.out + ran.err)


@pytest.mark.parametrize("words", [("--wait", "soon"), ("--filter", "size>"), ("xyz",)])
def test_what_cannot_be_understood_clears_nothing(tool: Tool, park: dict[str, Any], words: tuple[str, ...]) -> None:
    assert tool("cache", "clear", "--all", "--yes", *words).code == 2
    assert keys(tool) == {park["key"]}


@pytest.mark.skipif(sys.platform == "win32", reason="the holder ends by reading its standard input")
def test_what_another_process_uses_is_kept_and_its_holder_named(tool: Tool, park: dict[str, Any]) -> None:
    batch = tool.spawn("request", "-", stdin=subprocess.PIPE)
    assert batch.stdin is not None
    assert batch.stdout is not None
    batch.stdin.write(b'{"scene_id": "park", "type": "audio", "generator": "instant"}\n')
    batch.stdin.flush()
    assert park["key"].encode() in batch.stdout.readline()
    ran = tool("cache", "clear", park["key"], "--yes", "--wait", "0s", "--json")
    assert (ran.code, ran.error["code"]) == (1, "cache_failed")
    assert f"process {batch.pid} on {os.uname().nodename}" in ran.error["why"]
    ran = tool("cache", "clear", "--all", "--yes", "--wait", "0s")
    assert ran.code == 0
    assert "1 in use are kept" in ran.err
    assert tool.finish(batch).code == 0
    assert tool("cache", "clear", park["key"], "--yes").code == 0
    assert keys(tool) == set()
