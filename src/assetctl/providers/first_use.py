"""A provider that is built when it is first asked, so that an earlier one's answer doesn't pay for it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from assetctl.models import Asset, AssetRequest, Availability
    from assetctl.providers.base import Asked, AssetProvider, Outlook, Step


class OnFirstUse:
    """A provider that is built when it is first asked."""

    def __init__(self, name: str, step: Step, build: Callable[[], AssetProvider]) -> None:
        """Be called `name`, serve `step`, and `build` later."""
        self._name = name
        self._step = step
        self._build = build

    @cached_property
    def _provider(self) -> AssetProvider:
        return self._build()

    @property
    def name(self) -> str:
        """The name it was given, known before it is built."""
        return self._name

    @property
    def step(self) -> Step:
        """The step it was given, known before it is built."""
        return self._step

    async def get_asset(self, asset_id: str) -> Asset | None:
        """What the provider says."""
        return await self._provider.get_asset(asset_id)

    async def find_asset(self, request: AssetRequest, key: str) -> Asset | None:
        """What the provider says."""
        return await self._provider.find_asset(request, key)

    async def availability(self, request: AssetRequest, key: str) -> Availability:
        """What the provider says."""
        return await self._provider.availability(request, key)

    async def outlooks(self, asked: Sequence[Asked]) -> list[Outlook]:
        """What the provider says."""
        return await self._provider.outlooks(asked)

    async def has_asset(self, asset_id: str) -> Availability:
        """What the provider says."""
        return await self._provider.has_asset(asset_id)
