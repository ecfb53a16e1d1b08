"""What the service asks in turn: a provider of assets.

None means "not mine" and the next one is asked; an exception is trouble and is kept as an attempt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from assetctl.models import Asset, AssetRequest, Availability


class AssetProvider(Protocol):
    """One way to come by an asset."""

    @property
    def name(self) -> str:
        """How attempts, `--verbose` and `explain` call it."""
        ...

    async def get_asset(self, asset_id: str) -> Asset | None:
        """The asset with this id as a verified file, None when it is not this provider's.

        Raises:
            AssetctlError: it may be this provider's, but it could not be had.
        """
        ...

    async def find_asset(self, request: AssetRequest, key: str) -> Asset | None:
        """The asset that answers `request`, None when this provider has none. `key` is the request's key.

        Raises:
            AssetctlError: there may be one, but it could not be had.
        """
        ...

    async def availability(self, request: AssetRequest, key: str) -> Availability | None:
        """What `find_asset` would take, without spending or downloading; None when it would find nothing.

        Raises:
            AssetctlError: it could not be asked.
        """
        ...
