"""Somebody who orders at a look-alike of the server, and ways to wait for what happens there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import anyio

from assetctl.clock import SystemClock
from assetctl.generation.base import GenerationOrder
from assetctl.generation.pixsim.generator import PixsimGenerator
from assetctl.generation.registry import GeneratorContext
from assetctl.keys import request_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime
    from pathlib import Path

    from assetctl.models import AssetRequest
    from assetctl.pixsim.client import PixsimClient
    from service.harness import Account

T = TypeVar("T")

#: Long enough for the look-alike to remember a row that it hides at first.
SETTLE_S = 0.4
#: Nobody may wait for what never comes.
_LIMIT_S = 60.0


@dataclass
class Counted(SystemClock):
    """The machine's time, with every sleep noted; long ones are cut short."""

    slept_s: list[float] = field(default_factory=list)
    longest_s: float = 2.0

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        await super().sleep(min(seconds, self.longest_s))


@dataclass
class Shopper:
    """Somebody with an account, a client and a generator. `new` is the same person after a restart of assetctl."""

    account: Account
    client: PixsimClient
    generator: PixsimGenerator
    clock: Counted
    folder: Path

    @property
    def new(self) -> PixsimGenerator:
        context = GeneratorContext(data_dir=self.folder, clock=self.clock, pixsim=lambda: self.client)
        return PixsimGenerator(context, settle_s=SETTLE_S)

    def now(self) -> datetime:
        return self.clock.now()


def order_of(request: AssetRequest) -> GenerationOrder:
    return GenerationOrder(request_key(request), request)


async def until(look: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """What `look` sees once it `holds`; fails when it doesn't in time."""
    with anyio.fail_after(_LIMIT_S):
        while not holds(seen := await look()):  # noqa: ASYNC110 - it happens in another process
            await anyio.sleep(0.02)
    return seen
