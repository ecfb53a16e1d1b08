"""A server to talk to, and a client that talks to it with a clock that never really waits."""

from __future__ import annotations

from contextlib import AsyncExitStack
from random import Random

import pytest
from raw_server import RawServer

from assetctl.network import Origin, new_client
from assetctl.pixsim.client import PixsimClient
from assetctl.pixsim.pacing import Pace
from assetctl.pixsim.session import HandedIn
from assetctl.secret import Secret
from fakes import FakeClock

SENTINEL = "eyJ-sentinel-7f3a-token-value"


@pytest.fixture
def server():
    with RawServer() as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def connect(clock, anyio_backend):
    """A client for a server's address; closed at the end of the test."""
    del anyio_backend
    async with AsyncExitStack() as stack:

        async def connected(url: str, *, timeout_s: float = 20.0, ca_file=None, **options) -> PixsimClient:
            home = Origin.of(url)
            http = await stack.enter_async_context(new_client(timeout_s=timeout_s, home=home, ca_file=ca_file))
            defaults = {
                "tokens": HandedIn(Secret(SENTINEL)),
                "clock": clock,
                "pace": Pace(clock=clock, random=Random(3)),
            }
            return PixsimClient(home, http, timeout_s=timeout_s, **(defaults | options))

        yield connected
