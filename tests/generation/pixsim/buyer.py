"""One customer of a look-alike server as a process: it asks for one asset, and can die at any state of the order.

What it is told stands in a JSON object, its only argument; what it got is the JSON object that it prints.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import anyio
from anyio.to_thread import run_sync

from assetctl.clock import SystemClock
from assetctl.errors import AssetctlError
from assetctl.generation.pixsim.generator import PixsimGenerator
from assetctl.generation.registry import GeneratorContext
from assetctl.models import AssetRequest
from assetctl.network import Origin, new_client
from assetctl.pixsim.client import PixsimClient
from assetctl.pixsim.pacing import Pace
from assetctl.pixsim.session import HandedIn
from assetctl.secret import Secret
from fakes import House
from shop import DeadlyJournal

if TYPE_CHECKING:
    from assetctl.generation.base import GeneratedFile, GenerationOrder

KILLED = 66
REQUEST = AssetRequest(choice_id="confess", prompt="She says it", provider="pixverse")


@dataclass(frozen=True)
class Errand:
    """What a customer is sent for. It dies once its order is `deadly`; `submitted` is before it says so."""

    folder: str
    url: str
    token: str
    deadly: str = ""
    settle_s: float = 0.5
    ahead_s: float = 0.0
    scene: str = "romance_5"
    max_wait_s: float = 200.0

    @property
    def text(self) -> str:
        return json.dumps(asdict(self))


class Ahead(SystemClock):
    """A machine whose wall clock is set wrong."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead = timedelta(seconds=ahead_s)

    def now(self) -> datetime:
        return super().now() + self._ahead


class Customer(PixsimGenerator):
    """Fetches what it bought itself, so that the tests of money don't depend on downloads; dies when told to."""

    def __init__(self, errand: Errand, context: GeneratorContext) -> None:
        super().__init__(context, settle_s=errand.settle_s)
        self._errand = errand

    async def submit(self, order: GenerationOrder, idempotency_key: str) -> str:
        job_id = await super().submit(order, idempotency_key)
        if self._errand.deadly == "submitted":
            os._exit(KILLED)
        return job_id

    async def result(self, job_id: str) -> GeneratedFile:
        file = await super().result(job_id)
        path = Path(self._errand.folder) / f"fetched-{os.getpid()}"
        path.write_bytes(await run_sync(self._bytes, file.url))
        return replace(file, path=path, url=None)

    def _bytes(self, url: str) -> bytes:
        headers = {"Authorization": f"Bearer {self._errand.token}"} if url.startswith(self._errand.url) else {}
        with urlopen(Request(url, headers=headers), timeout=60) as reply:
            return reply.read()


async def buy(errand: Errand) -> int:
    clock, origin = Ahead(errand.ahead_s), Origin.of(errand.url)
    async with new_client(timeout_s=30.0, home=origin) as http:
        client = PixsimClient(
            origin,
            http,
            tokens=HandedIn(Secret(errand.token)),
            clock=clock,
            pace=Pace(clock=clock, random=Random()),
            timeout_s=30.0,
        )
        context = GeneratorContext(data_dir=Path(errand.folder), clock=clock, pixsim=lambda: client)
        house = House(
            Path(errand.folder) / "house", generator=Customer(errand, context), clock=clock, journal=DeadlyJournal
        )
        house.journal.deadly = errand.deadly  # type: ignore[attr-defined]
        try:
            wanted = replace(REQUEST, scene_id=errand.scene, max_wait_s=errand.max_wait_s, allow_placeholder=False)
            asset = await house.service.request_asset(wanted)
        except AssetctlError as error:
            told, code = {"code": error.code, "what": error.what, "why": error.why}, error.exit_code
        else:
            told, code = {"film": asset.path.read_text(), "source": asset.source, "id": asset.asset_id}, 0
        finally:
            await house.cache.aclose()
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(told) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(anyio.run(buy, Errand(**json.loads(sys.argv[1]))))
