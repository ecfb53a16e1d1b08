"""Fetches the file of a stored asset: from the server if it has it by now, from the vendor if it does not.

The server says "here is an asset" about a second before it has the file, so a young asset is looked at again for some
seconds; and a link that has gone is not the end while there is another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from assetctl.errors import IntegrityError, LibraryError, NotAllowed, ServiceError
from assetctl.library.pixsim.matching import fingerprint_of, is_same
from assetctl.pixsim.links import is_on_its_way, links
from assetctl.transfer import RemoteFile

if TYPE_CHECKING:
    from assetctl.clock import Clock
    from assetctl.library.base import LibraryAsset
    from assetctl.network import Origin
    from assetctl.pixsim.links import Link
    from assetctl.pixsim.records import StoredAsset

Download: TypeAlias = Callable[[RemoteFile, Path], Awaitable[None]]
"""Brings a file onto the disk, whole and as it is described; raises ServiceError, IntegrityError or CacheError."""


class Read(Protocol):
    """Gives an asset as it is, or as it was a moment ago; with `again` as it is now. None when there is none."""

    async def __call__(self, *, again: bool) -> StoredAsset | None:
        """Raises ServiceError."""
        ...


PATIENCE_S: Final = 5.0
"""How long a young asset is given to arrive at the server before its vendor is asked."""
_PAUSE_S: Final = 0.5


class FileFetcher:
    """Fetches files of stored assets of one server."""

    def __init__(self, download: Download, *, origin: Origin, clock: Clock, patience_s: float = PATIENCE_S) -> None:
        """Bring them with `download`, which sends credentials to `origin` alone."""
        self._download = download
        self._origin = origin
        self._clock = clock
        self._patience_s = patience_s

    async def fetch(self, asset: LibraryAsset, target: Path, *, read: Read) -> None:
        """The bytes of `asset` lie at `target`; `read` tells of the asset.

        Raises:
            NotAllowed: the server does not give them to us.
            ServiceError, LibraryError: they could not be had, or are not the ones that were described.
            CacheError: they could not be written.
        """
        stored, found = await self._arrived(asset, read)
        if not found:
            raise LibraryError(
                f"the backend has no file of its asset `{asset.asset_id}`",
                why=f"its state there is `{stored.sync_status or 'unknown'}`",
                hint="ask again in a minute, or look at it in PixSim7",
            )
        troubles: list[ServiceError | IntegrityError] = []
        for link in found:
            try:
                file = RemoteFile(link.address, asset.asset_type, stored.sha256, stored.size_bytes)
                await self._download(file, target)
            except NotAllowed:
                raise
            except (ServiceError, IntegrityError) as error:
                troubles.append(error)
            else:
                return
        raise _not_had(asset, troubles[0]) from troubles[0]

    async def _arrived(self, asset: LibraryAsset, read: Read) -> tuple[StoredAsset, tuple[Link, ...]]:
        """The asset as it is now and where its file is, if possible when that has arrived at the server.

        Raises:
            LibraryError: it is gone, or another than it was.
        """
        give_up_at_s = self._clock.elapsed_s() + self._patience_s
        stored = await read(again=False)
        while True:
            if stored is None:
                raise LibraryError(f"the backend's asset `{asset.asset_id}` is gone", hint="ask again")
            if not is_same(asset.fingerprint, fingerprint_of(stored)):
                raise LibraryError(f"the backend's asset `{asset.asset_id}` changed a moment ago", hint="ask again")
            found = links(stored, self._origin)
            is_here = any(link.is_own for link in found)
            now_s = self._clock.elapsed_s()
            if is_here or not is_on_its_way(stored, self._clock.now()) or now_s >= give_up_at_s:
                return stored, found
            await self._clock.sleep(_PAUSE_S)
            stored = await read(again=True)


def _not_had(asset: LibraryAsset, trouble: ServiceError | IntegrityError) -> ServiceError | LibraryError:
    if isinstance(trouble, ServiceError):
        return trouble
    return LibraryError(
        f"the backend's file of its asset `{asset.asset_id}` is not the one it describes",
        why=trouble.sentence,
        hint="look at it in PixSim7, or ask with `--generate-on-trouble` to generate one instead",
    )
