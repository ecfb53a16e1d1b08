"""The library of a backend, as commands see it: delivered, remembered, skipped offline, its trouble buys nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from service import faults

if TYPE_CHECKING:
    from cli_harness import Ran, Tool

    from service.harness import Account, LookAlike

SEARCH = "POST /api/v1/assets/search"
TAGS = ("scene:park", "choice:wait")
MOMENT = ("--scene", "park", "--choice", "wait", "--type", "audio")
BUYING = (*MOMENT, "--generator", "paid", "--no-placeholder", "--max-wait", "60s")


def put(server: LookAlike, user: Account, *tags: str, **facts: Any) -> str:
    return str(server.add_asset(user, facts.pop("media_type", "audio"), tags=tags or TAGS, **facts)["id"])


def downloads(server: LookAlike) -> int:
    return len(server.requests("GET /api/v1/media/*"))


def providers(ran: Ran) -> dict[str, str]:
    return {attempt["provider"]: attempt["outcome"] for attempt in ran.document["attempts"]}


def test_an_asset_of_the_backend_is_delivered_and_then_cached(server: LookAlike, user: Account, tool: Tool) -> None:
    own = put(server, user)
    ran = tool.process("request", *MOMENT, "--json")
    assert ran.code == 0, ran.err
    assert (ran.document["source"], ran.document["asset_id"]) == ("pre_made", own)
    assert ran.document["origin"]["provider"] == "library:pixsim"
    before = len(server.requests())
    again = tool.process("request", *MOMENT, "--json")
    assert (again.code, again.document["source"]) == (0, "cached")
    assert len(server.requests()) == before


def test_its_bytes_are_the_servers(server: LookAlike, user: Account, tool: Tool) -> None:
    own = put(server, user)
    ran = tool("get", own, "--json")
    assert ran.code == 0, ran.err
    assert ran.document["sha256"] == next(asset["sha256"] for asset in server.assets() if str(asset["id"]) == own)


@pytest.mark.parametrize("command", ["available", "explain"])
def test_looking_neither_downloads_nor_buys(server: LookAlike, user: Account, tool: Tool, command: str) -> None:
    own = put(server, user)
    before = downloads(server)
    ran = tool(command, *MOMENT, "--generator", "paid", "--json")
    assert ran.code == 0
    assert own in ran.out
    assert downloads(server) == before
    assert tool("available", own, "--json").document[0]["would"] == "download"
    assert downloads(server) == before
    assert tool.calls("submit") == []


def test_what_is_not_there_is_not_available(server: LookAlike, user: Account, tool: Tool) -> None:
    del server, user
    for asset_id in ("12abc", "2147483647", "99999999999999999999"):
        assert tool("available", asset_id, "--json").code == 7
        assert tool("get", asset_id).code == 7


def test_explain_says_why_a_near_asset_is_no_match(server: LookAlike, user: Account, tool: Tool) -> None:
    put(server, user, *TAGS, "npc:yuki")
    put(server, user, signal_override="broken")
    told = tool("explain", *MOMENT, "--generator", "instant").out
    assert "character" in told
    assert "is marked as broken" in told


def test_explain_says_what_no_tag_can_say(server: LookAlike, user: Account, tool: Tool) -> None:
    del server, user
    told = tool("explain", "--scene", "x" * 200, "--type", "audio", "--generator", "instant", "--json").out
    assert "128" in told


TROUBLES = {
    "expired login": (faults.answers(401, "Token expired", code="unauthorized"), 3),
    "forbidden": (faults.answers(403, "no", code="forbidden"), 3),
    "failing server": (faults.answers(500, "boom", code="internal_error"), 1),
    "a page of a proxy": (faults.text("<html>"), 1),
    "no answer": (faults.lost_before(), 9),
    "another server": (faults.answers(404, "Not Found", code="not_found"), 1),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_of_the_backend_never_leads_to_buying(
    server: LookAlike, user: Account, tool: Tool, trouble: str
) -> None:
    del user
    fault, code = TROUBLES[trouble]
    server.fault(SEARCH, fault, times=None)
    ran = tool("request", *BUYING)
    assert ran.code == code, ran.err
    assert tool.orders() == []
    assert tool("available", *BUYING[:-3]).code == code
    assert tool.calls("submit") == []


def test_a_login_that_expired_says_how_to_log_in_and_buys_only_when_told_to(
    server: LookAlike, user: Account, tool: Tool
) -> None:
    server.revoke(user.token)
    ran = tool("request", *BUYING, "--json")
    assert (ran.code, ran.error["code"]) == (3, "not_allowed")
    assert user.token not in ran.err + ran.out
    assert tool.orders() == []
    assert tool("request", *BUYING, "--generate-on-trouble", "--json").document["source"] == "generated"


def test_a_backend_that_is_away_is_said(server: LookAlike, user: Account, tool: Tool) -> None:
    del server, user
    ran = tool.process("request", *BUYING, env={"ASSETCTL_BACKEND__URL": "http://127.0.0.1:9"})
    assert ran.code == 9
    assert tool.orders() == []


def test_without_a_login_nothing_is_asked_and_nothing_bought(
    server: LookAlike, user: Account, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    del user
    monkeypatch.delenv("ASSETCTL_TOKEN")
    before = len(server.requests())
    assert tool("request", *BUYING).code == 3
    assert len(server.requests()) == before
    assert tool.orders() == []


def test_offline_the_backend_is_skipped_with_words(server: LookAlike, user: Account, tool: Tool) -> None:
    own = put(server, user)
    before = len(server.requests())
    ran = tool("request", "--offline", *MOMENT, "--generator", "instant", "--json")
    assert (ran.code, ran.document["source"]) == (0, "generated")
    (attempt,) = [attempt for attempt in ran.document["attempts"] if attempt["provider"] == "library:pixsim"]
    assert (attempt["outcome"], "offline" in attempt["detail"]) == ("skipped", True)
    none = tool("request", "--offline", *MOMENT, "--no-generate", "--no-placeholder", "--fresh")
    assert none.code == 7
    got = tool("get", own, "--offline")
    assert (got.code, "offline" in got.err) == (7, True)
    assert tool("available", own, "--offline").code == 7
    assert len(server.requests()) == before


def test_offline_what_is_cached_is_served(server: LookAlike, user: Account, tool: Tool) -> None:
    put(server, user)
    tool("request", *MOMENT)
    before = len(server.requests())
    ran = tool("request", "--offline", *MOMENT, "--json")
    assert (ran.code, ran.document["source"], ran.document["warnings"]) == (0, "cached", [])
    assert len(server.requests()) == before


def test_a_search_is_remembered_for_this_login_and_confirmed_by_its_number(
    server: LookAlike, user: Account, another: Account, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = put(server, user)
    look = ("available", *MOMENT, "--no-generate", "--json")
    for _ in range(2):
        assert tool(*look).document[0]["asset_id"] == own
    assert len([r for r in server.requests(SEARCH) if r["status"] == 200]) >= 1
    searches = len(server.requests(SEARCH))
    assert tool(*look).code == 0
    assert len(server.requests(SEARCH)) == searches
    assert tool(*look, "--refresh").code == 0
    assert len(server.requests(SEARCH)) == searches + 1
    monkeypatch.setenv("ASSETCTL_TOKEN", another.token)
    assert tool(*look).code == 7


def test_what_is_tagged_after_a_miss_is_found_at_once(server: LookAlike, user: Account, tool: Tool) -> None:
    look = ("available", *MOMENT, "--no-generate", "--json")
    assert tool(*look).code == 7
    own = put(server, user)
    assert tool(*look).document[0]["asset_id"] == own


def test_what_was_marked_as_broken_is_served_no_more_once_it_is_asked_about(
    server: LookAlike, user: Account, tool: Tool
) -> None:
    own = put(server, user)
    assert tool("request", *MOMENT, "--no-generate", "--json").document["source"] == "pre_made"
    server.change_asset(int(own), signal_override="broken")
    ran = tool("request", *MOMENT, "--no-generate", "--no-placeholder", "--refresh")
    assert ran.code == 7


def test_another_players_clip_and_another_prompts_are_generated_anew(
    server: LookAlike, user: Account, tool: Tool
) -> None:
    put(server, user, *TAGS, "assetctl:" + "0" * 32, source_generation_id=1, prompt="a lantern")
    same = tool("request", *MOMENT, "--prompt", "a lantern", "--json")
    assert same.document["source"] == "pre_made"
    other = tool("request", *MOMENT, "--prompt", "a bench", "--generator", "instant", "--json")
    assert other.document["source"] == "generated"


def test_the_folder_stays_the_library_when_it_is_wanted(
    server: LookAlike, user: Account, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server, user)
    monkeypatch.setenv("ASSETCTL_LIBRARY__KIND", "folder")
    tool.put_sound("park/wait.wav")
    ran = tool("request", *MOMENT, "--json")
    assert ran.document["asset_id"] == "park/wait.wav"
    assert "library:pixsim" not in providers(ran)


def test_a_backends_library_without_a_backend_is_a_wrong_setting(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSETCTL_LIBRARY__KIND", "pixsim")
    ran = tool("request", *MOMENT)
    assert ran.code == 2
    assert "backend.url" in ran.err


def test_the_doctor_tells_who_looks_at_the_library(server: LookAlike, user: Account, tool: Tool) -> None:
    assert f"{server.url}, as {user.username}" in tool("doctor").out
    assert "not asked offline" in tool("doctor", "--offline").out
    server.revoke(user.token)
    ran = tool("doctor")
    assert ran.code == 1
    assert "assetctl auth login" in ran.out


def test_what_one_person_generated_and_tagged_the_next_finds_in_the_library(
    server: LookAlike, user: Account, tool: Tool
) -> None:
    del user
    before = len(server.charges())
    asked = ("request", "--scene", "park", "--choice", "leave", "--prompt", "a lantern", "--json")
    made = tool(*asked, "--generator", "pixsim", "--max-wait", "120s")
    assert (made.code, made.document["source"]) == (0, "generated"), made.err
    again = replace(tool, data=tool.data.with_name("another"))(*asked, "--generator", "pixsim")
    assert again.code == 0, again.err
    assert (again.document["source"], again.document["sha256"]) == ("pre_made", made.document["sha256"])
    assert len(server.charges()) == before + 1
