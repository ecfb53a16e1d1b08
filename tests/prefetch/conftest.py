"""A house whose chapters are planned and made: real parts over fakes, its cache closed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from fakes import FakeLibrary, House
from shop import Shop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


@pytest.fixture
def library(tmp_path: Path) -> FakeLibrary:
    return FakeLibrary(tmp_path / "library")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


@pytest.fixture
async def house(tmp_path: Path, library: FakeLibrary, shop: Shop) -> AsyncGenerator[House]:
    house = House(tmp_path / "house", generator=shop, library=library)
    with anyio.fail_after(150):
        yield house
    await house.cache.aclose()
