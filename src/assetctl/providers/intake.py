"""The door into the cache: a file is copied, looked into, compared with what was promised, and only then stored."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, assert_never

from assetctl import filesystem
from assetctl.cache.entries import EntryDraft
from assetctl.errors import IntegrityError
from assetctl.eventloop import in_thread
from assetctl.media.kinds import default_suffix
from assetctl.models import Asset, AssetRequest, AssetType, Reuse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.store import AssetCache
    from assetctl.clock import Clock
    from assetctl.filesystem import HashedFile
    from assetctl.models import Cost, MediaInfo, Origin, Source

#: How long an answer may be reused, by how far it is shared (contract, `--reuse`); `always` is never reused at all.
TIME_TO_LIVE: Final[Mapping[Reuse, timedelta | None]] = MappingProxyType(
    {
        Reuse.ONCE: timedelta(days=365),
        Reuse.PER_PLAYER: timedelta(days=180),
        Reuse.PER_PLAYTHROUGH: timedelta(days=90),
        Reuse.ALWAYS: None,
    }
)

_Stored = TypeVar("_Stored")
BeforeStore: TypeAlias = Callable[["MediaInfo", str], Awaitable[None]]
"""Hears what a file is and its digest before it is stored; what it raises stops the store."""

_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a file besides its bytes; the fields mean what they mean in `cache.entries.EntryDraft`."""

    key: str
    request: AssetRequest
    asset_id: str
    asset_type: AssetType
    source: Source
    origin: Origin
    stand_in: bool = False
    paid: bool = False
    library: str | None = None
    fingerprint: str | None = None
    url: str | None = None
    cost: Cost | None = None
    generation_time_ms: int | None = None


class Handover(Enum):
    """What becomes of a file that is taken in: left as it is; shared, as nobody changes it any more; or given away.

    A file that is given away lies on the cache's file system and becomes the cached one; it is gone once it is stored.
    """

    COPY = "copy"
    SHARE = "share"
    GIVE = "give"


class Intake:
    """Takes files into the cache."""

    def __init__(self, cache: AssetCache, *, probe: Callable[[Path, AssetType], MediaInfo], clock: Clock) -> None:
        """Store into `cache` what `probe` finds playable; it raises IntegrityError for everything else."""
        self._cache = cache
        self._probe = probe
        self._clock = clock

    async def take(
        self,
        file: Path,
        facts: Facts,
        *,
        sha256: str | None = None,
        handover: Handover = Handover.COPY,
        hashed: HashedFile | None = None,
        before_store: BeforeStore | None = None,
    ) -> CacheEntry:
        """The entry for a verified copy of `file`, which is handed over as `handover` says.

        `hashed` is what `file` was when its bytes were hashed before; without it they are hashed here.

        Raises:
            IntegrityError: it is not playable as its type, or not the file with the digest `sha256`.
            CacheError: it could not be copied or stored.
        """
        return await self._taken(
            self._cache.store,
            file,
            facts,
            sha256=sha256,
            handover=handover,
            hashed=hashed,
            before_store=before_store,
        )

    async def take_and_hand_out(
        self,
        file: Path,
        facts: Facts,
        *,
        handover: Handover = Handover.COPY,
        before_store: BeforeStore | None = None,
    ) -> tuple[CacheEntry, Path | None]:
        """As `take`, and the path of the entry's bytes; None when those are damaged already, see `whole`.

        Raises:
            IntegrityError, CacheError: as `take`.
        """
        store = self._cache.store_and_hand_out
        return await self._taken(store, file, facts, handover=handover, before_store=before_store)

    async def _taken(
        self,
        store: Callable[[Path, Callable[[], tuple[EntryDraft, HashedFile]]], Awaitable[_Stored]],
        file: Path,
        facts: Facts,
        *,
        sha256: str | None = None,
        handover: Handover,
        hashed: HashedFile | None = None,
        before_store: BeforeStore | None,
    ) -> _Stored:
        suffix = _suffix_of(file, facts.asset_type)
        room = nullcontext(file) if handover is Handover.GIVE else self._cache.partial(suffix)
        async with room as partial:

            def looked() -> tuple[MediaInfo, HashedFile]:
                _hand_over(file, partial, handover)
                media = self._probe(partial, facts.asset_type)
                known = filesystem.hash_file(partial) if hashed is None else hashed
                if sha256 is not None:
                    _check_promise(known.sha256, sha256, facts)
                return media, known

            def drafted() -> tuple[EntryDraft, HashedFile]:
                media, known = looked()
                return self._draft(facts, suffix, media), known

            if before_store is None:
                # In one thread: for a small file, waking another takes as long as the work.
                return await store(partial, drafted)
            media, known = await in_thread(looked)
            await before_store(media, known.sha256)
            return await store(partial, lambda: (self._draft(facts, suffix, media), known))

    def _draft(self, facts: Facts, suffix: str, media: MediaInfo) -> EntryDraft:
        time_to_live = TIME_TO_LIVE[facts.request.reuse]
        return EntryDraft(
            key=facts.key,
            suffix=suffix,
            asset_id=facts.asset_id,
            asset_type=facts.asset_type,
            request=facts.request,
            origin=facts.origin,
            source=facts.source,
            media=media,
            reuse=facts.request.reuse,
            library=facts.library,
            fingerprint=facts.fingerprint,
            stand_in=facts.stand_in,
            paid=facts.paid,
            expires_at=None if time_to_live is None else self._clock.now() + time_to_live,
            cost=facts.cost,
            generation_time_ms=facts.generation_time_ms,
            url=facts.url,
        )


def _hand_over(file: Path, partial: Path, handover: Handover) -> None:
    match handover:
        case Handover.COPY:
            filesystem.copy(file, partial)
        case Handover.SHARE:
            filesystem.link_or_copy(file, partial)
        case Handover.GIVE:
            # It is the very file.
            pass
        case _ as unknown:
            assert_never(unknown)


def _check_promise(digest: str, promised: str, facts: Facts) -> None:
    if digest != promised:
        raise IntegrityError(
            f"the file of `{facts.asset_id}` is not the one that was promised",
            why=f"its SHA-256 is {digest[:12]}…, promised was {promised[:12]}…",
            hint="ask again; if it is the same then, look at the asset where it comes from",
        )


def _suffix_of(file: Path, asset_type: AssetType) -> str:
    # A plug-in may call its file what it likes; what it holds was found out by looking, the suffix only helps players.
    suffix = file.suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else default_suffix(asset_type)


def asset_of(
    entry: CacheEntry, path: Path, source: Source, *, request: AssetRequest | None, warnings: tuple[str, ...] = ()
) -> Asset:
    """The asset that `entry` is, its verified bytes at `path`, delivered now as `source` for `request`.

    Without a `request` it was asked for by id, and tells the request it was first made for, if there was one.
    """
    by_id = request is None
    known = request or (entry.request if entry.request != AssetRequest(asset_type=entry.asset_type) else None)
    return Asset(
        asset_id=entry.asset_id,
        path=path,
        asset_type=entry.asset_type,
        source=source,
        origin=entry.origin,
        sha256=entry.sha256,
        size_bytes=entry.size_bytes,
        media=entry.media,
        url=entry.url,
        request=known,
        key=None if by_id and known is None else entry.key,
        generation_time_ms=entry.generation_time_ms,
        cost=entry.cost,
        warnings=warnings,
    )


async def path_of(cache: AssetCache, entry: CacheEntry) -> Path:
    """The path of the bytes of `entry`, hashed and found right just now.

    Raises:
        IntegrityError: they were damaged; they are set aside.
    """
    return whole(entry, await cache.verified(entry))


def whole(entry: CacheEntry, path: Path | None) -> Path:
    """`path`, where the cache found the bytes of `entry` right just now.

    Raises:
        IntegrityError: it found them damaged.
    """
    if path is None:
        raise IntegrityError(
            f"the cached copy of `{entry.asset_id}` was damaged",
            why="its bytes are not the ones that were stored; they were set aside",
        )
    return path
