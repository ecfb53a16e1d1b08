"""`assetctl cache ls|path|clear`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import INSTANT

if TYPE_CHECKING:
    from cli_harness import Tool


def test_nothing_cached_is_an_empty_list_and_code_0(tool: Tool) -> None:
    assert tool("cache", "ls", "--json").document == []
    assert tool("cache", "ls", "-q") == tool("-q", "cache", "ls")
    ran = tool("cache", "ls")
    assert (ran.code, ran.err) == (0, "0 entries, 0 B, 0 pinned, 0 paid\n")


def test_it_lists_what_is_cached(tool: Tool, three: dict[str, Any]) -> None:
    ran = tool("cache", "ls")
    assert three["park"]["key"][:12] in ran.out
    assert "3 entries" in ran.err
    assert "1 paid" in ran.err
    document = tool("cache", "ls", "--json").document
    assert {entry["key"] for entry in document} == {one["key"] for one in three.values()}


def test_quiet_prints_whole_keys_only(tool: Tool, three: dict[str, Any]) -> None:
    ran = tool("cache", "ls", "--quiet")
    assert set(ran.out.splitlines()) == {one["key"] for one in three.values()}
    assert ran.err == ""


@pytest.mark.parametrize(
    ("words", "scenes"),
    [
        (("--scene", "park"), {"park"}),
        (("--choice", "go"), {"park"}),
        (("--character", "ada"), set()),
        (("--location", "rome"), set()),
        (("--type", "audio"), {"park", "lake", "hall"}),
        (("--type", "video"), set()),
        (("--source", "pre_made"), {"hall"}),
        (("--generator", "paid"), {"lake"}),
        (("--filter", "cost>0.1"), {"lake"}),
        (("--filter", "size>1kB", "--filter", "size<1MB", "--filter", "age<1h"), {"park", "lake", "hall"}),
        (("--filter", "unused>30d"), set()),
        (("--scene", "park", "--generator", "paid"), set()),
    ],
)
def test_all_that_a_filter_states_must_hold(
    tool: Tool, three: dict[str, Any], words: tuple[str, ...], scenes: set[str]
) -> None:
    assert set(tool.keys(*words)) == {three[scene]["key"] for scene in scenes}


def test_a_key_prefix_chooses(tool: Tool, three: dict[str, Any]) -> None:
    key = three["park"]["key"]
    assert tool.keys(key[:10]) == [key]
    assert tool.keys(key[:10].upper()) == [key]


def test_it_is_ordered_and_cut_as_asked(tool: Tool, three: dict[str, Any]) -> None:
    by_scene = [three[scene]["key"] for scene in ("hall", "lake", "park")]
    assert tool.keys("--sort", "scene") == by_scene
    assert tool.keys("--sort", "scene:desc", "--limit", "2") == by_scene[:0:-1]


@pytest.mark.parametrize(
    "words",
    [
        ("--sort", "colour"),
        ("--sort", "size:up"),
        ("--filter", "weight>3"),
        ("--filter", "size"),
        ("--filter", "size>much"),
        ("--limit", "0"),
        ("--type", "film"),
        ("--source", "heaven"),
        ("not-hex",),
    ],
)
def test_what_cannot_be_listed_is_wrong_usage(tool: Tool, words: tuple[str, ...]) -> None:
    ran = tool("cache", "ls", *words, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error["message"]


def test_path_is_the_folder_of_the_cache(tool: Tool) -> None:
    assert tool("cache", "path").path == tool.data / "cache"
    assert tool("cache", "path", "--json").document == {"path": str(tool.data / "cache")}
    assert not tool.data.exists()


def test_clear_without_a_filter_needs_all(tool: Tool, three: dict[str, Any]) -> None:
    ran = tool("cache", "clear", "--yes")
    assert ran.code == 2
    assert "--all" in ran.err
    assert len(tool.keys()) == len(three)


def test_clear_without_a_terminal_or_a_yes_is_refused(tool: Tool, three: dict[str, Any]) -> None:
    for words in ((), ("--no-input",)):
        ran = tool("cache", "clear", "--all", *words)
        assert ran.code == 6
        assert "--yes" in ran.err
    assert len(tool.keys()) == len(three)


def test_clear_prints_the_plan_and_keeps_what_was_paid_for(tool: Tool, three: dict[str, Any]) -> None:
    ran = tool("cache", "clear", "--all", "--yes")
    assert ran.code == 0
    assert f"{three['park']['key'][:12]}  park / go" in ran.out
    assert "1 paid for are kept" in ran.err
    assert tool.keys() == [three["lake"]["key"]]


def test_include_paid_takes_that_too_and_leaves_the_journal(tool: Tool, three: dict[str, Any]) -> None:
    assert three
    orders = tool.orders()
    assert tool("cache", "clear", "--all", "--include-paid", "--yes", "-q").err == ""
    assert tool.keys() == []
    assert tool.orders() == orders


def test_what_was_paid_for_and_cleared_is_fetched_again_for_nothing(tool: Tool) -> None:
    paid = (*INSTANT[:-1], "paid")
    tool(*paid)
    tool("cache", "clear", "--all", "--include-paid", "--yes")
    assert tool(*paid).code == 0
    assert len(tool.calls("submit")) == 1


def test_what_was_paid_for_and_is_lost_everywhere_is_not_bought_again_by_itself(tool: Tool) -> None:
    lost = (*INSTANT[:-1], "lost")
    tool(*lost)
    tool("cache", "clear", "--all", "--include-paid", "--yes")
    ran = tool(*lost, "--json")
    assert (ran.code, ran.error["code"]) == (7, "not_available")
    assert "generate-always" in ran.error["hint"]
    assert len(tool.calls("submit")) == 1


def test_dry_run_only_prints(tool: Tool, three: dict[str, Any]) -> None:
    ran = tool("cache", "clear", "--scene", "park", "--dry-run")
    assert ran.out.count("\n") == 1
    assert "1 entry would go" in ran.err
    document = tool("cache", "clear", "--all", "--dry-run", "--json").document
    assert (document["done"], document["kept_paid"]) == (False, [three["lake"]["key"]])
    assert len(tool.keys()) == len(three)


def test_clear_as_a_document_says_what_was_done(tool: Tool, three: dict[str, Any]) -> None:
    ran = tool("cache", "clear", "--scene", "park", "--yes", "--json")
    assert (ran.document["done"], ran.document["keys"]) == (True, [three["park"]["key"]])
    assert ran.document["freed_bytes"] == three["park"]["size_bytes"]


def test_clearing_nothing_asks_nobody(tool: Tool) -> None:
    ran = tool("cache", "clear", "--all")
    assert (ran.code, ran.out) == (0, "")


def test_an_asset_without_scene_is_named_by_its_id_in_the_plan(tool: Tool) -> None:
    words = ("--prompt", "rain", "--type", "audio", "--generator", "instant", "--json")
    asset_id = tool("request", *words).document["asset_id"]
    assert asset_id in tool("cache", "clear", "--all", "--dry-run").out
