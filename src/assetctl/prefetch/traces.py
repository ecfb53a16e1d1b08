"""What work on a chapter leaves behind, however it ended: orders in the journal, assets in the cache."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import anyio

from assetctl.errors import CacheError, JournalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from assetctl.models import Asset

_LOOK_S: Final = 0.5


class Traces:
    """Tells by request keys what was left behind."""

    def __init__(
        self,
        sent: Callable[[Sequence[str]], Awaitable[Collection[str]]],
        held: Callable[[Sequence[str], datetime], Awaitable[Mapping[str, Asset]]],
        *,
        look_s: float = _LOOK_S,
    ) -> None:
        """Ask `sent` which keys have an open order, and `held` what the cache got for some since a moment.

        Who was cut off has `look_s` for it.
        """
        self._sent = sent
        self._held = held
        self._look_s = look_s

    async def is_ordered(self, key: str) -> bool:
        """Whether a job may make what has this key; also where nobody can tell."""
        with suppress(JournalError):
            return key in await self._sent([key])
        return True

    async def of_cut_off(self, keys: Sequence[str], since: datetime) -> tuple[Collection[str], Mapping[str, Asset]]:
        """Those of `keys` with an open order, all of them where that can't be told, and what the cache got for some.

        Looked up although the task is cancelled.
        """
        sent: Collection[str] = keys
        held: Mapping[str, Asset] = {}
        with anyio.CancelScope(shield=True), anyio.move_on_after(self._look_s if keys else 0.0):
            # In this order: what is stored meanwhile is seen at least once.
            with suppress(JournalError):
                sent = await self._sent(keys)
            with suppress(CacheError):
                held = await self._held(keys, since)
        return sent, held
