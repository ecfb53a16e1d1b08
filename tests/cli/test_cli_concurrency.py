"""Equal requests at once, in real processes: one order, one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli_harness import INSTANT, wait_until

if TYPE_CHECKING:
    from cli_harness import Tool


@pytest.mark.parametrize(("name", "count"), [("instant", 2), ("instant", 16), ("slow", 2)])
def test_equal_requests_at_once_are_ordered_once_and_all_get_the_same_file(tool: Tool, name: str, count: int) -> None:
    processes = [tool.spawn(*INSTANT[:-1], name, "-q") for _ in range(count)]
    if name == "slow":
        wait_until(lambda: len(tool.calls("status")) >= count)
        tool.release()
    ran = [tool.finish(process) for process in processes]
    assert [one.code for one in ran] == [0] * count, [one.err for one in ran if one.code]
    assert len({one.out for one in ran}) == 1
    assert [order["state"] for order in tool.orders()] == ["closed"]
    assert tool.calls("submit") == ["submit"]


@pytest.mark.parametrize("count", [2, 16])
def test_equal_storyboards_at_once_are_rendered_once(tool: Tool, count: int) -> None:
    small = ("--duration", "0.5", "--param", "fps=4", "--param", "width=64", "--param", "height=64")
    processes = [tool.spawn("request", "--scene", "park", *small, "-q") for _ in range(count)]
    ran = [tool.finish(process) for process in processes]
    assert [one.code for one in ran] == [0] * count, [one.err for one in ran if one.code]
    assert len({one.out for one in ran}) == 1
    assert len(tool.orders()) == 1


def test_different_requests_at_once_all_get_their_own(tool: Tool) -> None:
    processes = [tool.spawn(*INSTANT, "--choice", f"c{number}", "-q") for number in range(6)]
    ran = [tool.finish(process) for process in processes]
    assert [one.code for one in ran] == [0] * 6
    assert len({one.out for one in ran}) == 6
    assert len(tool("cache", "ls", "-q").out.split()) == 6


def test_clearing_while_others_ask_breaks_nobody(tool: Tool) -> None:
    tool(*INSTANT)
    askers = [tool.spawn(*INSTANT, "-q") for _ in range(4)]
    clearers = [tool.spawn("cache", "clear", "--all", "--yes", "-q") for _ in range(2)]
    assert [tool.finish(process).code for process in clearers] == [0, 0]
    ran = [tool.finish(process) for process in askers]
    assert [one.code for one in ran] == [0] * 4, [one.err for one in ran if one.code]
    assert [order["state"] for order in tool.orders() if order["state"] != "closed"] == []
