"""Who may order next: in one process in the order of coming, and in many through one file."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING

import anyio
import pytest

from assetctl.pixsim import turn_file
from assetctl.pixsim.turn_file import WindowFile
from assetctl.pixsim.turns import OwnWindow, Turn, Turns
from assetctl.pixsim.window import Rules, Window

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


class Counting(OwnWindow):
    """Counts how often somebody looked."""

    looks = 0

    async def change(self, work):
        self.looks += 1
        return await super().change(work)


async def ordered(turns: Turns, clock, told: list[int], number: int) -> None:
    async with turns.front(turns.number()):
        while not isinstance(found := await turns.take(), Turn):
            await clock.sleep(found)
    told.append(number)
    await turns.answered(found)


async def test_thousand_wait_in_the_order_of_coming_and_only_the_first_looks(clock):
    shared, told = Counting(), []
    turns = Turns(clock=clock, shared=shared)
    start_s = clock.elapsed_s()
    async with anyio.create_task_group() as tasks:
        for number in range(1_000):
            tasks.start_soon(ordered, turns, clock, told, number)
    assert told == sorted(told)
    # A look for each order, one for its answer, and one for each pause until a place was free.
    assert shared.looks <= 1_000 * 2 + len(clock.slept)
    assert len(clock.slept) <= 60
    assert clock.elapsed_s() - start_s == pytest.approx(49 * 60, rel=0.01)


async def test_one_who_was_refused_goes_before_all_that_came_later(clock):
    turns, came = Turns(clock=clock), []
    first = turns.number()

    async def stand(number: int) -> None:
        async with turns.front(number):
            came.append(number)

    async with anyio.create_task_group() as tasks, turns.front(turns.number()):
        later = [turns.number() for _ in range(3)]
        for number in (later[2], later[0], first, later[1]):
            tasks.start_soon(stand, number)
        await anyio.wait_all_tasks_blocked()
    assert came == [first, *later]


async def test_all_who_wait_hear_once_that_they_do(clock):
    turns, told, shared = Turns(clock=clock, rules=Rules(most=2)), [], []

    async def order(number: int) -> None:
        async with turns.front(turns.number(), lambda: told.append(number)):
            while not isinstance(found := await turns.take(), Turn):
                await turns.pause(found)
        shared.append(number)
        await turns.answered(found)

    async with anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(order, number)
    assert (told, shared) == ([2, 3, 4, 5], [0, 1, 2, 3, 4, 5])


async def test_whoever_comes_while_another_pauses_hears_it_at_once(clock):
    told, inside, outside = [], anyio.Event(), anyio.Event()

    class Held(type(clock)):
        async def sleep(self, seconds: float) -> None:
            del seconds
            inside.set()
            await outside.wait()

    turns = Turns(clock=Held())

    async def pause() -> None:
        async with turns.front(turns.number()):
            await turns.pause(60)

    async def come() -> None:
        async with turns.front(turns.number(), lambda: told.append("told")):
            told.append("came")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pause)
        await inside.wait()
        tasks.start_soon(come)
        await anyio.wait_all_tasks_blocked()
        assert told == ["told"]
        outside.set()
    assert told == ["told", "came"]


async def test_without_a_limit_nobody_waits(clock):
    turns, told = Turns(clock=clock, rules=Rules(most=inf)), []
    for number in range(1_000):
        await ordered(turns, clock, told, number)
    assert clock.slept == []


async def test_whoever_leaves_the_line_is_not_waited_for(clock):
    turns, came = Turns(clock=clock), []

    async def stand(number: int) -> None:
        async with turns.front(turns.number()):
            came.append(number)

    async with anyio.create_task_group() as tasks, turns.front(turns.number()):
        with anyio.move_on_after(0.01):
            await stand(1)
        tasks.start_soon(stand, 2)
        await anyio.wait_all_tasks_blocked()
        assert came == []
    assert came == [2]


async def test_one_who_is_called_and_leaves_calls_the_next(clock):
    turns, came = Turns(clock=clock), []

    async def stand(number: int) -> None:
        async with turns.front(turns.number()):
            came.append(number)

    async with turns.front(turns.number()):
        leaving, staying = asyncio.create_task(stand(1)), asyncio.create_task(stand(2))
        await anyio.wait_all_tasks_blocked()
    # It was called a moment ago and has not come yet.
    leaving.cancel()
    await asyncio.wait([leaving, staying])
    assert came == [2]


async def test_turn_given_back_twice_or_after_use_frees_nothing(clock):
    turns = Turns(clock=clock, rules=Rules(most=2))
    one, two = await turns.take(), await turns.take()
    assert isinstance(one, Turn)
    assert isinstance(two, Turn)
    await turns.give_back(one)
    await turns.give_back(one)
    await turns.answered(two)
    await turns.give_back(two)
    assert isinstance(await turns.take(), Turn)
    assert not isinstance(await turns.take(), Turn)


# Shared by a file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "turns" / "server.json"


def shared(path, told=None) -> WindowFile:
    return WindowFile(path, tell=[].append if told is None else told.append)


async def test_processes_share_the_places_of_a_window(clock, path):
    mine, theirs = (Turns(clock=clock, rules=Rules(most=3), shared=shared(path)) for _ in range(2))
    found = [await turns.take() for turns in (mine, theirs, mine, theirs)]
    assert [isinstance(one, Turn) for one in found] == [True, True, True, False]
    assert await mine.learned() is None
    await mine.answered(found[0])
    await theirs.refused(found[1], 30)
    assert await mine.take() == pytest.approx(31)
    assert await mine.learned() == 1


async def test_whoever_is_called_off_gives_back_what_he_has(clock, path):
    turns = Turns(clock=clock, rules=Rules(most=1), shared=shared(path))
    turn = await turns.take()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await turns.give_back(turn)
    assert isinstance(await turns.take(), Turn)


async def test_wall_clock_is_never_asked(clock, path):
    class Elapsed(type(clock)):
        def now(self):
            raise AssertionError("it may have been set meanwhile")

    turns = Turns(clock=Elapsed(), rules=Rules(most=1), shared=shared(path))
    turn = await turns.take()
    assert isinstance(turn, Turn)
    await turns.answered(turn)
    assert await turns.take() == pytest.approx(60, abs=0.2)


async def test_file_and_folder_are_the_owners_alone(clock, path):
    await Turns(clock=clock, shared=shared(path)).take()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"schema": "assetctl.turns/1"}',
        b"[" * 100_000,
        b'{"schema": "assetctl.turns/9"}',
    ],
)
async def test_garbled_file_counts_as_empty_and_is_written_anew(clock, path, content):
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    turns = Turns(clock=clock, rules=Rules(most=1), shared=shared(path))
    assert isinstance(await turns.take(), Turn)
    assert json.loads(path.read_bytes())["under_way"] == [clock.elapsed_s()]


async def test_what_another_start_of_the_machine_wrote_counts_for_nothing(clock, path):
    turns = Turns(clock=clock, rules=Rules(most=1), shared=shared(path))
    await turns.take()
    assert not isinstance(await turns.take(), Turn)
    path.write_text(path.read_text().replace('"boot": "', '"boot": "x'))
    assert isinstance(await turns.take(), Turn)


async def test_shorter_state_leaves_nothing_of_a_longer_one(path):
    file = shared(path)
    await file.change(lambda _: (Window(under_way=(1.0,) * 50), None))
    await file.change(lambda _: (Window(), None))
    assert await file.change(lambda window: (window, window)) == Window()


async def test_where_nothing_can_be_written_a_process_goes_by_what_it_knows(clock, path):
    path.mkdir(parents=True)
    told = []
    turns = Turns(clock=clock, rules=Rules(most=2), shared=shared(path, told))
    assert [isinstance(await turns.take(), Turn) for _ in range(3)] == [True, True, False]
    assert len(told) == 1
    assert "not shared" in told[0]


@contextmanager
def full_disk() -> Iterator[None]:
    """Within the block no file takes more than a few bytes."""
    import resource  # noqa: PLC0415 - exists on Unix alone

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
async def test_where_the_disk_is_full_a_process_goes_by_what_it_knows(clock, path, monkeypatch):
    # A cut byte-code file would spoil every later process.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    told = []
    turns = Turns(clock=clock, rules=Rules(most=3), shared=shared(path, told))
    await turns.answered(await turns.take())
    with full_disk():
        assert [isinstance(await turns.take(), Turn) for _ in range(3)] == [True, True, False]
    assert len(told) == 1
    # Whoever comes once there is room again is told by the next one who changes anything.
    clock.advance(seconds=1)
    assert not isinstance(await turns.take(), Turn)
    other = Turns(clock=clock, rules=Rules(most=3), shared=shared(path))
    assert not isinstance(await other.take(), Turn)


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
async def test_link_is_not_followed(clock, path, tmp_path):
    path.parent.mkdir(mode=0o700)
    (tmp_path / "other").write_text("precious")
    path.symlink_to(tmp_path / "other")
    assert isinstance(await Turns(clock=clock, shared=shared(path)).take(), Turn)
    assert (tmp_path / "other").read_text() == "precious"


async def test_one_that_stays_locked_is_not_waited_for_long(clock, path):
    await shared(path).change(lambda window: (window, None))
    descriptor = os.open(path, os.O_RDWR)
    told = []
    try:
        assert turn_file.locks.try_mark(descriptor)
        file = WindowFile(path, tell=told.append, lock_limit_s=0.05)
        assert isinstance(await Turns(clock=clock, shared=file).take(), Turn)
    finally:
        os.close(descriptor)
    assert "stays locked" in told[0]


async def test_damage_in_the_work_itself_is_not_hidden(path):
    def broken(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await shared(path).change(broken)
