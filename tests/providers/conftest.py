"""A house to stand in: real parts over fakes, its cache closed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from fakes import FakeLibrary, House
from shop import Shop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
async def bounded():
    with anyio.fail_after(150):
        yield


@pytest.fixture
def library(tmp_path: Path) -> FakeLibrary:
    return FakeLibrary(tmp_path / "library")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


@pytest.fixture
async def build(tmp_path: Path, library: FakeLibrary, shop: Shop) -> AsyncGenerator[Callable[..., House]]:
    """Builds a house over the same disk; another one is what another process would be."""
    houses: list[House] = []

    def build(**options: object) -> House:
        known: dict[str, object] = {"generator": shop, "library": library}
        houses.append(House(tmp_path / "house", **(known | options)))
        return houses[-1]

    yield build
    for house in houses:
        await house.cache.aclose()


@pytest.fixture
def house(build: Callable[..., House]) -> House:
    return build()
