"""A library whose answers are remembered for a while, so that looking twice does not ask twice.

Only answers that nobody pays for are remembered: a search that found nothing leads to generation and is asked anew each
time, trouble is never an answer, and a remembered match is confirmed by its id before it counts.
"""

from __future__ import annotations

import json
import logging
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from assetctl.errors import AssetctlError, LibraryError, ServiceError
from assetctl.keys import request_key
from assetctl.library import together
from assetctl.library.answers import asset_from_text, asset_text, search_from_text, search_text
from assetctl.library.base import Given, Standing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from assetctl.cache.lookups import Lookups
    from assetctl.library.base import Candidate, Got, Library, LibraryAsset, Searched, Stood
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
        known = await self._recalled(key, _one_asset)
        if known is not None:
            return known[0]
        found = await self._library.get(asset_id)
        await self._remember(key, lambda: asset_text(found), ABSENCE_TTL_S if found is None else ASSET_TTL_S)
        return found

    async def get_all(self, asset_ids: Sequence[str]) -> list[Got]:
        """What `get` gives or raises for each: what is remembered, and the rest asked for in one go.

        Raises:
            LibraryError: none of them could be asked.
        """
        keys = dict(zip(asset_ids, await self._keys("asset", asset_ids), strict=True))
        texts = {} if self._refresh else await self._lookups.recall_all(keys.values())
        known = {key: read for key, text in texts.items() if (read := self._read(text, _one_asset)) is not None}
        answers: dict[str, Got] = {one: known[key][0] for one, key in keys.items() if key in known}
        rest = [asset_id for asset_id in keys if asset_id not in answers]
        if rest:
            found = dict(zip(rest, await together.get_all(self._library, rest), strict=True))
            await self._remember_assets({keys[asset_id]: got for asset_id, got in found.items()})
            answers |= found
        return [answers[asset_id] for asset_id in asset_ids]

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
        if _is_worth_remembering(found):
            await self._remember(key, lambda: search_text(found), SEARCH_TTL_S)
        elif known is not None:
            await self._lookups.forget(key)
        return found

    async def search_all(self, requests: Sequence[AssetRequest]) -> list[Searched]:
        """What `search` gives or raises for each: what is remembered and stands, and the rest asked for in one go.

        Raises:
            LibraryError: none of them could be asked.
        """
        keys = await self._keys("search", map(request_key, requests))
        known = await self._recalled_searches(keys)
        answers = await self._confirmed(known)
        rest = {key: request for key, request in zip(keys, requests, strict=True) if key not in answers}
        if rest:
            found = dict(zip(rest, await together.search_all(self._library, list(rest.values())), strict=True))
            await self._remember_searches(found)
            for key in known.keys() & found.keys():
                if not _is_worth_remembering(found[key]):
                    await self._lookups.forget(key)
            answers |= found
        return [answers[key] for key in keys]

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

    async def standings(self, given: Sequence[Given]) -> Sequence[Stood]:
        """The library's own, asked each time.

        Raises:
            LibraryError: none of them could be asked.
        """
        standings = await together.standings(self._library, given)
        for one, standing in zip(given, standings, strict=True):
            if standing in (Standing.CHANGED, Standing.GONE):
                await self._forget(one.asset_id)
        return standings

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
        best = _best(known)
        return best is not None and await self.standing(*best) is Standing.SAME

    async def _confirmed(self, known: Mapping[str, list[Candidate]]) -> dict[str, Searched]:
        """Those of the `known` answers whose match stands, and the trouble with those that could not be confirmed."""
        best = {key: match for key, candidates in known.items() if (match := _best(candidates)) is not None}
        standings = await self.standings(list(best.values())) if best else ()
        confirmed: dict[str, Searched] = {}
        for key, standing in zip(best, standings, strict=True):
            if isinstance(standing, AssetctlError):
                confirmed[key] = standing
            elif standing is Standing.SAME:
                confirmed[key] = known[key]
        return confirmed

    async def _recalled_searches(self, keys: Sequence[str]) -> dict[str, list[Candidate]]:
        texts = {} if self._refresh else await self._lookups.recall_all(keys)
        read = {key: self._read(text, search_from_text) for key, text in texts.items()}
        return {key: candidates for key, candidates in read.items() if candidates is not None}

    async def _remember_assets(self, found: Mapping[str, Got]) -> None:
        there: dict[str, str] = {}
        absent: dict[str, str] = {}
        for key, got in found.items():
            if isinstance(got, AssetctlError):
                continue
            text = self._written(partial(asset_text, got))
            if text is not None:
                (absent if got is None else there)[key] = text
        for texts, ttl_s in ((there, ASSET_TTL_S), (absent, ABSENCE_TTL_S)):
            if texts:
                await self._lookups.remember_all(texts, ttl_s=ttl_s)

    async def _remember_searches(self, found: Mapping[str, Searched]) -> None:
        texts = {
            key: self._written(partial(search_text, answer))
            for key, answer in found.items()
            if not isinstance(answer, AssetctlError) and _is_worth_remembering(answer)
        }
        known = {key: text for key, text in texts.items() if text is not None}
        if known:
            await self._lookups.remember_all(known, ttl_s=SEARCH_TTL_S)

    async def _recalled(self, key: str, read: Callable[[str], _T]) -> _T | None:
        text = None if self._refresh else await self._lookups.recall(key)
        return None if text is None else self._read(text, read)

    def _read(self, text: str, read: Callable[[str], _T]) -> _T | None:
        try:
            return read(text)
        except ValueError as error:
            _log.debug("a remembered answer of `%s` is not used: %s", self.name, error)
            return None

    async def _remember(self, key: str, write: Callable[[], str], ttl_s: float) -> None:
        text = self._written(write)
        if text is not None:
            await self._lookups.remember(key, text, ttl_s=ttl_s)

    def _written(self, write: Callable[[], str]) -> str | None:
        try:
            return write()
        except ValueError as error:
            _log.debug("an answer of `%s` cannot be remembered: %s", self.name, type(error).__name__)
            return None

    async def _forget(self, asset_id: str) -> None:
        await self._lookups.forget(await self._key("asset", asset_id))

    async def _key(self, kind: str, what: str) -> str:
        return (await self._keys(kind, (what,)))[0]

    async def _keys(self, kind: str, whats: Iterable[str]) -> list[str]:
        scope = () if self._scope is None else await self._scope()
        return [json.dumps(["library", self.name, *scope, kind, what]) for what in whats]


def _one_asset(text: str) -> tuple[LibraryAsset | None]:
    """What `asset_text` wrote, told apart from nothing that was written."""
    return (asset_from_text(text),)


def _best(candidates: list[Candidate]) -> Given | None:
    """The best match, None when nothing matches."""
    best = next((candidate.asset for candidate in candidates if candidate.matches), None)
    return None if best is None else Given(best.asset_id, best.fingerprint)


def _is_worth_remembering(found: Searched) -> bool:
    """Whether nobody would pay for believing `found` again: something matches, and nothing that would is broken."""
    if isinstance(found, AssetctlError):
        return False
    return any(candidate.matches for candidate in found) and all(candidate.trouble is None for candidate in found)
