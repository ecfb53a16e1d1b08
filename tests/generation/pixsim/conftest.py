"""A look-alike of the server for each test, and somebody with an account there."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from shopping import Counted, Shopper

from assetctl.network import Origin, new_client
from assetctl.pixsim.client import PixsimClient
from assetctl.pixsim.pacing import Pace
from assetctl.pixsim.session import HandedIn
from assetctl.secret import Secret
from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[LookAlike]:
    with LookAlike() as server:
        yield server


@pytest.fixture
async def shopper(server: LookAlike, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Shopper]:
    del anyio_backend
    account, clock = server.user(), Counted()
    origin = Origin.of(server.url)
    async with new_client(timeout_s=30.0, home=origin) as http:
        client = PixsimClient(
            origin,
            http,
            tokens=HandedIn(Secret(account.token)),
            clock=clock,
            pace=Pace(clock=clock, random=Random(3)),
            timeout_s=30.0,
        )
        made = Shopper(account, client, None, clock, tmp_path)  # type: ignore[arg-type] - next line
        made.generator = made.new
        yield made
