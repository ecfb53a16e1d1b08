"""Where the bytes of a cached answer can be had again for nothing: from others, from its library, or through its job.

Used to mend a cache. Nothing is ordered and nothing is searched: only the very asset that was cached is asked for, and
whoever asked compares the digest, because a library file that was replaced since is another answer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from assetctl import filesystem
from assetctl.errors import CacheError, JobError, LibraryError, StorageFull
from assetctl.eventloop import in_thread
from assetctl.transfer import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry
    from assetctl.generation.base import Generator
    from assetctl.library.base import Library

_log = logging.getLogger(__name__)


class Originals:
    """Brings back the bytes of cached entries from where they came from."""

    def __init__(
        self,
        *,
        libraries: Mapping[str, Library],
        generator: Callable[[str], Generator],
        offline: bool = False,
        shared: Callable[[CacheEntry, Path], bool] | None = None,
        download: Callable[[RemoteFile, Path], Awaitable[None]] | None = None,
    ) -> None:
        """Ask the one of `libraries` (by name) that an entry came from, or what `generator` gives for a name.

        Before them, `shared` is called in a worker thread and says whether others had the bytes and they are there now.
        `download` brings what is at a web address.
        """
        self._shared = shared
        self._download = download
        self._libraries = libraries
        self._generator = generator
        self._offline = offline

    async def fetch(self, entry: CacheEntry, target: Path) -> str:
        """Where the bytes come from that now lie at `target`, where nothing was; they may be other ones than before.

        Raises:
            LibraryError, JobError, ServiceError: they are not to be had.
            CacheError: they could not be copied.
        """
        if await in_thread(self._is_shared, entry, target):
            return "the shared folder"
        if entry.library is not None:
            return await self._from_library(entry, entry.library, target)
        return await self._from_job(entry, target)

    def _is_shared(self, entry: CacheEntry, target: Path) -> bool:
        if self._shared is None:
            return False
        try:
            taken = self._shared(entry, target)
        except StorageFull:
            raise
        except CacheError as error:
            _log.info("the shared folder could not be asked: %s", error)
            taken = False
        if not taken:
            # What was taken in part, or was damaged there too.
            filesystem.remove(target)
        return taken

    async def _from_library(self, entry: CacheEntry, name: str, target: Path) -> str:
        library = self._libraries.get(name)
        if library is None:
            raise LibraryError(f"the library `{name}` it came from is not in use")
        if self._offline and library.needs_network:
            raise LibraryError(f"the library `{name}` is not asked offline")
        found = await library.get(entry.asset_id)
        if found is None:
            raise LibraryError(f"`{entry.asset_id}` is gone from its library")
        async with library.open(found, target) as path:
            if path != target:
                await in_thread(filesystem.copy, path, target)
        return "its library"

    async def _from_job(self, entry: CacheEntry, target: Path) -> str:
        if entry.origin.generator is None or entry.origin.job_id is None:
            raise JobError("nobody knows which job made it")
        generator = self._generator(entry.origin.generator)
        if self._offline and generator.needs_network:
            raise JobError(f"the generator `{generator.name}` is not asked offline")
        file = await generator.result(entry.origin.job_id)
        if file.url is not None and self._download is not None:
            await self._download(RemoteFile(file.url, entry.asset_type), target)
            return "its job"
        if file.path is None:
            raise JobError("its job has no file that could be fetched")
        if not await in_thread(file.path.is_file):
            raise JobError("its job has no file any more")
        await in_thread(filesystem.copy, file.path, target)
        return "its job"
