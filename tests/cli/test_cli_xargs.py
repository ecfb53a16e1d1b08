"""What `-q` prints, piped through `xargs`, is what the next command takes."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import DEADLINE_S, MAIN

if TYPE_CHECKING:
    from cli_harness import Tool

pytestmark = pytest.mark.skipif(shutil.which("xargs") is None, reason="this system has no xargs")


def piped(tool: Tool, listing: str, command: str) -> subprocess.CompletedProcess[str]:
    """How the second command ended, given what the first listed."""
    return subprocess.run(
        ["xargs", *MAIN, *command.split()],
        input=tool(*listing.split()).out,
        env=tool.environment(),
        cwd=tool.work,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_keys_are_shown_pinned_and_cleared_many_at_once(tool: Tool, three: dict[str, Any]) -> None:
    keys = {one["key"] for one in three.values()}
    shown = piped(tool, "cache ls -q", "cache show --json")
    assert {json.loads(line)["key"] for line in shown.stdout.splitlines()} == keys
    assert set(piped(tool, "cache ls -q", "cache pin -q").stdout.split()) == keys
    assert len(tool("cache", "ls", "-q", "--state", "pinned").out.split()) == 3
    assert piped(tool, "cache ls -q", "cache unpin").returncode == 0
    assert set(piped(tool, "cache ls -q", "cache verify -q").stdout.split()) == set()


def test_a_long_list_of_keys_names_nothing_that_was_paid_for(tool: Tool, three: dict[str, Any]) -> None:
    ran = piped(tool, "cache ls -q", "cache clear --yes")
    assert ran.returncode == 0
    assert "1 paid" in ran.stderr
    assert tool("cache", "ls", "-q").out.split() == [three["lake"]["key"]]


def test_for_a_person_several_are_told_apart_by_an_empty_line(tool: Tool, three: dict[str, Any]) -> None:
    blocks = tool("cache", "show", *(one["key"] for one in three.values())).out.split("\n\n")
    assert [block.split()[1] for block in blocks] == [one["key"] for one in three.values()]


def test_keys_that_nothing_has_are_counted_where_there_are_many(tool: Tool) -> None:
    ran = tool("cache", "clear", "abcd", "abce", "--yes")
    assert (ran.code, ran.err.splitlines()[0]) == (
        7,
        "error: nothing cached has a key that begins with `abcd` or one of 1 more",
    )
