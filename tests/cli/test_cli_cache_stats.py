"""`assetctl cache stats`: what is held and what it saves, counted by the requests themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli_harness import INSTANT

if TYPE_CHECKING:
    from cli_harness import Tool


def ever(tool: Tool) -> dict:
    return tool("cache", "stats", "--json").document["usage"]["ever"]


def test_empty_cache_has_statistics(tool: Tool) -> None:
    document = tool("cache", "stats", "--json").document
    assert (document["schema"], document["entries"]) == ("assetctl.statistics/1", 0)
    ran = tool("cache", "stats")
    assert ran.code == 0
    assert ran.out.startswith("0 entries (0 pinned, 0 paid), 0 B on disk")


def test_requests_are_counted_by_how_they_were_answered(tool: Tool) -> None:
    tool.put_sound("hall.wav")
    for _ in range(3):
        tool(*INSTANT)
    tool("request", "--scene", "hall", "--type", "audio")
    tool("request", "--scene", "void", "--type", "audio", "--no-generate")
    told = ever(tool)
    assert (told["requests"], told["hits"], told["hit_rate"]) == (5, 2, 0.4)
    assert {(miss["source"], miss["requests"]) for miss in told["misses"]} == {
        ("generated", 1),
        ("pre_made", 1),
        ("placeholder", 1),
    }


def test_money_saved_is_told_in_its_currency(tool: Tool) -> None:
    paid = (*INSTANT[:-1], "paid")
    cost = tool(*paid, "--json").document["cost"]
    tool(*paid)
    money = ever(tool)["money"]
    assert (money["saved"], money["spent"]) == ([cost], [cost])
    assert cost["currency"] in tool("cache", "stats").out


def test_batch_is_one_run(tool: Tool) -> None:
    line = '{"scene_id": "park", "type": "audio", "generator": "instant"}\n'
    tool(*INSTANT)
    tool("request", "-", stdin=line * 4)
    run = tool("cache", "stats", "--json").document["usage"]["run"]
    assert run["requests"] >= 1
    assert run["hit_rate"] == 1.0
    assert run["run_id"]


def test_commands_that_ask_for_nothing_count_nothing(tool: Tool) -> None:
    for words in (("cache", "ls"), ("cache", "stats"), ("available", "nobody"), ("doctor",)):
        tool(*words)
    assert not (tool.data / "cache" / "usage").exists()


def test_clearing_the_cache_keeps_the_statistics(tool: Tool) -> None:
    tool(*INSTANT)
    tool("cache", "clear", "--all", "--yes")
    assert ever(tool)["requests"] == 1


def test_table_names_what_is_largest_and_says_what_is_left_out(tool: Tool) -> None:
    for scene in ("a", "b", "c"):
        tool("request", "--scene", scene, *INSTANT[3:])
    ran = tool("cache", "stats", "--top", "2")
    assert "the largest 2 of 3 by scene" in ran.err
    assert sum(line.startswith("scene ") for line in ran.out.splitlines()) == 2
    assert max(map(len, ran.out.splitlines())) <= 80


def test_unknown_times_are_told(tool: Tool) -> None:
    tool.put_sound("hall.wav")
    for _ in range(2):
        tool("request", "--scene", "hall", "--type", "audio")
    assert "of 1 hit nobody knows" in tool("cache", "stats").err


def test_openmetrics_goes_to_a_file_or_to_stdout(tool: Tool) -> None:
    tool(*INSTANT)
    target = tool.work / "assetctl.prom"
    ran = tool("cache", "stats", "--openmetrics", str(target))
    assert (ran.code, ran.out) == (0, "")
    text = target.read_text(encoding="utf-8")
    assert text.endswith("# EOF\n")
    assert "assetctl_cache_entries 1\n" in text
    assert tool("cache", "stats", "--openmetrics", "-").out == text
    assert tool("cache", "stats", "--openmetrics", str(target), "--json").document["entries"] == 1


def test_openmetrics_that_cannot_be_written_is_an_error(tool: Tool) -> None:
    ran = tool("cache", "stats", "--openmetrics", str(tool.work / "nowhere" / "out"), "--json")
    assert (ran.code, ran.out) == (1, "")
    assert "nowhere" in ran.error["message"]


@pytest.mark.parametrize("words", [("--top", "0"), ("--top", "many"), ("extra",)])
def test_wrong_usage(tool: Tool, words: tuple[str, ...]) -> None:
    assert tool("cache", "stats", *words).code == 2


def test_trouble_with_the_count_is_told_when_verbose_and_costs_nothing(tool: Tool) -> None:
    tool.data.mkdir(mode=0o700)
    (tool.data / "cache").mkdir(mode=0o700)
    (tool.data / "cache" / "usage").write_text("a file in the way", encoding="ascii")
    ran = tool(*INSTANT, "-v")
    assert ran.code == 0
    assert ran.err.count("hit statistics are not kept") == 1
    assert "hit statistics" not in tool(*INSTANT).err
