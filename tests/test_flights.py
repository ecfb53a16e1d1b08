"""Equal work at the same time is done once; nobody waits for somebody who left."""

from __future__ import annotations

import anyio
import pytest

from assetctl.flights import Flights

pytestmark = pytest.mark.anyio


class Work:
    """Counts how often it began; lands when told."""

    def __init__(self, result: str = "film", error: Exception | None = None) -> None:
        self.began = 0
        self.started = anyio.Event()
        self.may_land = anyio.Event()
        self._result = result
        self._error = error

    async def __call__(self) -> str:
        self.began += 1
        self.started.set()
        await self.may_land.wait()
        if self._error is not None:
            raise self._error
        return self._result


@pytest.fixture(autouse=True)
async def bounded():
    with anyio.fail_after(20):
        yield


async def quiet() -> None:
    """Every task that could run has run."""
    await anyio.wait_all_tasks_blocked()


async def test_lonely_asker_gets_what_the_work_gave():
    async def work() -> int:
        return 5

    assert await Flights[int]().join("k", work) == 5


async def test_many_askers_are_served_by_one_work():
    flights, work, got = Flights[str](), Work(), []

    async def ask() -> None:
        got.append(await flights.join("k", work))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask)
        await quiet()
        assert (work.began, got) == (1, [])
        work.may_land.set()
    assert got == ["film"] * 20
    assert work.began == 1


async def test_other_names_fly_on_their_own():
    flights, one, other, got = Flights[str](), Work("one"), Work("other"), []

    async def ask(name: str, work: Work) -> None:
        got.append(await flights.join(name, work))

    async with anyio.create_task_group() as group:
        group.start_soon(ask, "a", one)
        group.start_soon(ask, "b", other)
        await quiet()
        assert (one.began, other.began) == (1, 1)
        other.may_land.set()
        await quiet()
        assert got == ["other"]
        one.may_land.set()
    assert got == ["other", "one"]


async def test_what_landed_is_not_remembered():
    flights, work = Flights[str](), Work()
    work.may_land.set()
    await flights.join("k", work)
    await flights.join("k", work)
    assert work.began == 2


async def test_error_is_everybodys():
    flights, work, got = Flights[str](), Work(error=LookupError("planted")), []

    async def ask() -> None:
        with pytest.raises(LookupError) as caught:
            await flights.join("k", work)
        got.append(caught.value)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
        await quiet()
        work.may_land.set()
    assert len(got) == 5
    assert len({id(error) for error in got}) == 1
    assert work.began == 1


async def test_error_does_not_stay():
    flights, failing, fine = Flights[str](), Work(error=LookupError("planted")), Work()
    failing.may_land.set()
    fine.may_land.set()
    with pytest.raises(LookupError):
        await flights.join("k", failing)
    assert await flights.join("k", fine) == "film"


async def test_cancelled_worker_is_replaced_by_the_next_in_line():
    flights, first, second, got = Flights[str](), Work("first"), Work("second"), []
    scope = anyio.CancelScope()

    async def leaves() -> None:
        with scope:
            await flights.join("k", first)

    async def stays() -> None:
        got.append(await flights.join("k", second))

    async with anyio.create_task_group() as group:
        group.start_soon(leaves)
        await first.started.wait()
        for _ in range(3):
            group.start_soon(stays)
        await quiet()
        assert second.began == 0
        scope.cancel()
        await second.started.wait()
        await quiet()
        assert second.began == 1
        second.may_land.set()
    assert got == ["second"] * 3


async def test_cancelled_follower_takes_nobody_with_it():
    flights, work, got = Flights[str](), Work(), []
    scope = anyio.CancelScope()

    async def leaves() -> None:
        with scope:
            await flights.join("k", work)

    async def stays() -> None:
        got.append(await flights.join("k", work))

    async with anyio.create_task_group() as group:
        group.start_soon(stays)
        await work.started.wait()
        group.start_soon(leaves)
        await quiet()
        scope.cancel()
        await quiet()
        work.may_land.set()
    assert got == ["film"]
    assert work.began == 1
