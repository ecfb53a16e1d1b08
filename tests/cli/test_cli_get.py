"""`assetctl get`: an asset by its id."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from cli_harness import INSTANT, write_sound

if TYPE_CHECKING:
    from cli_harness import Tool


def test_an_asset_of_the_library_is_got_by_its_id(tool: Tool) -> None:
    tool.put_sound("park/wait.wav")
    ran = tool("get", "park/wait.wav", "--json")
    assert (ran.code, ran.document["source"]) == (0, "pre_made")
    assert tool("get", "park/wait.wav", "--json").document["source"] == "cached"


def test_a_generated_asset_is_got_by_its_id_from_the_cache(tool: Tool) -> None:
    made = tool(*INSTANT, "--json").document
    got = tool("get", made["asset_id"], "--json").document
    assert (got["source"], got["path"], got["key"]) == ("cached", made["path"], made["key"])
    assert got["request"]["scene_id"] == "park"


def test_an_unknown_id_is_not_available(tool: Tool) -> None:
    ran = tool("get", "nothing/here.wav")
    assert (ran.code, ran.out) == (7, "")
    assert "assetctl cache ls" in ran.err


def test_refresh_asks_the_library_even_if_the_cache_has_it(tool: Tool) -> None:
    tool.put_sound("park.wav")
    tool("get", "park.wav")
    assert tool("get", "park.wav", "--refresh", "--json").document["source"] == "pre_made"


def test_a_replaced_file_is_got_as_it_is_now(tool: Tool) -> None:
    path = tool.put_sound("park.wav")
    tool("get", "park.wav")
    write_sound(path)
    os.utime(path, ns=(1, 1))
    assert tool("get", "park.wav", "--output", "-").raw == path.read_bytes()


def test_it_goes_where_the_options_say(tool: Tool) -> None:
    source = tool.put_sound("park.wav")
    ran = tool("get", "park.wav", "--output", "out/")
    assert ran.path.parent == tool.work / "out"
    assert ran.path.read_bytes() == source.read_bytes()


def test_an_id_that_leaves_the_library_is_nobodys(tool: Tool) -> None:
    write_sound(tool.work / "secret.wav")
    tool.put_sound("park.wav")
    for asset_id in ("../secret.wav", str(tool.work / "secret.wav"), "a\0.wav", ".", "\x1b[31m"):
        ran = tool("get", asset_id)
        assert (ran.code, ran.out) == (7, "")
        assert "\x1b" not in ran.err


def test_two_that_want_stdout_are_refused(tool: Tool) -> None:
    assert tool("get", "park.wav", "--output", "-", "--json").code == 2


def test_an_asset_got_by_an_id_that_no_request_is_known_for_has_null_request_and_key(tool: Tool) -> None:
    tool.put_sound("deep/down/park.wav", 'id = "lonely"\n')
    document = tool("get", "lonely", "--json").document
    assert (document["request"], document["key"]) == (None, None)


def test_several_are_got_as_a_listing_of_ids_feeds_them(tool: Tool) -> None:
    for name in ("park.wav", "bench.wav"):
        tool.put_sound(name)
    ran = tool("get", "park.wav", "bench.wav", "-q")
    assert (ran.code, len(ran.out.splitlines())) == (0, 2)
    documents = [json.loads(line) for line in tool("get", "bench.wav", "park.wav", "--json").out.splitlines()]
    assert [document["asset_id"] for document in documents] == ["bench.wav", "park.wav"]


def test_one_of_several_that_is_not_there_costs_only_itself(tool: Tool) -> None:
    tool.put_sound("park.wav")
    ran = tool("get", "nothing.wav", "park.wav", "--json")
    assert (ran.code, ran.document["asset_id"]) == (7, "park.wav")
    assert json.loads(ran.err.splitlines()[-1])["code"] == "not_available"


def test_several_go_into_a_folder_and_never_into_one_file(tool: Tool) -> None:
    for name in ("park.wav", "bench.wav"):
        tool.put_sound(name)
    ran = tool("get", "park.wav", "bench.wav", "--output", "out/")
    assert len({*ran.out.splitlines()}) == len(list((tool.work / "out").iterdir())) == 2
    for target in ("one.wav", "-"):
        ran = tool("get", "park.wav", "bench.wav", "--output", target)
        assert (ran.code, ran.out) == (2, "")
        assert not (tool.work / target).exists()
