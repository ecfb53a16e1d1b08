"""Names become addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import httpcore
import pytest

from assetctl.network.addresses import _first, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.anyio
async def test_name_of_this_machine_has_its_addresses():
    assert set(await resolve("localhost", 80)) <= {"127.0.0.1", "::1"}


class Streams:
    """Connects to addresses as the test wants: `slow` ones never answer, `dead` ones refuse."""

    def __init__(self, *, slow: Sequence[str] = (), dead: Sequence[str] = ()) -> None:
        self.slow = slow
        self.dead = dead
        self.asked: list[str] = []

    async def connect(self, address: str) -> str:
        self.asked.append(address)
        if address in self.slow:
            await anyio.sleep_forever()
        if address in self.dead:
            raise httpcore.ConnectError(f"{address} refuses")
        return address


@pytest.mark.anyio
async def test_first_address_that_answers_is_taken():
    streams = Streams(dead=["a"], slow=["b"])
    with anyio.fail_after(60):
        assert await _first(["a", "b", "c", "d"], streams.connect) == "c"  # type: ignore[arg-type]
    assert streams.asked == ["a", "b", "c"]


@pytest.mark.anyio
async def test_last_refusal_is_told_when_all_refuse():
    streams = Streams(dead=["a", "b"])
    with pytest.raises(httpcore.ConnectError, match="b refuses"):
        await _first(["a", "b"], streams.connect)  # type: ignore[arg-type]
