"""Assets that several fetch at the same time are read together, and each is read by itself where that does not work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from crowd import CrowdClock

from assetctl.errors import AssetctlError, InvalidRequest, NotAllowed, RateLimited
from assetctl.generation.pixsim.assets import Assets
from assetctl.pixsim.records import StoredAsset

if TYPE_CHECKING:
    from collections.abc import Collection

pytestmark = pytest.mark.anyio

FOREIGN = 66
LOST = 404


@dataclass
class Shelf:
    """Reads as the client does; `calls` tells which ids each call was about."""

    clock: CrowdClock
    calls: list[list[int]] = field(default_factory=list)
    trouble: AssetctlError | None = None

    async def asset(self, asset_id: int) -> StoredAsset | None:
        self.calls.append([asset_id])
        await self.clock.sleep(0.01)
        if asset_id == FOREIGN:
            raise NotAllowed("it belongs to somebody else")
        return None if asset_id == LOST else StoredAsset(asset_id, "video")

    async def assets(self, asset_ids: Collection[int]) -> tuple[StoredAsset, ...]:
        self.calls.append(sorted(asset_ids))
        await self.clock.sleep(0.01)
        if self.trouble is not None:
            raise self.trouble
        if FOREIGN in asset_ids:
            raise InvalidRequest("one of them belongs to somebody else")
        return tuple(StoredAsset(asset_id, "video") for asset_id in asset_ids if asset_id != LOST)


@pytest.fixture
def clock() -> CrowdClock:
    return CrowdClock()


@pytest.fixture
def shelf(clock: CrowdClock) -> Shelf:
    return Shelf(clock)


async def read(shelf: Shelf, *asset_ids: int, is_busy: bool = True) -> dict[int, StoredAsset | str | None]:
    """What each of those who ask at the same moment gets; of trouble, its name."""
    assets = Assets(lambda: shelf, shelf.clock, is_busy=lambda: is_busy)  # type: ignore[arg-type, return-value]
    got: dict[int, StoredAsset | str | None] = {}

    async def ask(asset_id: int) -> None:
        try:
            got[asset_id] = await assets.asset(asset_id)
        except AssetctlError as error:
            got[asset_id] = type(error).__name__

    async with shelf.clock.moving() as tasks:
        for asset_id in asset_ids:
            tasks.start_soon(ask, asset_id)
    return got


async def test_those_that_are_asked_for_at_once_are_read_at_once(shelf: Shelf):
    got = await read(shelf, *range(1, 41))
    assert got == {number: StoredAsset(number, "video") for number in range(1, 41)}
    assert shelf.calls == [list(range(1, 41))]


async def test_one_that_is_asked_for_by_itself_is_read_at_once(shelf: Shelf):
    start_s = shelf.clock.elapsed_s()
    assert await read(shelf, 1, is_busy=False) == {1: StoredAsset(1, "video")}
    assert shelf.calls == [[1]]
    assert shelf.clock.elapsed_s() - start_s < 0.02


async def test_foreign_one_troubles_nobody_else(shelf: Shelf):
    got = await read(shelf, 1, FOREIGN, 2)
    assert got == {1: StoredAsset(1, "video"), 2: StoredAsset(2, "video"), FOREIGN: "NotAllowed"}


async def test_one_that_is_left_out_is_looked_for_by_itself(shelf: Shelf):
    assert (await read(shelf, 1, LOST, 2))[LOST] is None
    assert [LOST] in shelf.calls


async def test_server_that_wants_to_be_left_alone_is_not_asked_one_by_one(shelf: Shelf):
    shelf.trouble = RateLimited("not now")
    assert await read(shelf, 1, 2, 3) == {1: "RateLimited", 2: "RateLimited", 3: "RateLimited"}
    assert len(shelf.calls) == 1
