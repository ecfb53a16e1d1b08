"""A customer whose asset is at a web address: follows its order home, and may be killed on the way.

Run as a program: `download_program.py HOUSE SHOP URL`. The shop's jobs are at URL, whatever their file here says.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import anyio

from assetctl.clock import SystemClock
from assetctl.network import Origin, new_client
from assetctl.transfer import Downloads
from fakes import REQUEST, House
from shop import Shop

if TYPE_CHECKING:
    import httpx

    from assetctl.generation.base import GeneratedFile
    from assetctl.models import AssetType

KEY = "a" * 64


class FarShop(Shop):
    """A shop whose files are at the web addresses in `links`, each given once and the last for ever."""

    links: tuple[str | None, ...] = ()
    facts: dict[str, object] = {}  # noqa: RUF012 - replaced, never changed

    async def result(self, job_id: str) -> GeneratedFile:
        file = await super().result(job_id)
        link, *rest = self.links
        self.links = tuple(rest) or self.links
        self._note("results", job_id)
        return replace(file, path=None, url=link, **self.facts)

    @property
    def results(self) -> int:
        return len(self._lines("results"))


def film_beginning(head: bytes, _asset_type: AssetType) -> str | None:
    return None if head.startswith(b"film:") else "it does not begin as a film does"


def downloads_through(client: httpx.AsyncClient, url: str, clock: object) -> Downloads:
    return Downloads(
        client,
        home=Origin.of(url),
        credentials=None,
        recognise=film_beginning,
        clock=clock,  # type: ignore[arg-type]
        random=Random(1),
    )


async def main(folder: Path, shop_folder: Path, url: str) -> None:
    shop = FarShop(shop_folder)
    shop.links = (f"{url}/clip.mp4",)
    async with new_client(home=Origin.of(url), timeout_s=60) as client:
        clock = SystemClock()
        house = House(folder, generator=shop, clock=clock, downloads=downloads_through(client, url, clock))
        order = await house.journal.open_order(KEY)
        if order is None:
            async with house.desk.exclusively(KEY):
                order = await house.desk.place(shop, KEY, REQUEST)
        arrival = await house.follower.bring_home(shop, order, 60)
        sys.stdout.write(f"{arrival.entry.sha256}\n")
        await house.cache.aclose()


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
