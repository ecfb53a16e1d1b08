"""A library whose answers are remembered for a while, so that looking twice does not ask twice.

Only answers that nobody pays for are remembered: a search that found nothing leads to generation and is asked anew each
time, trouble is never an answer, and a remembered match is confirmed by its id before it counts.
"""

from __future__ import annotations

import json
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from assetctl.errors import LibraryError, ServiceError
from assetctl.keys import request_key
from assetctl.library.answers import asset_from_text, asset_text, search_from_text, search_text
from assetctl.library.base import Standing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from assetctl.cache.lookups import Lookups
    from assetctl.library.base import Candidate, Library, LibraryAsset
    from assetctl.models import AssetRequest

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

SEARCH_TTL_S: Final = 300.0
ASSET_TTL_S: Final = 300.0
ABSENCE_TTL_S: Final = 30.0
"""How long "there is no asset with this id" is believed: somebody may be uploading it."""


class RememberedLibrary:
    """The library it is given, asked less often. What it downloads and confirms is never remembered."""

    def __init__(
        self,
        library: Library,
        lookups: Lookups,
        *,
        scope: Callable[[], Awaitable[tuple[str, ...]]] | None = None,
        refresh: bool = False,
    ) -> None:
        """Remember answers of `library` in `lookups`; with `refresh` ask each time and remember the new answer.

        `scope` gives whatever else decides the answers: the address of the backend, who asks.

        Raises:
            ValueError: the library needs no network; asking it costs less than remembering.
        """
        if not library.needs_network:
            raise ValueError(f"the library `{library.name}` is near enough to be asked")
        self._library = library
        self._lookups = lookups
        self._scope = scope
        self._refresh = refresh

    @property
    def name(self) -> str:
        """The library's own."""
        return self._library.name

    @property
    def needs_network(self) -> bool:
        """True: a remembered answer has no bytes."""
        return True

    @property
    def recheck_after_s(self) -> float:
        """The library's own; 0 with `refresh`, so that cached copies are confirmed too."""
        return 0.0 if self._refresh else self._library.recheck_after_s

    async def get(self, asset_id: str) -> LibraryAsset | None:
        """The asset with this id, None when the library has, or lately had, none.

        Raises:
            LibraryError: the library could not be asked.
        """
        key = await self._key("asset", asset_id)
        known = await self._recalled(key, lambda text: (asset_from_text(text),))
        if known is not None:
            return known[0]
        found = await self._library.get(asset_id)
        await self._remember(key, lambda: asset_text(found), ABSENCE_TTL_S if found is None else ASSET_TTL_S)
        return found

    async def search(self, request: AssetRequest) -> list[Candidate]:
        """As the library's own. A remembered answer may miss a better match that came lately, never a first one.

        Raises:
            LibraryError: the library could not be asked.
        """
        key = await self._key("search", request_key(request))
        known = await self._recalled(key, search_from_text)
        if known is not None and await self._still_stands(known):
            return known
        found = await self._library.search(request)
        if any(candidate.matches for candidate in found) and all(candidate.trouble is None for candidate in found):
            await self._remember(key, lambda: search_text(found), SEARCH_TTL_S)
        elif known is not None:
            await self._lookups.forget(key)
        return found

    def remarks(self, request: AssetRequest) -> tuple[str, ...]:
        """The library's own."""
        return self._library.remarks(request)

    async def standing(self, asset_id: str, fingerprint: str) -> Standing:
        """The library's own, asked each time.

        Raises:
            LibraryError: the library could not be asked.
        """
        standing = await self._library.standing(asset_id, fingerprint)
        if standing is not Standing.SAME:
            await self._forget(asset_id)
        return standing

    @asynccontextmanager
    async def open(self, asset: LibraryAsset, target: Path) -> AsyncGenerator[Path]:
        """As the library's own.

        Raises:
            LibraryError: the bytes could not be had; if by a remembered answer, the next one is asked anew.
        """
        try:
            async with self._library.open(asset, target) as path:
                yield path
        except (LibraryError, ServiceError):
            await self._forget(asset.asset_id)
            raise

    async def _still_stands(self, known: list[Candidate]) -> bool:
        best = next((candidate.asset for candidate in known if candidate.matches), None)
        if best is None:
            return False
        return await self.standing(best.asset_id, best.fingerprint) is Standing.SAME

    async def _recalled(self, key: str, read: Callable[[str], _T]) -> _T | None:
        text = None if self._refresh else await self._lookups.recall(key)
        if text is None:
            return None
        try:
            return read(text)
        except ValueError as error:
            _log.debug("a remembered answer of `%s` is not used: %s", self.name, error)
            return None

    async def _remember(self, key: str, write: Callable[[], str], ttl_s: float) -> None:
        try:
            text = write()
        except ValueError as error:
            _log.debug("an answer of `%s` cannot be remembered: %s", self.name, type(error).__name__)
            return
        await self._lookups.remember(key, text, ttl_s=ttl_s)

    async def _forget(self, asset_id: str) -> None:
        await self._lookups.forget(await self._key("asset", asset_id))

    async def _key(self, kind: str, what: str) -> str:
        scope = () if self._scope is None else await self._scope()
        return json.dumps(["library", self.name, *scope, kind, what])
