"""A library on the network: built when it is first asked, so that an answer from the cache doesn't pay for it.

Offline it is not asked at all. What it once gave may still be served from the cache; whether it stands behind that is
trouble then, not an answer.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from assetctl import eventloop
from assetctl.errors import LibraryError
from assetctl.library import together

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path

    from assetctl.library.base import Candidate, Given, Got, Library, LibraryAsset, Searched, Standing, Stood
    from assetctl.models import AssetRequest


class RemoteLibrary:
    """A library that is built when it is first asked; what it raises, this raises, and a `LibraryError` offline."""

    def __init__(self, name: str, *, recheck_after_s: float, build: Callable[[], Library], offline: bool) -> None:
        """Be called `name`, have cached copies confirmed after `recheck_after_s`, and `build` later."""
        self._name = name
        self._recheck_after_s = recheck_after_s
        self._build = build
        self._offline = offline

    @cached_property
    def _library(self) -> Library:
        return self._build()

    @property
    def name(self) -> str:
        """The name it was given, known before it is built."""
        return self._name

    @property
    def needs_network(self) -> bool:
        """True."""
        return True

    @property
    def recheck_after_s(self) -> float:
        """The time it was given, known before it is built."""
        return self._recheck_after_s

    async def get(self, asset_id: str) -> LibraryAsset | None:
        """What the library says."""
        return await (await self._reached()).get(asset_id)

    async def search(self, request: AssetRequest) -> list[Candidate]:
        """What the library says."""
        return await (await self._reached()).search(request)

    async def get_all(self, asset_ids: Sequence[str]) -> Sequence[Got]:
        """What the library says."""
        return await together.get_all(await self._reached(), asset_ids)

    async def search_all(self, requests: Sequence[AssetRequest]) -> Sequence[Searched]:
        """What the library says."""
        return await together.search_all(await self._reached(), requests)

    def remarks(self, request: AssetRequest) -> tuple[str, ...]:
        """What the library says, also offline."""
        return self._library.remarks(request)

    async def standing(self, asset_id: str, fingerprint: str) -> Standing:
        """What the library says."""
        return await (await self._reached()).standing(asset_id, fingerprint)

    async def standings(self, given: Sequence[Given]) -> Sequence[Stood]:
        """What the library says."""
        return await together.standings(await self._reached(), given)

    @asynccontextmanager
    async def open(self, asset: LibraryAsset, target: Path) -> AsyncGenerator[Path]:
        """What the library gives."""
        async with (await self._reached()).open(asset, target) as path:
            yield path

    async def _reached(self) -> Library:
        if self._offline:
            what = f"the library `{self.name}` is on the network and is not asked offline"
            raise LibraryError(what, hint="ask without `--offline`")
        await eventloop.started()
        return self._library
