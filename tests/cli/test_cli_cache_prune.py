"""`assetctl cache prune`, and pruning after a request: within the limits, in order, never what was paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import INSTANT

if TYPE_CHECKING:
    from cli_harness import Tool

WORDS = ("--type", "audio", "--json")


def keys(tool: Tool) -> set[str]:
    return set(tool("cache", "ls", "-q").out.split())


def test_within_the_limits_nothing_goes_and_nobody_is_asked(tool: Tool, three: dict[str, Any]) -> None:
    ran = tool("cache", "prune")
    assert (ran.code, ran.out) == (0, "")
    assert "0 entries would go" in ran.err
    assert len(keys(tool)) == len(three)


def test_the_library_copy_goes_before_the_generated_one(tool: Tool, three: dict[str, Any]) -> None:
    use = tool("cache", "prune", "--dry-run", "--json").document["use_bytes"]
    ran = tool("cache", "prune", "--max-size", f"{use - 1}B", "--yes", "--json")
    assert (ran.code, ran.document["keys"], ran.document["reasons"]) == (0, [three["hall"]["key"]], {"space": 1})
    assert (ran.document["done"], ran.document["undoable"], ran.document["removed"]) == (True, False, 1)
    assert keys(tool) == {three["park"]["key"], three["lake"]["key"]}


def test_what_was_paid_for_stays_and_the_shortage_is_an_error(tool: Tool, three: dict[str, Any]) -> None:
    ran = tool("cache", "prune", "--max-size", "1B", "--yes")
    assert ran.code == 1
    assert "over its limits" in ran.err
    assert "paid" in ran.err
    assert keys(tool) == {three["lake"]["key"]}
    ran = tool("cache", "prune", "--max-size", "1B", "--dry-run", "--json")
    assert (ran.code, ran.document["keys"]) == (0, [])
    assert ran.document["short_bytes"] > 0


def test_what_is_unused_goes_into_the_trash(tool: Tool, three: dict[str, Any]) -> None:
    ran = tool("cache", "prune", "--max-unused", "0s", "--yes")
    assert ran.code == 0
    assert "cache undo" in ran.err
    assert keys(tool) == {three["lake"]["key"]}
    tool("cache", "undo")
    assert len(keys(tool)) == len(three)


def test_the_trash_goes_before_any_entry(tool: Tool, three: dict[str, Any]) -> None:
    tool("cache", "clear", "--scene", "park", "--yes")
    use = tool("cache", "prune", "--dry-run", "--json").document
    assert use["trash_bytes"] > 0
    ran = tool("cache", "prune", "--max-size", f"{use['use_bytes'] - 1}B", "--yes")
    assert "the trash would go first" in ran.err
    assert keys(tool) == {three["lake"]["key"], three["hall"]["key"]}
    assert tool("cache", "undo").code == 7


@pytest.mark.parametrize("words", [(), ("--no-input",)])
def test_without_a_terminal_or_a_yes_it_is_refused(tool: Tool, three: dict[str, Any], words: tuple[str, ...]) -> None:
    ran = tool("cache", "prune", "--max-unused", "0s", *words)
    assert ran.code == 6
    assert "--yes" in ran.err
    assert len(keys(tool)) == len(three)


@pytest.mark.parametrize(
    "words",
    [("--max-size", "big"), ("--max-size", "-5GB"), ("--min-free", "1 parsec"), ("--max-unused", "never")],
)
def test_limits_that_are_none_are_wrong_usage(tool: Tool, words: tuple[str, ...]) -> None:
    ran = tool("cache", "prune", *words, "--json")
    assert (ran.code, ran.out) == (2, "")


def test_quiet_lists_whole_keys(tool: Tool, three: dict[str, Any]) -> None:
    ran = tool("cache", "prune", "--max-unused", "0s", "--dry-run", "-q")
    assert set(ran.out.split()) == {three["park"]["key"], three["hall"]["key"]}
    assert ran.err == ""


def test_a_request_keeps_the_cache_within_the_limits_of_the_settings(tool: Tool, three: dict[str, Any]) -> None:
    use = tool("cache", "prune", "--dry-run", "--json").document["use_bytes"]
    tool.settings(f'[cache]\nmax_size = "{use}B"\nmin_free = "0B"\n')
    ran = tool("request", "--scene", "roof", "--generator", "instant", *WORDS)
    assert ran.code == 0
    assert tool("cache", "prune", "--dry-run", "--json").document["use_bytes"] <= use
    assert {three["lake"]["key"], ran.document["key"]} <= keys(tool)
    assert three["hall"]["key"] not in keys(tool)


def test_what_is_too_large_to_keep_is_delivered_and_that_is_told(tool: Tool) -> None:
    tool.settings('[cache]\nmax_size = "1kB"\nmin_free = "0B"\n')
    ran = tool(*INSTANT)
    assert ran.code == 0
    assert ran.path.exists()
    assert "delivered and not kept" in ran.err
    assert keys(tool) == set()


def test_what_was_paid_for_is_kept_over_the_limit_and_that_is_told(tool: Tool) -> None:
    tool.settings('[cache]\nmax_size = "1kB"\nmin_free = "0B"\n')
    ran = tool("request", "--scene", "lake", "--generator", "paid", "--type", "audio")
    assert ran.code == 0
    assert "over its limits" in ran.err
    assert len(keys(tool)) == 1
