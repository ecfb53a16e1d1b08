"""What the service asks in turn: a provider of assets.

None means "not mine" and the next one is asked; an exception is trouble and is kept as an attempt.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from assetctl.errors import AssetctlError
from assetctl.models import AssetRequest, Availability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assetctl.models import Asset

#: What a provider would do for one request of many, or why it could not say.
Outlook = Availability | AssetctlError


class Step(Enum):
    """Which step of a request a provider serves; strategies choose among the steps."""

    CACHE = "cache"
    LIBRARY = "library"
    STAND_IN = "stand-in"
    GENERATION = "generation"
    PLACEHOLDER = "placeholder"


class Asked(NamedTuple):
    """A request in effect, and its key."""

    request: AssetRequest
    key: str


class AssetProvider(Protocol):
    """One way to come by an asset."""

    @property
    def name(self) -> str:
        """How attempts, `--verbose` and `explain` call it."""
        ...

    @property
    def step(self) -> Step:
        """The step it serves."""
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

    async def availability(self, request: AssetRequest, key: str) -> Availability:
        """What `find_asset` would take, without spending or downloading, and the reasons for a person.

        Raises:
            AssetctlError: it could not be asked.
        """
        ...

    async def outlooks(self, asked: Sequence[Asked]) -> list[Outlook]:
        """`availability` for many requests at once, in their order, in as few steps as can be; reasons may be left out.

        What one of them is in trouble with is its outlook and stops no other.

        Raises:
            AssetctlError: none of them could be asked.
        """
        ...

    async def has_asset(self, asset_id: str) -> Availability:
        """What `get_asset` would take, without spending or downloading.

        Raises:
            AssetctlError: it could not be asked.
        """
        ...
