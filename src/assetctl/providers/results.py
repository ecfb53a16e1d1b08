"""The files of finished jobs, brought to this machine if they are not here yet.

What was paid for lies at a name of its own until it is stored, so that nobody has to fetch it twice: not after a
killed process, not after a link that expired when half of it was here.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from assetctl import filesystem
from assetctl.errors import JobError, LinkExpired
from assetctl.eventloop import in_thread
from assetctl.events import TransferProgressed
from assetctl.media.kinds import asset_type_of, default_suffix
from assetctl.transfer import RemoteFile

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus
    from assetctl.filesystem import HashedFile
    from assetctl.generation.base import GeneratedFile, Generator
    from assetctl.generation.orders import Order
    from assetctl.models import AssetType
    from assetctl.transfer import Downloads

_KEY: Final = re.compile(r"([0-9a-f]{64})\.")
#: How long to wait before each fresh link: a service may say "done" before it has the file.
_FRESH_LINK_AFTER_S: Final = (1.0, 2.0, 4.0)
_LEFTOVER_AGE_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A finished job's file on this machine.

    `hashed` tells its digest where it was hashed on its way, and then the file is ours alone.
    """

    path: Path
    hashed: HashedFile | None = None


class ResultFiles:
    """Fetches what generators over HTTP made."""

    def __init__(
        self,
        folder: Path,
        *,
        downloads: Callable[[], Downloads],
        open_keys: Callable[[], Awaitable[Collection[str]]],
        clock: Clock,
        events: AssetEventBus,
    ) -> None:
        """Keep what is on its way in `folder`; `downloads` are built when something is first fetched.

        What lies there of other orders than those of `open_keys` is removed then, once it is a day old.
        """
        self._folder = folder
        self._downloads = downloads
        self._clock = clock
        self._events = events
        self._open_keys = open_keys
        self._is_swept = False

    @asynccontextmanager
    async def local(self, generator: Generator, order: Order, file: GeneratedFile) -> AsyncGenerator[LocalFile]:
        """Within the block, the file of the job of `order`; if it ends well, nothing of a download is left.

        The caller holds the desk's lock of the order's key.

        Raises:
            JobError: the job has no file, or its links lead nowhere.
            ServiceError: it could not be had; asking again may help.
            IntegrityError: it is not what was described.
            CacheError: it could not be written.
        """
        found = LocalFile(file.path) if file.path is not None else await self._fetched(generator, order, file)
        yield found
        if found.hashed is not None:
            await self._downloads().forget(found.path)

    async def _fetched(self, generator: Generator, order: Order, file: GeneratedFile) -> LocalFile:
        def tell(received: int, total: int | None) -> None:
            self._events.publish(TransferProgressed(order.key, received, total))

        await self._prepare()
        pauses = list(_FRESH_LINK_AFTER_S)
        while True:
            if file.url is None:
                raise JobError(f"the job `{order.job_id}` has no file", job_id=order.job_id)
            target = self._folder / f"{order.key}{_suffix_of(file.url, order.request.asset_type)}"
            wanted = RemoteFile(file.url, order.request.asset_type, file.sha256, file.size_bytes)
            try:
                done = await self._downloads().fetch(wanted, target, tell)
            except LinkExpired as error:
                if not pauses:
                    error.job_id = order.job_id
                    raise
                await self._clock.sleep(pauses.pop(0))
                file = await generator.result(order.job_id or "")
                if file.path is not None:
                    return LocalFile(file.path)
            else:
                return LocalFile(done.path, done.hashed)

    async def _prepare(self) -> None:
        await in_thread(filesystem.make_private_folder, self._folder)
        if not self._is_swept:
            self._is_swept = True
            await in_thread(self._sweep, frozenset(await self._open_keys()))

    def _sweep(self, open_keys: frozenset[str]) -> None:
        oldest = self._clock.now().timestamp() - _LEFTOVER_AGE_S
        for name in filesystem.names_in(self._folder):
            key = _KEY.match(name)
            path = self._folder / name
            try:
                is_old = path.lstat().st_mtime < oldest
            except FileNotFoundError:
                continue
            if is_old and (key is None or key[1] not in open_keys):
                filesystem.remove(path)


def _suffix_of(url: str, asset_type: AssetType) -> str:
    """What a player may want to see; whether it is true is found out by looking into the file."""
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    return suffix if asset_type_of(PurePosixPath(f"file{suffix}")) is asset_type else default_suffix(asset_type)
