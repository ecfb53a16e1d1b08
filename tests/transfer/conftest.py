"""Downloads from a server of the test's own, with a clock that never really waits."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import anyio
import pytest
from transfer_samples import TOKEN, recognise

from assetctl.network import Origin, new_client
from assetctl.secret import Secret
from assetctl.transfer import Downloads
from byte_server import make_authority
from fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def build(clock: FakeClock, anyio_backend: str) -> AsyncGenerator[Callable[..., Downloads]]:
    """Makes the downloads of a backend at an address; what they use is closed afterwards."""
    del anyio_backend
    clients = []

    def built(url: str, **options: object) -> Downloads:
        home = Origin.of(url)
        known = {name: options.pop(name) for name in ("ca_file", "resolver", "timeout_s") if name in options}
        client = new_client(**({"home": home, "timeout_s": 60.0, "max_connections": 20} | known))
        clients.append(client)

        async def credentials(origin: Origin) -> Secret | None:
            assert origin == home
            return Secret(TOKEN)

        defaults = {
            "home": home,
            "credentials": credentials,
            "recognise": recognise,
            "clock": clock,
            "random": Random(7),
        }
        return Downloads(client, **(defaults | options))

    with anyio.fail_after(120):
        yield built
    for client in clients:
        await client.aclose()
