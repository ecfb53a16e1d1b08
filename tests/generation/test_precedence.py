"""Precedence: nobody orders before those who stand earlier, and nobody waits for who is gone."""

from __future__ import annotations

import anyio
import pytest

from assetctl.generation.precedence import Precedence

pytestmark = pytest.mark.anyio


async def test_everybody_waits_for_those_before_who_have_not_left():
    line, came = Precedence(), list[str]()
    for key in "abcd":
        line.enter(key)

    async def order(key: str) -> None:
        await line.come_first(key)
        came.append(key)
        line.leave(key)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for key in "dcb":
                tasks.start_soon(order, key)
            await anyio.wait_all_tasks_blocked()
            assert came == []
            # Who has left waits for nobody any more.
            line.leave("c")
            await anyio.wait_all_tasks_blocked()
            assert came == ["c"]
            line.leave("a")
    assert came == ["c", "b", "d"]


async def test_who_is_called_off_while_waiting_keeps_nobody():
    line = Precedence()
    for key in "abc":
        line.enter(key)
    with anyio.move_on_after(0):
        await line.come_first("b")
    line.leave("b")
    line.leave("a")
    with anyio.fail_after(10):
        await line.come_first("c")


async def test_who_stands_in_no_line_waits_for_nobody():
    line = Precedence()
    line.enter("a")
    with anyio.fail_after(10):
        await line.come_first("somebody else")
    line.leave("somebody else")
    with anyio.fail_after(10):
        await line.come_first("a")
