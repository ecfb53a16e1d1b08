"""Looks at single assets: those that several tasks want at the same time are taken in one request.

There is no timer: who comes while nobody looks looks at once, alone; who comes meanwhile is in the next look. Nobody
gets what was read before they asked, but for the one who fetches right after a look: where many were found that are
fetched one after the other, a look takes along those whose turn comes next.
"""

from __future__ import annotations

import logging
from copy import copy
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from assetctl.errors import AssetctlError
from assetctl.library.pixsim.together import TROUBLE_OF_ALL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from assetctl.clock import Clock
    from assetctl.pixsim.client import PixsimClient
    from assetctl.pixsim.records import StoredAsset

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

RECENT_S: Final = 2.0
"""How long ago a look may be that serves a fetch as well: a file that is changed meanwhile is not the one described."""
AHEAD: Final = 32
"""How many are taken along: fewer than are fetched within `RECENT_S` where that is fast."""
_KEPT: Final = 256
_EXPECTED: Final = 20_000


class Looks:
    """Looks at the assets of one server, for all tasks of an event loop."""

    def __init__(self, client: PixsimClient, clock: Clock) -> None:
        """Look through `client`."""
        self._client = client
        self._clock = clock
        self._turn = anyio.Lock()
        self._waiting: list[_Wish] = []
        self._recent: dict[int, tuple[StoredAsset, float]] = {}
        self._expected: dict[int, None] = {}

    def expect(self, numbers: Iterable[int]) -> None:
        """These were found, and are likely to be fetched in this order."""
        for number in numbers:
            self._expected.pop(number, None)
            self._expected[number] = None
        _cut(self._expected, _EXPECTED)

    async def at(self, number: int) -> StoredAsset | None:
        """The asset as it is now; None when there is none of that id.

        Raises:
            NotAllowed: there is one, of another user.
            ServiceError: the server could not be asked.
        """
        return await self._seen(_Wish(number))

    async def _seen(self, wish: _Wish) -> StoredAsset | None:
        self._waiting.append(wish)
        try:
            async with self._turn:
                # Whoever had the turn before took everybody along who was waiting then.
                if not wish.is_answered:
                    await self._look()
        finally:
            if wish in self._waiting:
                self._waiting.remove(wish)
        if wish.error is not None:
            raise wish.error
        # What is missing from a look at many may be gone or another's, which is not the same.
        return await self._client.asset(wish.number) if wish.is_left_out else wish.stored

    def remember(self, stored: StoredAsset | None) -> None:
        """`stored`, just looked at, serves the next `lately`."""
        if stored is not None:
            self._recent.pop(stored.id, None)
            self._recent[stored.id] = stored, self._clock.elapsed_s()
            _cut(self._recent, _KEPT)

    async def lately(self, number: int) -> StoredAsset | None:
        """As `at`, or as remembered within `RECENT_S`, which serves once.

        Raises:
            NotAllowed, ServiceError: as `at`.
        """
        stored, looked_s = self._recent.pop(number, (None, 0.0))
        if stored is not None and self._clock.elapsed_s() - looked_s <= RECENT_S:
            self._expected.pop(number, None)
            return stored
        return await self._seen(_Wish(number, next_ones=self._next(number)))

    def _next(self, number: int) -> Collection[int]:
        """Those that are expected after `number`, which comes now as all before it did or never will."""
        if number not in self._expected:
            return ()
        while (first := next(iter(self._expected))) != number:
            del self._expected[first]
        del self._expected[number]
        return tuple(islice(self._expected, AHEAD))

    async def _look(self) -> None:
        some, self._waiting = self._waiting, []
        wanted = {wish.number for wish in some}
        ahead = {number for wish in some for number in wish.next_ones} - wanted
        try:
            found = await self._found(wanted | ahead)
        except AssetctlError as error:
            for wish in some:
                # Whoever gets it may add to it.
                wish.error, wish.is_answered = copy(error), True
        except BaseException:
            # Who is called off takes nobody along: the next one looks for them.
            self._waiting[:0] = some
            raise
        else:
            for number in ahead:
                self.remember(found.get(number))
            for wish in some:
                wish.stored, wish.is_answered = found.get(wish.number), True
                wish.is_left_out = wish.stored is None and len(wanted | ahead) > 1

    async def _found(self, numbers: Collection[int]) -> Mapping[int, StoredAsset]:
        if len(numbers) == 1:
            (number,) = numbers
            stored = await self._client.asset(number)
            return {} if stored is None else {number: stored}
        try:
            return {stored.id: stored for stored in await self._client.assets(numbers)}
        except TROUBLE_OF_ALL:
            raise
        except AssetctlError as error:
            # One asset of somebody else may be enough to be told nothing of the rest.
            _log.debug("assets are looked at one by one: %s", error)
            return {}


def _cut(latest: dict[int, _T], most: int) -> None:
    while len(latest) > most:
        del latest[next(iter(latest))]


class _Wish:
    """What one task wants to see, those that it takes along, and what came of it."""

    def __init__(self, number: int, next_ones: Collection[int] = ()) -> None:
        self.number = number
        self.next_ones = next_ones
        self.is_answered = False
        self.is_left_out = False
        self.stored: StoredAsset | None = None
        self.error: AssetctlError | None = None
