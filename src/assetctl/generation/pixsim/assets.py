"""The assets that finished jobs made, read for all who fetch one at about the same time.

They are our own: a foreign one among them would fail the whole read, and then each is read by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetctl.generation.pixsim.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from assetctl.clock import Clock
    from assetctl.network import Origin
    from assetctl.pixsim.client import PixsimClient
    from assetctl.pixsim.records import StoredAsset


class Assets:
    """The assets of one server."""

    def __init__(self, client: Callable[[], PixsimClient], clock: Clock, *, is_busy: Callable[[], bool]) -> None:
        """Ask nothing yet. While `is_busy`, others may soon want an asset too, and are waited for a moment."""
        self._client = client
        self._is_busy = is_busy
        self._rounds = Rounds(lambda asset_id: client().asset(asset_id), self._several, clock=clock)

    @property
    def origin(self) -> Origin:
        """Whose server it is."""
        return self._client().origin

    async def asset(self, asset_id: int) -> StoredAsset | None:
        """The asset as it is now; None when there is none of that id.

        Raises:
            ServiceError: the server could not be asked.
        """
        return await self._rounds.get(asset_id, alone=not self._is_busy())

    async def _several(self, asset_ids: Collection[int]) -> dict[int, StoredAsset]:
        return {stored.id: stored for stored in await self._client().assets(asset_ids)}
