"""The library, asked as a provider: what somebody made already, taken into the cache when it fits.

Where asking takes the network, what was found or found absent for many requests a moment ago is not searched for again
for each of them; see `matches.py` and `absences.py` for when that counts.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Final

from assetctl import keys
from assetctl.errors import AssetctlError, IntegrityError, LibraryError
from assetctl.library import together
from assetctl.library.base import Standing
from assetctl.models import AssetRequest, Availability, Origin, Source, Would
from assetctl.providers.absences import Absences
from assetctl.providers.base import Step
from assetctl.providers.intake import Facts, Handover, asset_of, whole
from assetctl.providers.matches import Matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    import anyio

    from assetctl.cache.store import AssetCache
    from assetctl.clock import Clock
    from assetctl.library.base import Candidate, Library, LibraryAsset, Searched
    from assetctl.models import Asset, MediaInfo
    from assetctl.providers.base import Asked, Outlook
    from assetctl.providers.intake import Intake

_log = logging.getLogger(__name__)

_NOTHING: Final = Availability(None)


class PreMadeAssetProvider:
    """Serves the best match of one library."""

    def __init__(self, library: Library, *, cache: AssetCache, intake: Intake, clock: Clock) -> None:
        """Search `library` and take what matches through `intake` into `cache`."""
        self._library = library
        self._cache = cache
        self._intake = intake
        self._clock = clock
        self._absences = Absences(clock)
        self._matches = Matches(clock)

    @property
    def name(self) -> str:
        """`library:` and the library's name."""
        return f"library:{self._library.name}"

    @property
    def step(self) -> Step:
        """The library's."""
        return Step.LIBRARY

    async def get_asset(self, asset_id: str) -> Asset | None:
        """The library's asset with this id, verified and cached; None when it has none.

        Raises:
            LibraryError: the library can't be asked, or what it gave is broken.
        """
        found = await self._library.get(asset_id)
        if found is None:
            return None
        key = keys.asset_key(self._library.name, found.asset_id)
        return await self._delivered(found, AssetRequest(asset_type=found.asset_type), key, by_id=True)

    async def find_asset(self, request: AssetRequest, key: str) -> Asset | None:
        """The library's best match, verified and cached; None when nothing matches, or a moment ago nothing did.

        Raises:
            LibraryError: the library can't be asked, or its best match is broken. Neither is "no match".
        """
        if await self._is_known_absent(key):
            return None
        if (found := self._matches.take(key)) is not None:
            try:
                return await self._delivered(found, request, key, by_id=False)
            except LibraryError as error:
                _log.debug("what was found for many is searched for again: %s", error)
        best = _best(await self._library.search(request))
        return None if best is None else await self._delivered(best, request, key, by_id=False)

    async def availability(self, request: AssetRequest, key: str) -> Availability:  # noqa: ARG002 - a provider's face
        """Whether something matches, and of every candidate why or why not."""
        return self._availability(request, await self._library.search(request))

    async def outlooks(self, asked: Sequence[Asked]) -> list[Outlook]:
        """What matches each, searched for together; why nothing does is left out."""
        outlooks: list[Outlook] = [_NOTHING] * len(asked)
        unknown = [index for index, one in enumerate(asked) if not self._absences.is_fresh(one.key)]
        for index, outlook in zip(unknown, await self._searched([asked[index] for index in unknown]), strict=True):
            outlooks[index] = outlook
        return outlooks

    async def _searched(self, asked: Sequence[Asked]) -> list[Outlook]:
        began_s = self._clock.elapsed_s()
        found = await together.search_all(self._library, [one.request for one in asked]) if asked else ()
        outlooks = [self._outlook(one.request, searched) for one, searched in zip(asked, found, strict=True)]
        if self._library.needs_network:
            for one, searched, outlook in zip(asked, found, outlooks, strict=True):
                self._remember(one, searched, outlook, began_s)
        return outlooks

    def _remember(self, asked: Asked, searched: Searched, outlook: Outlook, began_s: float) -> None:
        if isinstance(outlook, Availability) and outlook.would is None:
            self._matches.forget(asked.key)
            self._absences.note(asked, began_s)
            return
        self._absences.forget(asked.key)
        best = None if isinstance(searched, AssetctlError) else _first_match(searched)
        if best is not None:
            self._matches.note(asked.key, best, began_s)

    async def _is_known_absent(self, key: str) -> bool:
        """Whether a search for many found nothing for this request so lately that it counts; it counts once.

        When that is too long ago it is searched for again, together with those whose turn comes next.
        """
        if key not in self._absences:
            return False
        async with self._renewal:
            if old := self._absences.renewal(key):
                await self._searched(old)
            return self._absences.take(key)

    @cached_property
    def _renewal(self) -> anyio.Lock:
        import anyio  # noqa: PLC0415 - whoever has absences to renew has an event loop

        return anyio.Lock()

    def _outlook(self, request: AssetRequest, searched: Searched) -> Outlook:
        if isinstance(searched, AssetctlError):
            return searched
        if not searched:
            return _NOTHING
        try:
            return self._availability(request, searched)
        except LibraryError as error:
            return error

    def _availability(self, request: AssetRequest, candidates: list[Candidate]) -> Availability:
        best = _best(candidates)
        reasons = (*(_sentence(candidate) for candidate in candidates), *self._library.remarks(request))
        if best is None:
            return Availability(None, reasons=reasons or ("nothing in it is near this request",))
        return Availability(
            Would.DOWNLOAD,
            source=Source.PRE_MADE,
            asset_id=best.asset_id,
            reasons=reasons,
            size_bytes=best.size_bytes,
        )

    async def has_asset(self, asset_id: str) -> Availability:
        """Whether the library has an asset with this id."""
        found = await self._library.get(asset_id)
        if found is None:
            return Availability(None, reasons=("the library has no such id",))
        return Availability(Would.DOWNLOAD, source=Source.PRE_MADE, asset_id=found.asset_id)

    async def deliver(self, found: LibraryAsset, request: AssetRequest, key: str) -> Asset:
        """`found`, an asset of this library, verified and cached as the answer to `request`.

        Raises:
            LibraryError: it can't be had, or is broken.
        """
        return await self._delivered(found, request, key, by_id=False)

    async def _delivered(self, found: LibraryAsset, request: AssetRequest, key: str, *, by_id: bool) -> Asset:
        facts = Facts(
            key=key,
            request=request,
            asset_id=found.asset_id,
            asset_type=found.asset_type,
            source=Source.PRE_MADE,
            origin=found.origin or Origin(provider=self.name),
            library=self._library.name,
            fingerprint=found.fingerprint,
            url=found.url,
        )

        async def unchanged(_media: MediaInfo, _digest: str) -> None:
            await self._check_unchanged(found)

        async with self._cache.partial() as target, self._library.open(found, target) as path:
            # What was written to `target` was written for us and is as described; the library's own file is the
            # library's, and may be changed by anybody while it is copied.
            is_given = path == target
            try:
                entry, cached = await self._intake.take_and_hand_out(
                    path,
                    facts,
                    handover=Handover.GIVE if is_given else Handover.COPY,
                    before_store=None if is_given else unchanged,
                )
            except IntegrityError as error:
                raise _broken(found, error) from error
        return asset_of(entry, whole(entry, cached), Source.PRE_MADE, request=None if by_id else request)

    async def _check_unchanged(self, found: LibraryAsset) -> None:
        if await self._library.standing(found.asset_id, found.fingerprint) is not Standing.SAME:
            raise LibraryError(
                f"the library's `{found.asset_id}` changed while it was read", hint="ask again when it is in place"
            )


def _best(candidates: list[Candidate]) -> LibraryAsset | None:
    """The best match, None when nothing matches.

    Raises:
        LibraryError: nothing sound matches, but something broken would.
    """
    if (best := _first_match(candidates)) is not None:
        return best
    for candidate in candidates:
        if candidate.trouble is not None:
            raise _broken(candidate.asset, candidate.trouble) from candidate.trouble
    return None


def _first_match(candidates: list[Candidate]) -> LibraryAsset | None:
    return next((candidate.asset for candidate in candidates if candidate.matches), None)


def _broken(asset: LibraryAsset, error: AssetctlError) -> LibraryError:
    return LibraryError(
        f"the library's `{asset.asset_id}` is broken",
        why=error.sentence,
        hint="mend or replace it, or ask with `--generate-on-trouble` to generate one instead",
    )


def _sentence(candidate: Candidate) -> str:
    if candidate.refusal is not None:
        return f"{candidate.asset.asset_id}: {candidate.refusal}"
    notes = "; ".join(candidate.notes)
    return f"{candidate.asset.asset_id}: matches{f' ({notes})' if notes else ''}"
