"""A house with a shop for a generator, built over one disk as often as a test wants processes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from fakes import House
from shop import Shop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


@pytest.fixture
async def build(tmp_path: Path, shop: Shop) -> AsyncGenerator[Callable[..., House]]:
    """Builds a house over the same disk and the same shop; another one is what another process would be."""
    async with AsyncExitStack() as opened:

        def build(**options: object) -> House:
            house = House(tmp_path / "house", **({"generator": shop} | options))  # type: ignore[arg-type]
            opened.push_async_callback(house.cache.aclose)
            return house

        yield build


@pytest.fixture
def house(build: Callable[..., House]) -> House:
    return build()
