"""The first thing asked: is the file here, and is it still the answer?

A cached answer holds while its reuse time runs, its blob is whole and its source stands behind it. What a stand-in
generator made is another step, asked after the library: the real clip wins the moment it exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from assetctl.errors import AssetctlError, LibraryError, ServiceError
from assetctl.library import together
from assetctl.library.base import Given, LibraryAsset, Standing
from assetctl.models import Availability, Reuse, Source, Strategy, Would
from assetctl.providers.base import Step
from assetctl.providers.intake import asset_of, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.index.index import Glimpse
    from assetctl.cache.store import AssetCache
    from assetctl.clock import Clock
    from assetctl.library.base import Got, Library, Stood
    from assetctl.models import Asset, AssetRequest
    from assetctl.providers.base import Asked, Outlook


_ABSENT: Final = "not in the cache, or its reuse time is over"
_GENERATED: Final = "was generated, and only pre-made assets are wanted"
_NOT_HERE: Final = Availability(None, reasons=(_ABSENT,))


@dataclass(frozen=True, slots=True)
class _Finding:
    """What the cache says: an entry that may be served, or why there is none."""

    entry: CacheEntry | None
    reason: str
    warnings: tuple[str, ...] = ()


class _Renamed(NamedTuple):
    """An entry that answers `request`, for which the asset `other` is named by now."""

    entry: CacheEntry
    request: AssetRequest
    other: str


class CachedAssetProvider:
    """Serves what the cache holds: real answers at the first step, or stand-ins at theirs."""

    def __init__(
        self,
        cache: AssetCache,
        *,
        libraries: Mapping[str, Library],
        clock: Clock,
        stand_ins: bool = False,
        named: Callable[[str], str | None] | None = None,
    ) -> None:
        """Serve from `cache`, asking the one of `libraries` (by name) that an entry came from whether it stands.

        `named` gives the id of the library's asset that is named for the request with a key: while that is there, no
        other of the library is served.
        """
        self._cache = cache
        self._libraries = libraries
        self._clock = clock
        self._stand_ins = stand_ins
        self._named = named

    @property
    def name(self) -> str:
        """`cache`, or `cache:stand-in`."""
        return "cache:stand-in" if self._stand_ins else "cache"

    @property
    def step(self) -> Step:
        """The first step, or the one after the library."""
        return Step.STAND_IN if self._stand_ins else Step.CACHE

    async def get_asset(self, asset_id: str) -> Asset | None:
        """The cached asset with this id, verified; None when there is none whose source stands.

        Raises:
            IntegrityError: its bytes are damaged; they are set aside.
        """
        finding = await self._standing(await self._cache.find_by_asset_id(asset_id), request=None)
        if finding.entry is None:
            return None
        path = await path_of(self._cache, finding.entry)
        return asset_of(finding.entry, path, Source.CACHED, request=None, warnings=finding.warnings)

    async def find_asset(self, request: AssetRequest, key: str) -> Asset | None:
        """The cached answer, verified; None when there is none that still is one.

        Raises:
            IntegrityError: its bytes are damaged; they are set aside.
        """
        finding = await self._standing(await self._cache.lookup(key), request)
        if finding.entry is None:
            return None
        path = await path_of(self._cache, finding.entry)
        return asset_of(finding.entry, path, Source.CACHED, request=request, warnings=finding.warnings)

    async def availability(self, request: AssetRequest, key: str) -> Availability:
        """Whether the answer is here; its bytes are not read."""
        return _availability(await self._standing(await self._cache.lookup(key), request))

    async def outlooks(self, asked: Sequence[Asked]) -> list[Outlook]:
        """Which answers are here: one question to the index, and one to the library that answers came from.

        Their bytes are not read.
        """
        glimpses = await self._cache.glimpses([one.key for one in asked])
        ours = {key: found for key, found in glimpses.items() if bool(found.stand_in) is self._stand_ins}
        pre_made = [one for one in asked if one.key in ours and ours[one.key].source == Source.PRE_MADE]
        findings = await self._findings(pre_made) if pre_made else {}
        return [
            _availability(findings[key]) if key in findings else _glimpsed(ours.get(key), request)
            for request, key in asked
        ]

    async def _findings(self, asked: Sequence[Asked]) -> dict[str, _Finding]:
        """What the entries of those of `asked` that have one say, by key; each library is asked once for all of its."""
        entries = await self._cache.lookup_all([one.key for one in asked])
        ours = [(entries[key], request) for request, key in asked if key in entries]
        replaced = await self._replaced(ours)
        known = {entry.key: self._known(entry, request, replaced.get(entry.key)) for entry, request in ours}
        stood = await self._stood([entries[key] for key, finding in known.items() if finding is None])
        return {key: finding for key, finding in known.items() if finding is not None} | stood

    async def has_asset(self, asset_id: str) -> Availability:
        """Whether an asset with this id is here; its bytes are not read."""
        return _availability(await self._standing(await self._cache.find_by_asset_id(asset_id), request=None))

    async def _standing(self, entry: CacheEntry | None, request: AssetRequest | None) -> _Finding:
        if entry is None:
            return _Finding(None, _ABSENT)
        replaced = {} if request is None else await self._replaced([(entry, request)])
        return self._known(entry, request, replaced.get(entry.key)) or (await self._stood([entry]))[entry.key]

    def _known(self, entry: CacheEntry, request: AssetRequest | None, other: str | None) -> _Finding | None:
        """What can be said of `entry` without asking the library that it came from; None when that is to be asked.

        `other` is the asset that takes its place.
        """
        if (refusal := self._refusal(entry, request)) is not None:
            return _Finding(None, refusal)
        if other is not None:
            return _Finding(None, f"holds `{entry.asset_id}`, and by now `{other}` is named for it")
        if entry.library is None:
            return _Finding(entry, "cached")
        library = self._libraries.get(entry.library)
        if library is None:
            return _unconfirmed(entry, f"the library `{entry.library}` it came from is not in use")
        age_s = (self._clock.now() - entry.checked_at).total_seconds()
        if 0 <= age_s < library.recheck_after_s:
            return _Finding(entry, "cached, and confirmed by its library lately")
        return None

    def _refusal(self, entry: CacheEntry, request: AssetRequest | None) -> str | None:
        """Why `entry` is no answer whatever its library says; None when it may be one."""
        if entry.stand_in is not self._stand_ins:
            return "holds a stand-in, which is asked for after the library" if entry.stand_in else "none"
        return None if request is None else _unwanted(entry, request)

    async def _replaced(self, known: Sequence[tuple[CacheEntry, AssetRequest]]) -> dict[str, str]:
        """The assets that are named by now in place of those in `known`, by key, as far as they are there to answer."""
        renamed = [_Renamed(*one, other) for one in known if (other := self._other(one[0])) is not None]
        replaced: dict[str, str] = {}
        for name, library in self._libraries.items() if renamed else ():
            ours = [one for one in renamed if one.entry.library == name]
            for one, got in zip(ours, await _looked_up(library, ours), strict=True):
                if isinstance(got, LibraryAsset) and got.asset_type is one.request.asset_type:
                    replaced[one.entry.key] = one.other
        return replaced

    def _other(self, entry: CacheEntry) -> str | None:
        """The asset that is named in place of that of `entry`, None when there is no other."""
        named = None if self._named is None or entry.library is None else self._named(entry.key)
        return None if named == entry.asset_id else named

    async def _stood(self, entries: Sequence[CacheEntry]) -> dict[str, _Finding]:
        """For each of `entries`, by its key, whether the library that it came from stands behind it."""
        findings: dict[str, _Finding] = {}
        for name, library in self._libraries.items():
            ours = [entry for entry in entries if entry.library == name]
            standings = await _standings(library, ours)
            same = [entry for entry, stood in zip(ours, standings, strict=True) if stood is Standing.SAME]
            if same and library.recheck_after_s > 0:
                await self._cache.confirm_sources(same, self._clock.now())
            findings |= {entry.key: _found(entry, stood) for entry, stood in zip(ours, standings, strict=True)}
        return findings


async def _looked_up(library: Library, renamed: Sequence[_Renamed]) -> Sequence[Got]:
    try:
        return await together.get_all(library, [one.other for one in renamed]) if renamed else ()
    except (LibraryError, ServiceError) as error:
        # No answer is no other one: what is here stays the answer.
        return [error] * len(renamed)


async def _standings(library: Library, entries: Sequence[CacheEntry]) -> Sequence[Stood]:
    if not entries:
        return ()
    try:
        if len(entries) == 1:
            return [await library.standing(entries[0].asset_id, entries[0].fingerprint or "")]
        return await together.standings(library, [Given(one.asset_id, one.fingerprint or "") for one in entries])
    except (LibraryError, ServiceError) as error:
        return [error] * len(entries)


def _found(entry: CacheEntry, stood: Stood) -> _Finding:
    if isinstance(stood, AssetctlError):
        return _unconfirmed(entry, stood.what)
    match stood:
        case Standing.SAME:
            return _Finding(entry, "cached, and unchanged in its library")
        case Standing.CHANGED:
            return _Finding(None, f"`{entry.asset_id}` has changed in its library")
        case Standing.GONE:
            return _Finding(None, f"`{entry.asset_id}` is gone from its library")


def _unwanted(entry: CacheEntry, request: AssetRequest) -> str | None:
    if entry.reuse is Reuse.ALWAYS:
        return "was made for one use only"
    if request.strategy is Strategy.PRE_MADE_ONLY and entry.source is not Source.PRE_MADE:
        return _GENERATED
    return None


def _glimpsed(found: Glimpse | None, request: AssetRequest) -> Availability:
    """What `_standing` says of what was generated. How far it may be reused is part of its key."""
    if found is None:
        return _NOT_HERE
    if request.strategy is Strategy.PRE_MADE_ONLY:
        return Availability(None, reasons=(_GENERATED,))
    return Availability(Would.NOTHING, source=Source.CACHED, asset_id=found.asset_id, size_bytes=found.size_bytes)


def _unconfirmed(entry: CacheEntry, why: str) -> _Finding:
    warning = f"`{entry.asset_id}` is the cached copy; whether it still is the newest could not be asked: {why}"
    return _Finding(entry, "cached, its library gives no answer", (warning,))


def _availability(finding: _Finding) -> Availability:
    if finding.entry is None:
        return Availability(None, reasons=(finding.reason,))
    return Availability(
        Would.NOTHING,
        source=Source.CACHED,
        asset_id=finding.entry.asset_id,
        reasons=(finding.reason,),
        size_bytes=finding.entry.size_bytes,
    )
