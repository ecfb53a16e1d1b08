"""A chapter over the library of a backend: a few searches for all of it, and none right before each order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self

import pytest

from assetctl.providers import absences, matches
from service import faults

if TYPE_CHECKING:
    from cli_harness import Tool

    from service.harness import Account, LookAlike

SEARCH = "POST /api/v1/assets/search"
ITEMS, SCENES = 200, 20


@pytest.fixture(autouse=True)
def chapter(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chapter of `ITEMS` over `SCENES`; what a search found counts for longer than a busy machine needs."""
    write(tool, ITEMS)
    for module in (absences, matches):
        monkeypatch.setattr(module, "MAX_AGE_S", 3600.0)


def write(tool: Tool, items: int, **fields: object) -> None:
    rows = [
        {"scene": f"s{n // (ITEMS // SCENES)}", "choice": f"c{n % (ITEMS // SCENES)}", "type": "audio", **fields}
        for n in range(items)
    ]
    known = {"generator": "instant", "allow_placeholder": False}
    (tool.work / "chapter.jsonl").write_text("".join(json.dumps(known | row) + "\n" for row in rows))


def put(server: LookAlike, user: Account, number: int, *more: str) -> str:
    tags = [f"scene:s{number // (ITEMS // SCENES)}", f"choice:c{number % (ITEMS // SCENES)}", *more]
    return str(server.add_asset(user, "audio", tags=tags)["id"])


class Counted:
    """What came to the server within the block."""

    def __init__(self, server: LookAlike) -> None:
        self._server = server
        self.routes: list[str] = []

    def __enter__(self) -> Self:
        self._before = len(self._server.requests())
        return self

    def __exit__(self, *_: object) -> None:
        self.routes = [record["route"] for record in self._server.requests()[self._before :]]

    @property
    def searches(self) -> int:
        return self.routes.count(SEARCH)


def test_looking_at_a_chapter_takes_a_few_requests(server: LookAlike, user: Account, tool: Tool) -> None:
    there = {put(server, user, number) for number in range(0, ITEMS, 10)}
    put(server, user, 1, "npc:somebody")
    with Counted(server) as counted:
        document = tool("prefetch", "chapter.jsonl", "--plan", "--json").document
    assert (document["takes"]["library"], document["takes"]["generate"]) == (len(there), ITEMS - len(there))
    assert len(counted.routes) <= 10
    with Counted(server) as counted:
        assert tool("coverage", "chapter.jsonl", "--json").document["states"]["library"] == len(there)
    assert len(counted.routes) <= 10
    with Counted(server) as counted:
        rows = tool("available", "--manifest", "chapter.jsonl", "--json").document
    assert {row["asset_id"] for row in rows if row["available"]} == there
    assert len(counted.routes) <= 10
    for row in rows[:12]:
        request = row["request"]
        moment = ("--scene", request["scene_id"], "--choice", request["choice_id"], "--type", "audio")
        (single,) = tool("available", *moment, "--generator", "instant", "--json").document
        assert {**row, "request": None} == {**single, "request": None}


def test_what_is_missing_everywhere_is_made_after_a_few_searches(server: LookAlike, user: Account, tool: Tool) -> None:
    del user
    write(tool, 50)
    with Counted(server) as counted:
        ran = tool("prefetch", "chapter.jsonl")
    assert ran.out.startswith("50 assets: 50 generated")
    assert counted.searches == 1


def test_what_the_library_has_is_fetched_and_never_made(server: LookAlike, user: Account, tool: Tool) -> None:
    write(tool, 20)
    for number in range(10):
        put(server, user, number)
    with Counted(server) as counted:
        ran = tool("prefetch", "chapter.jsonl")
    assert ran.out.startswith("20 assets: 10 from the library, 10 generated"), ran.out
    assert counted.searches <= 4
    assert len(tool.orders()) == 10


def test_with_a_library_that_fails_nothing_is_made_unless_that_is_said(
    server: LookAlike, user: Account, tool: Tool
) -> None:
    del user
    write(tool, 12)
    server.fault(SEARCH, faults.answers(404, "Not Found", code="not_found"), times=None)
    document = tool("prefetch", "chapter.jsonl", "--plan", "--json").document
    assert document["takes"]["trouble"] == 12
    assert tool("prefetch", "chapter.jsonl").code != 0
    assert tool.orders() == []
    write(tool, 12, generate_on_trouble=True)
    ran = tool("prefetch", "chapter.jsonl")
    assert ran.out.startswith("12 assets: 12 generated"), ran.err
