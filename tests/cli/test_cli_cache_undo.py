"""`assetctl cache undo`: what comes back, and how it says what can't."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import INSTANT

if TYPE_CHECKING:
    from cli_harness import Tool


@pytest.fixture
def cleared(tool: Tool) -> dict[str, Any]:
    """An answer that was cleared just now."""
    document = tool(*INSTANT, "--json").document
    assert tool("cache", "clear", "--all", "--yes").code == 0
    return document


def test_what_came_back_is_served_again(tool: Tool, cleared: dict[str, Any]) -> None:
    ran = tool("cache", "undo")
    assert (ran.code, ran.out) == (0, cleared["key"][:12] + "\n")
    assert "brought back 1 entry" in ran.err
    again = tool(*INSTANT, "--json").document
    assert (again["source"], again["sha256"]) == ("cached", cleared["sha256"])
    assert len(tool.calls("submit")) == 1


def test_as_a_document(tool: Tool, cleared: dict[str, Any]) -> None:
    document = tool("cache", "undo", "--json").document
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", document.pop("made_at"))
    assert document == {
        "schema": "assetctl.undo/1",
        "command": "clear",
        "restored": [cleared["key"]],
        "overwritten": [],
        "gone": [],
        "restored_bytes": cleared["size_bytes"],
    }


def test_nothing_to_undo_is_not_available(tool: Tool) -> None:
    ran = tool("cache", "undo", "--json")
    assert (ran.code, ran.out, ran.error["code"]) == (7, "", "not_available")
    assert "24 hours" in ran.error["why"]


def test_a_newer_answer_stays(tool: Tool, cleared: dict[str, Any]) -> None:
    tool(*INSTANT)
    ran = tool("cache", "undo")
    assert (ran.code, ran.out) == (0, "")
    assert "1 entry has a newer answer" in ran.err
    assert tool("cache", "ls", "-q").out.split() == [cleared["key"]]


def test_after_the_room_was_needed_it_is_gone(tool: Tool, cleared: dict[str, Any]) -> None:
    assert tool("cache", "prune", "--max-size", "1B", "--yes").code == 0
    ran = tool("cache", "undo")
    assert ran.code == 7
    assert cleared["key"] not in tool("cache", "ls", "-q").out


def test_bytes_that_vanished_from_the_trash_are_told(tool: Tool, cleared: dict[str, Any]) -> None:
    (blob,) = (tool.data / "cache" / "v1" / "trash").glob("*/*.wav")
    blob.unlink()
    ran = tool("cache", "undo", "--json")
    assert (ran.code, ran.document["gone"], ran.document["restored"]) == (7, [cleared["key"]], [])
    assert "could not be brought back" in ran.error["message"]
