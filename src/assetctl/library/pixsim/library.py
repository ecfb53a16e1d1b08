"""The library that is a PixSim7 server's: what a team keeps there, found by its tags.

Nothing here spends money, and no trouble looks like "no match": a login that expired, a server that fails or a search
without an end are errors, because what follows "no match" may be a purchase.
"""

from __future__ import annotations

import logging
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from assetctl.errors import AssetctlError, LibraryError, NotAllowed
from assetctl.keys import request_key
from assetctl.library.base import Standing
from assetctl.library.pixsim.facts import LIBRARY, RECHECK_AFTER_S
from assetctl.library.pixsim.looks import Looks
from assetctl.library.pixsim.matching import Reader, described, fingerprint_of, is_same, judged
from assetctl.library.pixsim.search import Found, searches, unspoken
from assetctl.library.pixsim.together import TROUBLE_OF_ALL, JointSearches
from assetctl.library.together import few_at_a_time, one_by_one

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.library.base import Candidate, Given, Got, LibraryAsset, Searched, Stood
    from assetctl.library.pixsim.files import FileFetcher
    from assetctl.library.pixsim.search import Search
    from assetctl.library.pixsim.together import Look
    from assetctl.models import AssetRequest
    from assetctl.pixsim.client import PixsimClient
    from assetctl.pixsim.records import StoredAsset

_log = logging.getLogger(__name__)

_ID: Final = re.compile(r"[1-9][0-9]{0,9}")
_LOOKED_AT_TOGETHER: Final = 200
"""How many assets the server gives at once."""
_LARGEST_ID: Final = 2**31 - 1
"""The server counts in its database's 32-bit integers and fails on more."""

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


class PixsimLibrary:
    """A `Library` of the assets of whoever is logged in at one server; safe to use from many tasks of one loop."""

    def __init__(self, client: PixsimClient, *, files: FileFetcher, clock: Clock) -> None:
        """Ask through `client`, and fetch through `files`."""
        self._client = client
        self._files = files
        self._clock = clock
        self._looks = Looks(client, clock)
        self._user_id: int | None = None
        self._asking_who = anyio.Lock()

    @property
    def name(self) -> str:
        """`pixsim`."""
        return LIBRARY

    @property
    def needs_network(self) -> bool:
        """Always."""
        return True

    @property
    def recheck_after_s(self) -> float:
        """A day."""
        return RECHECK_AFTER_S

    async def get(self, asset_id: str) -> LibraryAsset | None:
        """The asset with this number, fit as an answer or not; None when there is none, or it is no number.

        Raises:
            NotAllowed: there is one, of another user.
            ServiceError, LibraryError: the server could not be asked, or it is of a type that we don't know.
        """
        stored = await self._stored(asset_id)
        return None if stored is None else self._described(stored)

    async def get_all(self, asset_ids: Sequence[str]) -> list[Got]:
        """What `get` gives or raises for each, in one look at every two hundred."""
        return await _in_pieces(self._got, asset_ids)

    async def search(self, request: AssetRequest) -> list[Candidate]:
        """The assets whose tags say what `request` says, judged by the common rule and by what is the server's own.

        Raises:
            ServiceError, LibraryError: the server could not be asked, or it has too much to look at.
        """
        return await self._judged(request, request_key(request), self._look)

    async def search_all(self, requests: Sequence[AssetRequest]) -> list[Searched]:
        """What `search` gives or raises for each, in about one search for every two hundred scenes."""
        joint = JointSearches(requests, ask=self._client.search_assets, look=self._look, judge=self._judged)
        answers = await joint.answers()
        self._looks.expect(number for answer in answers if (number := _best_number(answer)) is not None)
        return answers

    def remarks(self, request: AssetRequest) -> tuple[str, ...]:
        """Why nobody could tag an asset for `request`, if nobody could."""
        return unspoken(request)

    async def standing(self, asset_id: str, fingerprint: str) -> Standing:
        """Whether the asset is there, of the same bytes as far as its hash is known, and as fit as it was.

        Raises:
            ServiceError, LibraryError: the server could not be asked.
        """
        stored = await self._stored(asset_id)
        # Whoever is told that it stands may fetch it next.
        self._looks.remember(stored)
        return _standing(stored, fingerprint)

    async def standings(self, given: Sequence[Given]) -> list[Stood]:
        """What `standing` gives or raises for each, in one look at every two hundred."""
        return await _in_pieces(self._standings, given)

    @asynccontextmanager
    async def open(self, asset: LibraryAsset, target: Path) -> AsyncGenerator[Path]:
        """`target`, with the asset's bytes fetched: the server's own copy, else the vendor's.

        Raises:
            ServiceError, LibraryError: they could not be had, or are not the ones that were described.
            CacheError: they could not be written.
        """
        number = _number(asset.asset_id)

        async def read(*, again: bool) -> StoredAsset | None:
            if number is None:
                return None
            return await (self._looks.at if again else self._looks.lately)(number)

        await self._files.fetch(asset, target, read=read)
        yield target

    async def _judged(self, request: AssetRequest, key: str, look: Look) -> list[Candidate]:
        found = Found()
        candidates: list[Candidate] = []
        for search in searches(request, key):
            await look(search, found)
            # Who we are is asked only when there is something to judge.
            if found.assets:
                candidates = judged(found.assets.values(), request, key, await self._reader())
            if any(candidate.matches for candidate in candidates):
                return candidates
        found.check_end()
        return candidates

    async def _look(self, search: Search, found: Found) -> None:
        await found.read(self._client.search_assets, search.body)

    async def _got(self, asset_ids: Sequence[str]) -> Sequence[Got]:
        try:
            known = await self._seen(asset_ids)
        except TROUBLE_OF_ALL as error:
            return [error] * len(asset_ids)

        async def get(asset_id: str) -> LibraryAsset | None:
            # What is left out may be gone or another's, which is not the same.
            return self._described(known[asset_id]) if asset_id in known else await self.get(asset_id)

        return await one_by_one(get, asset_ids)

    async def _standings(self, given: Sequence[Given]) -> Sequence[Stood]:
        try:
            known = await self._seen([one.asset_id for one in given])
        except TROUBLE_OF_ALL as error:
            return [error] * len(given)

        async def standing(one: Given) -> Standing:
            stored = known.get(one.asset_id)
            return await self.standing(*one) if stored is None else _standing(stored, one.fingerprint)

        return await one_by_one(standing, given)

    async def _seen(self, asset_ids: Iterable[str]) -> dict[str, StoredAsset]:
        """Those of the assets that one look at all of them shows."""
        numbers = [number for asset_id in asset_ids if (number := _number(asset_id)) is not None]
        try:
            return {str(stored.id): stored for stored in await self._client.assets(numbers)}
        except TROUBLE_OF_ALL:
            raise
        except AssetctlError as error:
            # One asset of somebody else may be enough to be told nothing of the rest.
            _log.debug("assets are looked at one by one: %s", error)
            return {}

    def _described(self, stored: StoredAsset) -> LibraryAsset:
        asset = described(stored, self._client.origin)
        if asset is None:
            raise LibraryError(
                f"`{stored.id}` is of a type that this version doesn't know", why=f"it is a `{stored.media_type}`"
            )
        return asset

    async def _stored(self, asset_id: str) -> StoredAsset | None:
        number = _number(asset_id)
        return None if number is None else await self._looks.at(number)

    async def _reader(self) -> Reader:
        async with self._asking_who:
            if self._user_id is None:
                self._user_id = await self._asked_user_id()
        return Reader(self._client.origin, self._user_id, self._clock.now())

    async def _asked_user_id(self) -> int:
        facts = await self._client.introspect()
        if not facts.is_active:
            raise NotAllowed(
                f"not logged in at `{self._client.origin}`",
                why="the server doesn't take the token any more",
                hint="assetctl auth login",
            )
        if facts.user_id is None:
            # An administrator's search finds everybody's assets, so this cannot be left open.
            raise LibraryError(f"`{self._client.origin}` doesn't say who is logged in")
        return facts.user_id


async def _in_pieces(
    ask: Callable[[Sequence[_Question]], Awaitable[Sequence[_Answer]]], questions: Sequence[_Question]
) -> list[_Answer]:
    answers: dict[int, _Answer] = {}

    async def look(start: int) -> None:
        some = questions[start : start + _LOOKED_AT_TOGETHER]
        answers.update(enumerate(await ask(some), start))

    await few_at_a_time(look, range(0, len(questions), _LOOKED_AT_TOGETHER))
    return [answers[index] for index in range(len(questions))]


def _standing(stored: StoredAsset | None, fingerprint: str) -> Standing:
    if stored is None:
        return Standing.GONE
    return Standing.SAME if is_same(fingerprint, fingerprint_of(stored)) else Standing.CHANGED


def _best_number(answer: Searched) -> int | None:
    if isinstance(answer, AssetctlError):
        return None
    return next((_number(candidate.asset.asset_id) for candidate in answer if candidate.matches), None)


def _number(asset_id: str) -> int | None:
    if not _ID.fullmatch(asset_id) or int(asset_id) > _LARGEST_ID:
        return None
    return int(asset_id)
