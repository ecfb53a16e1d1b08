"""One round of `backend.py` in a process of its own: fetches what a list names, and says how long that took.

`backend_client.py HOW LIST FOLDER [HEADER]`: each line of LIST is an address and a digest. HOW is `httpx` (that library
as it comes, into files, nothing verified), `verified` (assetctl's transfer, every byte hashed and compared) or `stored`
(looked into by the media probe as well, and stored into the cache for good). Loading Python is not counted.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import anyio
import httpx

from assetctl.cache.store import AssetCache
from assetctl.clock import SystemClock
from assetctl.media.kinds import asset_type_of, beginning_problem
from assetctl.media.probe import probe
from assetctl.models import AssetRequest, Origin, Source
from assetctl.network import Origin as Place
from assetctl.network import new_client
from assetctl.providers.intake import Facts, Handover, Intake
from assetctl.secret import Secret
from assetctl.transfer import Downloads, RemoteFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

CONCURRENCY = 16


async def all_of(jobs: list[tuple[str, str]], work: Callable[[int, str, str], Awaitable[None]]) -> None:
    """`work` was done for every job, `CONCURRENCY` of them at once."""
    waiting: Iterator[tuple[int, tuple[str, str]]] = iter(enumerate(jobs))

    async def worker() -> None:
        for number, (url, digest) in waiting:
            await work(number, url, digest)

    async with anyio.create_task_group() as tasks:
        for _ in range(CONCURRENCY):
            tasks.start_soon(worker)


async def with_httpx(jobs: list[tuple[str, str]], folder: Path, token: Secret | None) -> None:
    """As one would write it without this house."""
    headers = {} if token is None else {"Authorization": f"Bearer {token.reveal()}"}
    async with httpx.AsyncClient(headers=headers, limits=httpx.Limits(max_connections=CONCURRENCY + 4)) as client:

        async def fetch(number: int, url: str, _: str) -> None:
            async with client.stream("GET", url) as response, await anyio.open_file(folder / str(number), "wb") as file:
                async for piece in response.aiter_bytes():
                    await file.write(piece)

        await all_of(jobs, fetch)


async def with_assetctl(jobs: list[tuple[str, str]], folder: Path, token: Secret | None, *, stored: bool) -> None:
    """Through the transfer and, if `stored`, the door into a cache."""

    async def credentials(_: Place) -> Secret | None:
        return token

    home, clock = Place.of(jobs[0][0]), SystemClock()
    cache = AssetCache(folder / "cache", clock=clock)
    intake = Intake(cache, probe=probe, clock=clock)
    async with new_client(home=home, timeout_s=30, max_connections=CONCURRENCY + 4) as client:
        downloads = Downloads(
            client,
            home=home,
            credentials=credentials,
            recognise=beginning_problem,
            clock=clock,
            random=Random(1),  # noqa: S311 - spreads pauses
            max_transfers=CONCURRENCY,
        )

        async def fetch(number: int, url: str, digest: str) -> None:
            target = folder / f"{number}{Path(url).suffix}"
            asset_type = asset_type_of(target)
            assert asset_type is not None  # noqa: S101 - the list names media
            done = await downloads.fetch(RemoteFile(url, asset_type, digest), target, keep_partial=False)
            if stored:
                facts = Facts(
                    key=f"{number:064x}",
                    request=AssetRequest(scene_id=f"scene_{number}", asset_type=asset_type),
                    asset_id=f"bench:{number}",
                    asset_type=asset_type,
                    source=Source.PRE_MADE,
                    origin=Origin(provider="library:bench"),
                )
                await intake.take(done.path, facts, sha256=digest, handover=Handover.GIVE, hashed=done.hashed)

        await all_of(jobs, fetch)
    await cache.aclose()


def main() -> None:
    """Fetch, then print the seconds of the wall and of the processor."""
    how, listed, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    lines = (line.split() for line in listed.read_text("utf-8").splitlines())
    jobs = [(url, digest) for url, digest in lines]
    token = Secret(sys.argv[4].rpartition(" ")[2]) if len(sys.argv) > 4 else None

    async def work() -> None:
        if how == "httpx":
            await with_httpx(jobs, folder, token)
        else:
            await with_assetctl(jobs, folder, token, stored=how == "stored")

    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    anyio.run(work)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"seconds": seconds, "cpu_s": cpu_s, "rss_mb": after.ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
