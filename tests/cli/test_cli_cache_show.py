"""`assetctl cache show`, `pin`, `unpin`, and the states of `ls`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import INSTANT, is_clean

if TYPE_CHECKING:
    from cli_harness import Tool


def test_show_tells_every_fact(tool: Tool, three: dict[str, Any]) -> None:
    asset = three["lake"]
    ran = tool("cache", "show", asset["key"][:10])
    assert (ran.code, ran.err) == (0, "")
    facts = dict(line.split(maxsplit=1) for line in ran.out.splitlines() if len(line.split(maxsplit=1)) == 2)
    assert facts["key"] == asset["key"]
    assert facts["path"] == asset["path"]
    assert facts["sha256"] == asset["sha256"]
    assert facts["scene_id"] == "lake"
    assert facts["cost"] == f"{asset['cost']['amount']} {asset['cost']['currency']}"
    assert (facts["paid"], facts["pinned"]) == ("yes", "no")
    assert "just now" in facts["stored"]
    assert "just now" in facts["verified"]
    assert max(len(line) for line in ran.out.splitlines() if not line.startswith("path")) <= 80


def test_show_tells_what_a_picture_looks_like_and_who_made_it(tool: Tool) -> None:
    words = ("--type", "image", "--model", "m-1", "--param", "width=64", "--param", "height=64", "--json")
    asset = tool("request", "--scene", "sky", *words).document
    out = tool("cache", "show", asset["key"]).out
    assert "image/png, 64x64" in out
    assert asset["origin"]["job_id"] in out
    assert "generator:storyboard (stand-in)" in out


def test_show_of_what_never_expires_says_so(tool: Tool) -> None:
    asset = tool(*INSTANT, "--reuse", "always", "--json").document
    facts = tool("cache", "show", asset["key"]).out
    assert "expires       never" in facts


def test_show_as_a_document(tool: Tool, three: dict[str, Any]) -> None:
    document = tool("cache", "show", three["park"]["key"], "--json").document
    assert document["schema"] == "assetctl.entry/1"
    assert (document["key"], document["path"]) == (three["park"]["key"], three["park"]["path"])
    assert (document["present"], document["current"], document["entries_sharing_bytes"]) == (True, True, 1)
    assert document["verified_at"]
    assert (document["pinned"], document["cost"]) == (False, None)


def test_show_finds_by_the_digest_too(tool: Tool, three: dict[str, Any]) -> None:
    assert tool("cache", "show", three["hall"]["sha256"][:12], "-q").out == three["hall"]["key"] + "\n"


def test_show_says_when_the_file_is_missing_and_who_shares_it(tool: Tool) -> None:
    first = tool.put_sound("hall.wav")
    (tool.work / "assets" / "yard.wav").write_bytes(first.read_bytes())
    hall = tool("request", "--scene", "hall", "--type", "audio", "--json").document
    tool("request", "--scene", "yard", "--type", "audio")
    assert "shared by 2 entries" in tool("cache", "show", hall["key"]).out
    (tool.data / "cache" / "v1" / "blobs" / hall["sha256"][:2] / f"{hall['sha256']}.wav").unlink()
    assert "(missing)" in tool("cache", "show", hall["key"]).out


@pytest.mark.parametrize("command", ["show", "pin", "unpin"])
def test_unknown_key_is_code_7(tool: Tool, three: dict[str, Any], command: str) -> None:
    assert three
    ran = tool("cache", command, "0123456789abcdef", "--json")
    assert (ran.code, ran.out, ran.error["code"]) == (7, "", "not_available")


@pytest.mark.parametrize("command", ["show", "pin", "unpin"])
@pytest.mark.parametrize("prefix", ["abc", "zzzz", "romance_5", ""])
def test_what_is_no_beginning_of_a_key_is_wrong_usage(tool: Tool, command: str, prefix: str) -> None:
    ran = tool("cache", command, prefix, "--json")
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize("command", ["show", "pin", "unpin"])
def test_prefix_of_several_lists_them(tool: Tool, command: str) -> None:
    data = tool.put_sound("one.wav").read_bytes()
    for number in range(9):
        (tool.work / "assets" / f"s{number}.wav").write_bytes(data)
        tool("request", "--scene", f"s{number}", "--type", "audio")
    digest = hashlib.sha256(data).hexdigest()
    ran = tool("cache", command, digest[:8], "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "9 keys" in ran.error["message"]
    assert ran.error["why"].count("(s") == 8
    assert ran.error["why"].endswith("…")


def test_pin_and_unpin_choose_as_ls_does(tool: Tool, three: dict[str, Any]) -> None:
    ran = tool("cache", "pin", "--generator", "paid")
    assert (ran.code, ran.out, ran.err) == (0, "", "pinned 1 entry\n")
    assert tool.keys("--state", "pinned") == [three["lake"]["key"]]
    assert tool("cache", "pin", "--all").err == "pinned 3 entries (1 already were)\n"
    assert len(tool.keys("--state", "pinned")) == 3
    assert tool("cache", "unpin", three["hall"]["key"][:8]).err == "unpinned 1 entry\n"
    assert len(tool.keys("--state", "pinned")) == 2
    assert tool("cache", "show", three["park"]["key"], "--json").document["pinned"] is True


def test_pin_as_keys_and_as_a_document(tool: Tool, three: dict[str, Any]) -> None:
    key = three["park"]["key"]
    assert tool("cache", "pin", "--scene", "park", "-q").out == f"{key}\n"
    document = tool("cache", "pin", "--scene", "park", "--json").document
    assert document == {"schema": "assetctl.pin/1", "pinned": True, "keys": [key], "changed": 0}


def test_pin_of_nothing_that_matches_is_an_empty_result(tool: Tool, three: dict[str, Any]) -> None:
    assert three
    ran = tool("cache", "pin", "--scene", "nowhere")
    assert (ran.code, ran.err) == (0, "pinned 0 entries\n")
    assert tool("cache", "pin", three["park"]["key"], "--scene", "lake").code == 0
    assert tool.keys("--state", "pinned") == []


def test_pin_without_a_filter_needs_all(tool: Tool) -> None:
    for command in ("pin", "unpin"):
        ran = tool("cache", command)
        assert ran.code == 2
        assert "--all" in ran.err


@pytest.mark.parametrize(
    ("words", "scenes"),
    [
        (("--state", "paid"), {"lake"}),
        (("--state", "current"), {"park", "lake", "hall"}),
        (("--state", "expired"), set()),
        (("--state", "pinned"), set()),
        (("--state", "stand-in"), set()),
        (("--state", "stand_in"), set()),
        (("--state", "current", "--state", "paid"), {"lake"}),
    ],
)
def test_states_choose_and_all_must_hold(
    tool: Tool, three: dict[str, Any], words: tuple[str, ...], scenes: set[str]
) -> None:
    assert set(tool.keys(*words)) == {three[scene]["key"] for scene in scenes}


@pytest.mark.parametrize("words", [("--state", "old"), ("--state", "current", "--state", "expired")])
def test_states_that_cannot_be_are_wrong_usage(tool: Tool, words: tuple[str, ...]) -> None:
    ran = tool("cache", "ls", *words, "--json")
    assert (ran.code, ran.out) == (2, "")


def test_totals_line_counts_what_matches(tool: Tool, three: dict[str, Any]) -> None:
    tool("cache", "pin", three["lake"]["key"])
    assert tool("cache", "ls").err.endswith(", 1 pinned, 1 paid\n")
    ran = tool("cache", "ls", "--scene", "lake")
    assert ran.err.startswith("1 entry, ")
    assert "pinned, paid" in ran.out
    assert tool("cache", "ls", "--scene", "park").err.endswith(", 0 pinned, 0 paid\n")


def test_listing_fits_80_columns_and_names_scenes_and_choices(tool: Tool) -> None:
    tool(*INSTANT, "--choice", "confess_at_last")
    ran = tool("cache", "ls")
    assert "park" in ran.out
    assert "confess_at_last" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_listing_reads_no_blob(tool: Tool, three: dict[str, Any]) -> None:
    for blob in (tool.data / "cache" / "v1" / "blobs").rglob("*.wav"):
        blob.unlink()
    assert set(tool.keys()) == {one["key"] for one in three.values()}
    assert len(tool("cache", "ls", "--json").document) == 3


@pytest.mark.parametrize(
    ("condition", "character"),
    [
        ("size>-5", 6),
        ("size>", 6),
        ("size>5parsecs", 6),
        ("size>99999999EB", 6),
        ("size>99999999999999999999999999", 6),
        ("age>-1d", 5),
        ("age>99999999999999d", 5),
        ("unused=30d", 7),
        ("colour>3", 1),
        ("cost>-1", 6),
    ],
)
def test_filter_that_does_not_parse_points_at_the_character(tool: Tool, condition: str, character: int) -> None:
    ran = tool("cache", "ls", "--filter", condition, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert f"at character {character}:" in ran.error["why"]
    assert ran.error["hint"]


def test_plain_numbers_are_bytes_and_seconds(tool: Tool, three: dict[str, Any]) -> None:
    size = three["hall"]["size_bytes"]
    assert three["hall"]["key"] in tool.keys("--filter", f"size>={size}", "--filter", "age<3600")
    assert three["hall"]["key"] not in tool.keys("--filter", f"size<{size}")


def test_foreign_text_steers_no_terminal(tool: Tool) -> None:
    tool.put_sound("a\x1b[31m\u202eb.wav", 'scene = "hall"\n')
    asset = tool("request", "--scene", "hall", "--type", "audio", "--json").document
    assert "\x1b" in asset["asset_id"]
    for words in (("ls",), ("show", asset["key"]), ("stats",)):
        ran = tool("cache", *words)
        assert ran.code == 0
        assert is_clean(ran.out + ran.err)
