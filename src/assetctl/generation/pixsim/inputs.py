"""What an asset is made from, brought to the server: files are in its library, references are looked up.

The server takes a merely similar image for one it has and says so only in a note; then it would be another picture
that goes in, so the digest of what it took is compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from assetctl.errors import InvalidRequest, ServiceError
from assetctl.eventloop import in_thread
from assetctl.generation.pixsim.body import Source
from assetctl.media.inputs import mime_type_of_input
from assetctl.models import AssetType

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.models import AssetInput
    from assetctl.pixsim.client import PixsimClient
    from assetctl.pixsim.records import StoredAsset

_PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0)
_KINDS: Final = frozenset({AssetType.IMAGE, AssetType.VIDEO})


class Inputs:
    """Brings inputs to one server; a file that is known to be there is not asked for again."""

    def __init__(self, clock: Clock) -> None:
        """Know of no file yet."""
        self._clock = clock
        self._known: dict[str, int] = {}

    async def kinds(self, client: PixsimClient, inputs: Sequence[AssetInput]) -> list[AssetType]:
        """The type of each input, in order; files are read, references looked up, nothing is sent.

        Raises:
            InvalidRequest: a file is not what it was, a reference leads to nothing usable.
            ServiceError: the server could not be asked.
        """
        return [await self._kind(client, given) for given in inputs]

    async def sources(self, client: PixsimClient, inputs: Sequence[AssetInput]) -> tuple[Source, ...]:
        """Each input as the server knows it, in order; files that it doesn't have are uploaded.

        Raises:
            InvalidRequest: as `kinds`, or the server took a file for another one.
            ServiceError: the server could not be asked.
        """
        return tuple([await self._source(client, given) for given in inputs])

    async def _kind(self, client: PixsimClient, given: AssetInput) -> AssetType:
        if given.asset_id is not None:
            return _kind_of(await _referred(client, given.asset_id), given)
        if given.path is not None:
            await in_thread(mime_type_of_input, given)
        return given.asset_type or AssetType.IMAGE

    async def _source(self, client: PixsimClient, given: AssetInput) -> Source:
        if given.asset_id is not None:
            stored = await _referred(client, given.asset_id)
            return Source(_kind_of(stored, given), given.role, asset_id=stored.id)
        kind = given.asset_type or AssetType.IMAGE
        if given.path is None:
            return Source(kind, given.role, url=given.url)
        return Source(kind, given.role, asset_id=await self._uploaded(client, given))

    async def _uploaded(self, client: PixsimClient, given: AssetInput) -> int:
        digest = cast("str", given.sha256)
        if digest not in self._known:
            found = await _found(client, digest)
            self._known[digest] = await self._upload(client, given, digest) if found is None else found
        return self._known[digest]

    async def _upload(self, client: PixsimClient, given: AssetInput, digest: str) -> int:
        path = cast("Path", given.path)
        mime_type = await in_thread(mime_type_of_input, given)
        try:
            asset_id = await client.upload(path, mime_type)
        except OSError as error:
            raise InvalidRequest(f"the input `{path}` can't be read", why=error.strerror or str(error)) from error
        stored = await self._with_digest(client, asset_id)
        if stored.sha256 != digest:
            raise InvalidRequest(
                f"the backend took `{path.name}` for its asset `{asset_id}`, which is another file",
                why="it knows a similar image, or the file changed while it was sent",
                hint=f"--asset-ref ROLE={asset_id} uses that one; its check for similar images can be turned off",
            )
        return asset_id

    async def _with_digest(self, client: PixsimClient, asset_id: int) -> StoredAsset:
        for pause_s in (*_PAUSES_S, 0.0):
            stored = await client.asset(asset_id)
            if stored is not None and stored.sha256 is not None:
                return stored
            await self._clock.sleep(pause_s)
        raise ServiceError(
            f"the backend does not say what it stored as its asset `{asset_id}`",
            why="the asset has no digest",
            hint=f"look at it there, then: --asset-ref ROLE={asset_id}",
        )


async def _found(client: PixsimClient, digest: str) -> int | None:
    """The id of an asset of ours with these very bytes, None when the server finds none."""
    page = await client.search_assets({"sha256": digest, "filters": {"asset_kind": None}, "limit": 10})
    # A server that doesn't know the filter finds everything.
    return next((found.id for found in page.assets if found.sha256 == digest and not found.is_archived), None)


async def _referred(client: PixsimClient, asset_id: str) -> StoredAsset:
    number = int(asset_id) if asset_id.isascii() and asset_id.isdigit() and len(asset_id) <= 18 else None  # noqa: PLR2004 - an id's digits
    stored = None if number is None else await client.asset(number)
    if stored is None:
        raise InvalidRequest(
            f"the backend has no asset `{asset_id}`",
            why=None if number is not None else "its ids are whole numbers",
            hint="look for it in its library",
        )
    return stored


def _kind_of(stored: StoredAsset, given: AssetInput) -> AssetType:
    known = [kind for kind in _KINDS if kind.value == stored.media_type]
    if not known or (given.asset_type is not None and given.asset_type is not known[0]):
        wanted = given.asset_type.value if given.asset_type else "image or video"
        raise InvalidRequest(
            f"the backend's asset `{stored.id}` is no {wanted}", why=f"it is of the type {stored.media_type}"
        )
    return known[0]
