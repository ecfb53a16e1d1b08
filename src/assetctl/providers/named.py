"""Assets that somebody has chosen already: a chapter names one of the library for a moment, and that is the answer.

What it states of its style, its length or its prompt is not compared: whoever chose it has seen it. Its type is,
because a picture is no answer where a film plays. One that is gone from the library, or of another type, answers
nothing, and the library is searched as if nobody had named it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetctl.errors import AssetctlError
from assetctl.library.together import get_all
from assetctl.models import Availability, Source, Would

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assetctl.library.base import Got, Library, LibraryAsset
    from assetctl.models import Asset, AssetRequest
    from assetctl.providers.base import Asked, Outlook, Step
    from assetctl.providers.premade import PreMadeAssetProvider


class NamedAssets:
    """The asset that is named for each request, by the request's key."""

    def __init__(self) -> None:
        """Know of none yet."""
        self._names: dict[str, str] = {}

    def name(self, key: str, asset_id: str) -> None:
        """From now on `asset_id` is named for the request with `key`."""
        self._names[key] = asset_id

    def of(self, key: str) -> str | None:
        """The id of the asset that is named for the request with `key`, None when there is none."""
        return self._names.get(key)


class NamedAssetProvider:
    """Serves what is named from one library, and what nobody named as `pre_made` does."""

    def __init__(self, pre_made: PreMadeAssetProvider, *, library: Library, names: NamedAssets) -> None:
        """Look what `names` has up in `library`, which `pre_made` is of and delivers from."""
        self._pre_made = pre_made
        self._library = library
        self._names = names

    @property
    def name(self) -> str:
        """The library's."""
        return self._pre_made.name

    @property
    def step(self) -> Step:
        """The library's."""
        return self._pre_made.step

    async def get_asset(self, asset_id: str) -> Asset | None:
        """The library's asset with this id."""
        return await self._pre_made.get_asset(asset_id)

    async def find_asset(self, request: AssetRequest, key: str) -> Asset | None:
        """The named asset, else the library's best match, verified and cached; None when there is neither.

        Raises:
            LibraryError, ServiceError: the library can't be asked, or what it gave is broken.
        """
        found = await self._named(request, key)
        if found is None:
            return await self._pre_made.find_asset(request, key)
        return await self._pre_made.deliver(found, request, key)

    async def availability(self, request: AssetRequest, key: str) -> Availability:
        """Whether one is named and there, else whether something matches."""
        found = await self._named(request, key)
        return await self._pre_made.availability(request, key) if found is None else _there(found)

    async def outlooks(self, asked: Sequence[Asked]) -> list[Outlook]:
        """What is named for each, looked up together, and what matches the others, searched for together."""
        names = [self._names.of(one.key) for one in asked]
        named = {index: asset_id for index, asset_id in enumerate(names) if asset_id is not None}
        if not named:
            return await self._pre_made.outlooks(asked)
        found = await get_all(self._library, list(named.values()))
        outlooks = {
            index: outlook
            for index, got in zip(named, found, strict=True)
            if (outlook := _outlook(got, asked[index].request)) is not None
        }
        rest = [index for index in range(len(asked)) if index not in outlooks]
        if rest:
            others = await self._pre_made.outlooks([asked[index] for index in rest])
            outlooks |= dict(zip(rest, others, strict=True))
        return [outlooks[index] for index in range(len(asked))]

    async def has_asset(self, asset_id: str) -> Availability:
        """Whether the library has an asset with this id."""
        return await self._pre_made.has_asset(asset_id)

    async def _named(self, request: AssetRequest, key: str) -> LibraryAsset | None:
        asset_id = self._names.of(key)
        found = None if asset_id is None else await self._library.get(asset_id)
        return found if found is not None and _answers(found, request) else None


def _answers(found: LibraryAsset, request: AssetRequest) -> bool:
    return found.asset_type is request.asset_type


def _outlook(got: Got, request: AssetRequest) -> Outlook | None:
    if got is None or isinstance(got, AssetctlError):
        return got
    return _there(got) if _answers(got, request) else None


def _there(found: LibraryAsset) -> Availability:
    reasons = (f"{found.asset_id}: is named for it",)
    return Availability(
        Would.DOWNLOAD,
        source=Source.PRE_MADE,
        asset_id=found.asset_id,
        reasons=reasons,
        size_bytes=found.size_bytes,
    )
