"""Looks at single assets: those that several tasks want at the same time are taken in one request.

There is no timer: who comes while nobody looks looks at once, alone; who comes meanwhile is in the next look. Nobody
gets what was read before they asked, but for the one who fetches right after a look.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from copy import copy
from typing import TYPE_CHECKING, Final

import anyio

from assetctl.errors import AssetctlError
from assetctl.library.pixsim.together import TROUBLE_OF_ALL

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from assetctl.clock import Clock
    from assetctl.pixsim.client import PixsimClient
    from assetctl.pixsim.records import StoredAsset

_log = logging.getLogger(__name__)

RECENT_S: Final = 2.0
"""How long ago a look may be that serves a fetch as well: a file that is changed meanwhile is not the one described."""
_KEPT: Final = 64


class Looks:
    """Looks at the assets of one server, for all tasks of an event loop."""

    def __init__(self, client: PixsimClient, clock: Clock) -> None:
        """Look through `client`."""
        self._client = client
        self._clock = clock
        self._turn = anyio.Lock()
        self._waiting: list[_Wish] = []
        self._recent: OrderedDict[int, tuple[StoredAsset, float]] = OrderedDict()

    async def at(self, number: int) -> StoredAsset | None:
        """The asset as it is now; None when there is none of that id.

        Raises:
            NotAllowed: there is one, of another user.
            ServiceError: the server could not be asked.
        """
        wish = _Wish(number)
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
        return await self._client.asset(number) if wish.is_left_out else wish.stored

    def remember(self, stored: StoredAsset | None) -> None:
        """`stored`, just looked at, serves the next `lately`."""
        if stored is not None:
            self._recent[stored.id] = stored, self._clock.elapsed_s()
        if len(self._recent) > _KEPT:
            self._recent.popitem(last=False)

    async def lately(self, number: int) -> StoredAsset | None:
        """As `at`, or as remembered within `RECENT_S`, which serves once."""
        stored, looked_s = self._recent.pop(number, (None, 0.0))
        if stored is not None and 0 <= self._clock.elapsed_s() - looked_s <= RECENT_S:
            return stored
        return await self.at(number)

    async def _look(self) -> None:
        some, self._waiting = self._waiting, []
        numbers = {wish.number for wish in some}
        try:
            found = await self._found(numbers)
        except AssetctlError as error:
            for wish in some:
                # Whoever gets it may add to it.
                wish.error, wish.is_answered = copy(error), True
        except BaseException:
            # Who is called off takes nobody along: the next one looks for them.
            self._waiting[:0] = some
            raise
        else:
            for wish in some:
                wish.stored, wish.is_answered = found.get(wish.number), True
                wish.is_left_out = wish.stored is None and len(numbers) > 1

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


class _Wish:
    """What one task wants to see, and what came of it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_answered = False
        self.is_left_out = False
        self.stored: StoredAsset | None = None
        self.error: AssetctlError | None = None
