"""The last resort: a marked card of the asked type, so that a scene can be played while its asset doesn't exist.

It is never stored as the answer, so a better one can come tomorrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.eventloop import in_thread
from assetctl.models import Asset, AssetType, Availability, Origin, Source, Would
from assetctl.providers.base import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from assetctl.models import AssetRequest, MediaInfo
    from assetctl.providers.base import Asked, Outlook

_REASON: Final = "nobody has this asset yet"
_WARNING: Final = "this is a placeholder, not the asset: nobody has it yet"
_DRAWABLE: Final = {AssetType.VIDEO: ".mp4", AssetType.IMAGE: ".png", AssetType.AUDIO: ".wav"}


class PlaceholderAssetProvider:
    """Draws a card for any video, image or audio that nobody has."""

    def __init__(
        self,
        folder: Path,
        *,
        draw: Callable[[Path, AssetRequest, str], None],
        probe: Callable[[Path, AssetType], MediaInfo],
    ) -> None:
        """Keep the cards in `folder`; `draw` makes one at a path for a request with a reason on it."""
        self._folder = folder
        self._draw = draw
        self._probe = probe

    @property
    def name(self) -> str:
        """`placeholder`."""
        return "placeholder"

    @property
    def step(self) -> Step:
        """The last."""
        return Step.PLACEHOLDER

    async def get_asset(self, asset_id: str) -> Asset | None:  # noqa: ARG002 - a provider's face
        """None: a placeholder stands for a request, never for an id."""
        return None

    async def find_asset(self, request: AssetRequest, key: str) -> Asset | None:
        """A card for `request`; None for a type that can't be drawn.

        Raises:
            CacheError: it could not be written.
        """
        if request.asset_type not in _DRAWABLE:
            return None
        return await in_thread(self._drawn, request, key)

    async def availability(self, request: AssetRequest, key: str) -> Availability:  # noqa: ARG002 - a provider's face
        """A placeholder, whenever it is asked for."""
        if request.asset_type not in _DRAWABLE:
            return Availability(None, reasons=(f"no card can stand for a {request.asset_type.value}",))
        return Availability(Would.PLACEHOLDER, source=Source.PLACEHOLDER)

    async def outlooks(self, asked: Sequence[Asked]) -> list[Outlook]:
        """A placeholder for each that can be drawn."""
        return [await self.availability(one.request, one.key) for one in asked]

    async def has_asset(self, asset_id: str) -> Availability:  # noqa: ARG002 - a provider's face
        """Never."""
        return Availability(None)

    def _drawn(self, request: AssetRequest, key: str) -> Asset:
        suffix = _DRAWABLE[request.asset_type]
        filesystem.make_private_folder(self._folder)
        partial = filesystem.temporary_path(self._folder, suffix)
        final = self._folder / f"{key}{suffix}"
        try:
            with filesystem.translated(final):
                self._draw(partial, request, _REASON)
            media, digest = self._probe(partial, request.asset_type), filesystem.sha256_of(partial)
            filesystem.seal(partial)
            filesystem.publish(partial, final)
        finally:
            filesystem.remove(partial)
        return Asset(
            asset_id=f"placeholder:{key[:16]}",
            path=final,
            asset_type=request.asset_type,
            source=Source.PLACEHOLDER,
            origin=Origin(provider=self.name),
            sha256=digest,
            size_bytes=final.stat().st_size,
            media=media,
            request=request,
            key=key,
            warnings=(_WARNING,),
        )
