"""Looks at the same time are one request; each sees what came after it asked, and nobody's trouble is another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from assetctl.errors import AssetctlError, NotAllowed, RateLimited, ServiceError, ServiceUnreachable
from assetctl.library.pixsim.looks import AHEAD, RECENT_S, Looks
from assetctl.pixsim.records import StoredAsset
from fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.anyio

GONE, FOREIGN = 404, 500


class Client:
    """A server with every asset but two; `calls` tells what it was asked, `gate` holds each call until it is set."""

    def __init__(self) -> None:
        self.calls: list[int | list[int]] = []
        self.gate = anyio.Event()
        self.trouble: AssetctlError | None = None

    async def asset(self, number: int) -> StoredAsset | None:
        self.calls.append(number)
        await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        if number == FOREIGN:
            raise NotAllowed("it is another's")
        return None if number == GONE else StoredAsset(number, "image")

    async def assets(self, numbers: Iterable[int]) -> tuple[StoredAsset, ...]:
        wanted = sorted(numbers)
        self.calls.append(wanted)
        await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        if FOREIGN in wanted:
            raise ServiceError("none of these")
        return tuple(StoredAsset(number, "image") for number in wanted if number != GONE)


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def looks(client: Client, clock: FakeClock) -> Looks:
    return Looks(client, clock)  # type: ignore[arg-type]


async def together(looks: Looks, client: Client, *numbers: int) -> dict[int, int | type[AssetctlError] | None]:
    """What each of `numbers` came to, the first begun alone, the others while it was under way."""
    seen: dict[int, int | type[AssetctlError] | None] = {}

    async def look(number: int) -> None:
        try:
            stored = await looks.at(number)
        except AssetctlError as error:
            seen[number] = type(error)
        else:
            seen[number] = None if stored is None else stored.id

    async with anyio.create_task_group() as tasks:
        for number in numbers:
            tasks.start_soon(look, number)
            await anyio.wait_all_tasks_blocked()
        client.gate.set()
    return seen


async def test_one_look_is_a_read_by_its_number(looks: Looks, client: Client):
    assert await together(looks, client, 1) == {1: 1}
    assert await together(looks, client, GONE) == {GONE: None}
    assert client.calls == [1, GONE]


async def test_those_that_come_meanwhile_are_looked_at_together(looks: Looks, client: Client):
    assert await together(looks, client, 1, 2, 3, 4) == {1: 1, 2: 2, 3: 3, 4: 4}
    assert client.calls == [1, [2, 3, 4]]


async def test_the_same_number_is_read_once_for_all_who_came_before_that(looks: Looks, client: Client):
    async with anyio.create_task_group() as tasks:
        for number in (2, 2, 2):
            tasks.start_soon(looks.at, number)
        await anyio.wait_all_tasks_blocked()
        client.gate.set()
    assert client.calls == [2]


async def test_what_is_missing_among_many_is_looked_at_alone(looks: Looks, client: Client):
    assert await together(looks, client, 1, 2, GONE) == {1: 1, 2: 2, GONE: None}
    assert client.calls == [1, [2, GONE], GONE]


async def test_anothers_asset_spoils_nobodys_look(looks: Looks, client: Client):
    assert await together(looks, client, 1, 2, FOREIGN, 3) == {1: 1, 2: 2, FOREIGN: NotAllowed, 3: 3}


@pytest.mark.parametrize("trouble", [ServiceUnreachable("away"), NotAllowed("log in"), RateLimited("later")])
async def test_trouble_of_the_server_is_everybodys_at_once(looks: Looks, client: Client, trouble: AssetctlError):
    client.trouble = trouble
    assert await together(looks, client, 1, 2, 3) == dict.fromkeys((1, 2, 3), type(trouble))
    assert client.calls == [1, [2, 3]]


async def test_each_gets_an_error_of_its_own(looks: Looks, client: Client):
    client.trouble = ServiceUnreachable("away")
    errors: list[AssetctlError] = []

    async def look() -> None:
        with pytest.raises(ServiceUnreachable) as caught:
            await looks.at(7)
        errors.append(caught.value)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(look)
        await anyio.wait_all_tasks_blocked()
        client.gate.set()
    assert len(set(map(id, errors))) == 3


async def test_who_is_called_off_takes_nobody_along(looks: Looks, client: Client):
    seen: list[int] = []
    scopes: list[anyio.CancelScope] = []

    async def look(number: int) -> None:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            stored = await looks.at(number)
            assert stored is not None
            seen.append(stored.id)

    async with anyio.create_task_group() as tasks:
        for number in (1, 2, 3, 4, 5):
            tasks.start_soon(look, number)
            await anyio.wait_all_tasks_blocked()
        scopes[0].cancel()  # it looks
        scopes[2].cancel()  # it waits
        await anyio.wait_all_tasks_blocked()
        assert client.calls == [1, [2, 4, 5]]
        scopes[1].cancel()  # it looks for all of them
        await anyio.wait_all_tasks_blocked()
        client.gate.set()
    assert seen == [4, 5]
    assert client.calls == [1, [2, 4, 5], [4, 5]]


async def test_a_look_serves_the_fetch_right_after_it_once(looks: Looks, client: Client, clock: FakeClock):
    client.gate.set()
    looks.remember(await looks.at(1))
    for calls in ([1], [1, 1]):
        stored = await looks.lately(1)
        assert stored is not None
        assert (stored.id, client.calls) == (1, calls)
    looks.remember(stored)
    clock.advance(seconds=RECENT_S + 0.1)
    await looks.lately(1)
    assert client.calls == [1, 1, 1]
    looks.remember(None)


async def test_only_the_latest_looks_are_remembered(looks: Looks, client: Client):
    client.gate.set()
    for number in range(1, 1_000):
        looks.remember(StoredAsset(number, "image"))
    await looks.lately(999)
    assert client.calls == []
    await looks.lately(1)
    assert client.calls == [1]


async def test_a_fetch_takes_along_those_that_are_expected_next(looks: Looks, client: Client):
    client.gate.set()
    expected = [*range(1_000, 1_000 + AHEAD), GONE, *range(2_000, 2_000 + AHEAD)]
    looks.expect(expected)
    for number in expected:
        stored = await looks.lately(number)
        assert (None if stored is None else stored.id) == (None if number == GONE else number)
    assert client.calls == [sorted(expected[: AHEAD + 1]), sorted(expected[AHEAD:]), GONE]


async def test_whoever_only_looks_takes_nobody_along(looks: Looks, client: Client):
    client.gate.set()
    looks.expect([1, 2, 3])
    await looks.at(1)
    assert client.calls == [1]


async def test_what_was_passed_over_is_expected_no_more(looks: Looks, client: Client):
    client.gate.set()
    looks.expect([1, 2, 3, 4])
    await looks.lately(3)
    await looks.lately(1)
    assert client.calls == [[3, 4], 1]


async def test_what_was_taken_along_too_long_ago_is_looked_at_again(looks: Looks, client: Client, clock: FakeClock):
    client.gate.set()
    looks.expect([1, 2])
    await looks.lately(1)
    clock.advance(seconds=RECENT_S + 0.1)
    await looks.lately(2)
    assert client.calls == [[1, 2], 2]


async def test_anothers_asset_that_was_taken_along_spoils_nothing(looks: Looks, client: Client):
    client.gate.set()
    looks.expect([1, FOREIGN, 2])
    for number in (1, 2):
        stored = await looks.lately(number)
        assert stored is not None
    with pytest.raises(NotAllowed):
        await looks.lately(FOREIGN)
