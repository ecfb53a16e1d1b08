"""The parts of one running assetctl, and how they hang together."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from assetctl import filesystem
from assetctl.errors import AssetUnavailable, ConfigError
from assetctl.eventloop import in_thread
from assetctl.events import CacheTroubled
from assetctl.providers.base import Step
from assetctl.wiring.backend import Backend

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.index.filters import EntryFilter
    from assetctl.cache.lookups import Lookups
    from assetctl.cache.removal.pruning import Limits
    from assetctl.cache.store import AssetCache
    from assetctl.cache.usage.usage_log import UsageLog
    from assetctl.cache.verification.verifying import Verification
    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus, Event
    from assetctl.generation.allowances import Allowance
    from assetctl.generation.journal import Journal
    from assetctl.generation.ordering import OrderDesk
    from assetctl.generation.outages import Outages
    from assetctl.generation.registry import GeneratorRegistry
    from assetctl.library.base import Library
    from assetctl.library.folder.library import FolderLibrary
    from assetctl.media.cells import Cell
    from assetctl.media.stills import Stills
    from assetctl.models import Asset, AssetRequest, AssetType, MediaInfo
    from assetctl.prefetch.scenes.gathering import GameServer
    from assetctl.providers.base import AssetProvider
    from assetctl.providers.following import JobFollower
    from assetctl.providers.intake import Intake
    from assetctl.providers.named import NamedAssets
    from assetctl.providers.results import ResultFiles
    from assetctl.service import AssetService
    from assetctl.settings import Settings


@asynccontextmanager
async def open_stack(
    settings: Settings,
    *,
    events: AssetEventBus,
    clock: Clock,
    offline: bool = False,
    refresh: bool = False,
    tell: Callable[[str], None] | None = None,
    run_id: str | None = None,
) -> AsyncGenerator[Stack]:
    """Within the block, a stack as `settings` want it; afterwards all it opened is closed.

    With `refresh` no remembered answer of a library is believed. `tell` hears of trouble that is worth a detail and
    stops nothing. Stacks with the same `run_id`, also in other processes, share the limit of new generations; None
    is a run of its own.

    Raises:
        ConfigError: the settings name something this version can't do.
        CacheError: the data directory is none that assetctl may use.
    """
    if settings.library.kind == "pixsim" and settings.backend.url is None:
        raise ConfigError(
            "the library is a backend's, and no backend is set",
            hint='set `backend.url`, or `library.kind = "folder"`',
        )
    _refuse_unfit_folder(settings.data_dir)
    stack = Stack(settings, events=events, clock=clock, offline=offline, refresh=refresh, tell=tell, run_id=run_id)
    unsubscribe = events.subscribe(stack.count)
    try:
        yield stack
    finally:
        unsubscribe()
        await stack.close()


def _refuse_unfit_folder(data_dir: Path) -> None:
    # Each part checks its own folder, but a link or a stranger's folder is refused before any of them writes.
    if os.path.lexists(data_dir):
        filesystem.make_private_folder(data_dir)


class Stack:
    """The parts of one running assetctl, each built when it is first used."""

    def __init__(
        self,
        settings: Settings,
        *,
        events: AssetEventBus,
        clock: Clock,
        offline: bool,
        refresh: bool = False,
        tell: Callable[[str], None] | None = None,
        run_id: str | None = None,
    ) -> None:
        """Build nothing yet."""
        self.settings = settings
        self.events = events
        self.clock = clock
        self._offline = offline
        self._refresh = refresh
        self._run_id = run_id
        self._tell = tell or _tell_nobody
        self._closing = AsyncExitStack()
        self.backend = Backend(settings, events=events, clock=clock, closing=self._closing, tell=self._tell)

    @cached_property
    def usage_log(self) -> UsageLog:
        """Where answered requests are counted, each run under a name of its own."""
        from secrets import token_hex

        from assetctl.cache.usage.usage_log import UsageLog

        return UsageLog(self.usage_folder, run_id=token_hex(6), clock=self.clock, tell=self._tell)

    def count(self, event: Event) -> None:
        """Listen for answers; the log is built with the first event, a command that asks for nothing needs none."""
        self.usage_log(event)

    @property
    def usage_folder(self) -> Path:
        """What is counted lies here; clearing the cache leaves it."""
        return self.settings.data_dir / "cache" / "usage"

    @cached_property
    def cache(self) -> AssetCache:
        """The disk cache, shared with a group when the settings name a folder for it."""
        folder, shared = self.settings.data_dir / "cache", self.settings.cache.shared
        if shared is None:
            from assetctl.cache.store import AssetCache

            return AssetCache(folder, clock=self.clock, limits=self.limits, tell=self._cache_troubled)
        from assetctl.cache.sharing.cache import SharingCache
        from assetctl.cache.sharing.folder import SharedFolder

        shared_folder = SharedFolder(shared)
        return SharingCache(
            folder, shared=shared_folder, clock=self.clock, limits=self.limits, tell=self._cache_troubled
        )

    def _cache_troubled(self, detail: str) -> None:
        self.events.publish(CacheTroubled(None, detail))

    @cached_property
    def limits(self) -> Limits:
        """What the cache may hold."""
        from assetctl.cache.removal.pruning import Limits

        wanted = self.settings.cache
        return Limits(wanted.max_size_bytes, wanted.min_free_bytes, wanted.max_unused_s)

    @cached_property
    def lookups(self) -> Lookups:
        """What libraries answered lately."""
        from assetctl.cache.lookups import Lookups

        return Lookups(self.settings.data_dir / "cache" / "lookups", clock=self.clock)

    @cached_property
    def library(self) -> Library:
        """The library of pre-made assets, near or far; offline, a far one only says that it is not asked."""
        if self.settings.library.kind == "folder":
            return self.folder
        from assetctl.library.late import LateLibrary
        from assetctl.library.pixsim.facts import LIBRARY, RECHECK_AFTER_S

        recheck_after_s = 0.0 if self._refresh else RECHECK_AFTER_S
        library = LateLibrary(LIBRARY, recheck_after_s=recheck_after_s, build=self._server_library)
        if not self._offline:
            return library
        from assetctl.library.offline import OfflineLibrary

        return OfflineLibrary(library)

    def _server_library(self) -> Library:
        from assetctl.library.pixsim.files import FileFetcher
        from assetctl.library.pixsim.library import PixsimLibrary

        files = FileFetcher(self.backend.fetch_for_nobody, origin=self.backend.origin, clock=self.clock)
        return self.remembered(PixsimLibrary(self.backend.client, files=files, clock=self.clock))

    @cached_property
    def folder(self) -> FolderLibrary:
        """The library that is a folder."""
        from assetctl.library.folder.library import FolderLibrary

        return FolderLibrary(
            self.settings.library.path,
            snapshot=self.settings.data_dir / "library-folder.json",
            clock=self.clock,
            probe=probe,
            must_exist=self.settings.origins["library.path"] != "default",
        )

    @cached_property
    def journal(self) -> Journal:
        """The durable list of jobs."""
        from assetctl.generation.journal import Journal

        return Journal(self.settings.data_dir / "journal.sqlite3", clock=self.clock)

    @cached_property
    def registry(self) -> GeneratorRegistry:
        """The generators."""
        from assetctl.generation.registry import GeneratorContext, GeneratorRegistry

        context = GeneratorContext(data_dir=self.settings.data_dir, clock=self.clock)
        if self.settings.backend.url is not None:
            backend = self.backend
            context = replace(
                context,
                pixsim=lambda: backend.client,
                pixsim_events=lambda: backend.event_socket,
                default_provider=self.settings.generation.default_provider,
                lookups=lambda: self.lookups,
                tell=self._tell,
            )
        return GeneratorRegistry(context)

    @cached_property
    def allowance(self) -> Allowance:
        """What this run may order."""
        from secrets import token_hex

        from assetctl.generation.allowances import Allowance

        return Allowance(self._run_id or token_hex(8), max_orders=self.settings.budget.max_generations_per_run)

    @cached_property
    def desk(self) -> OrderDesk:
        """Where orders are placed."""
        from assetctl.generation.ordering import OrderDesk

        return OrderDesk(
            self.journal,
            locks_folder=self.settings.data_dir / "locks",
            clock=self.clock,
            events=self.events,
            allowance=self.allowance,
        )

    @cached_property
    def follower(self) -> JobFollower:
        """Who brings jobs home."""
        from random import Random

        from assetctl.providers.following import JobFollower

        return JobFollower(
            journal=self.journal,
            desk=self.desk,
            cache=self.cache,
            intake=self.intake,
            results=self.results,
            clock=self.clock,
            random=Random(),  # noqa: S311 - spreads askers, hides nothing
            events=self.events,
            outages=self.outages,
        )

    @cached_property
    def outages(self) -> Outages:
        """What is known of services that give no answer."""
        from assetctl.generation.outages import Outages

        return Outages(clock=self.clock, events=self.events)

    @cached_property
    def named_assets(self) -> NamedAssets:
        """What a chapter names."""
        from assetctl.providers.named import NamedAssets

        return NamedAssets()

    @property
    def game_server(self) -> GameServer:
        """Where the scenes of a game are read.

        Raises:
            AssetUnavailable: this is offline.
            ConfigError: the settings name no backend.
        """
        if self._offline:
            raise AssetUnavailable(
                "scenes are read from the backend, and this is offline",
                hint="`assetctl manifest export` writes them to a file while there is a network",
            )
        return self.backend.client

    @cached_property
    def results(self) -> ResultFiles:
        """Where files of finished jobs come from."""
        from assetctl.providers.results import ResultFiles

        return ResultFiles(
            self.settings.data_dir / "downloads",
            downloads=lambda: self.backend.downloads,
            open_keys=self._open_keys,
            clock=self.clock,
            events=self.events,
        )

    async def _open_keys(self) -> set[str]:
        return {order.key for order in await self.journal.orders(open_only=True)}

    @cached_property
    def intake(self) -> Intake:
        """The door into the cache."""
        from assetctl.providers.intake import Intake

        return Intake(self.cache, probe=probe, clock=self.clock)

    @cached_property
    def service(self) -> AssetService:
        """The service over all providers."""
        from assetctl.service import AssetService, RequestDefaults

        generation = self.settings.generation
        return AssetService(
            self._providers(),
            clock=self.clock,
            events=self.events,
            defaults=RequestDefaults(
                generator=generation.generator,
                provider=generation.default_provider if self.settings.backend.url else None,
                max_wait_s=generation.max_wait_s,
                tag=generation.tag,
            ),
            complete=self._completed,
            closed=self._closed_steps(),
        )

    async def preview(self, asset: Asset, columns: int, rows: int) -> Sequence[Sequence[Cell]]:
        """The asset as cells of colour, at most `columns` wide and `rows` high."""
        from assetctl.media.preview import preview

        return await in_thread(preview, asset.path, asset.asset_type, columns, rows)

    def stills(self) -> Stills:
        """Who draws small pictures of assets; to be closed."""
        from assetctl.media.stills import Stills

        return Stills()

    async def holdings(self, keys: Sequence[str]) -> Mapping[str, Asset]:
        """What the cache has for `keys`, told without reading its bytes.

        Raises:
            CacheError: the cache cannot be used.
        """
        from assetctl.providers.holdings import holdings

        return await holdings(self.cache, keys)

    def verification(self, filter_: EntryFilter, *, budget_s: float | None, repair: bool) -> Verification:
        """A look at all the bytes that `filter_` chooses in the cache, for `budget_s` at most; it mends if `repair`."""
        from assetctl.cache.verification.verifying import Verification
        from assetctl.providers.restoring import Originals

        originals = Originals(
            libraries={self.library.name: self.library},
            generator=self.registry.get,
            offline=self._offline,
            shared=self._take_from_others(),
            download=self.backend.fetch_for_nobody,
        )
        return Verification(
            self.cache,
            filter_,
            clock=self.clock,
            budget_s=budget_s,
            fetch=originals.fetch if repair else None,
            tell=self.events.publish,
        )

    def remembered(self, library: Library) -> Library:
        """`library`, which takes the network, asked less often."""
        from assetctl.library.remembered import RememberedLibrary

        return RememberedLibrary(library, self.lookups, scope=self.backend.scope, refresh=self._refresh)

    def _closed_steps(self) -> Mapping[Step, str]:
        if self._offline and self.library.needs_network:
            return {Step.LIBRARY: f"the library `{self.library.name}` is on the network, and this is offline"}
        return {}

    def _take_from_others(self) -> Callable[[CacheEntry, Path], bool] | None:
        if self.settings.cache.shared is None:
            return None
        from assetctl.cache.sharing.folder import SharedFolder

        return SharedFolder(self.settings.cache.shared).take

    @property
    def is_offline(self) -> bool:
        """Whether nothing on the network is asked."""
        return self._offline

    async def library_problems(self) -> Sequence[str]:
        """A sentence for each thing in the library's folder that can't be used.

        Raises:
            LibraryError: the library can't be read.
        """
        return await self.folder.problems()

    async def close(self) -> None:
        """What was opened is closed."""
        async with self._closing:
            if "cache" in self.__dict__:
                await self.cache.aclose()

    def _providers(self) -> list[AssetProvider]:
        """The stack, in asking order. A new provider is a line here."""
        from assetctl.providers.cached import CachedAssetProvider
        from assetctl.providers.first_use import OnFirstUse

        libraries = {self.library.name: self.library}
        providers: list[AssetProvider] = [
            CachedAssetProvider(self.cache, libraries=libraries, clock=self.clock, named=self.named_assets.of),
            OnFirstUse(f"library:{self.library.name}", Step.LIBRARY, self._pre_made),
            CachedAssetProvider(self.cache, libraries=libraries, clock=self.clock, stand_ins=True),
        ]
        if self.settings.generation.enabled:
            providers.append(OnFirstUse("generator", Step.GENERATION, self._generated))
        providers.append(OnFirstUse("placeholder", Step.PLACEHOLDER, self._placeholder))
        return providers

    def _pre_made(self) -> AssetProvider:
        from assetctl.providers.named import NamedAssetProvider
        from assetctl.providers.premade import PreMadeAssetProvider

        pre_made = PreMadeAssetProvider(self.library, cache=self.cache, intake=self.intake, clock=self.clock)
        return NamedAssetProvider(pre_made, library=self.library, names=self.named_assets)

    def _generated(self) -> AssetProvider:
        from assetctl.providers.generated import GeneratedAssetProvider

        return GeneratedAssetProvider(
            self.registry,
            journal=self.journal,
            desk=self.desk,
            follower=self.follower,
            cache=self.cache,
            clock=self.clock,
            events=self.events,
            offline=self._offline,
        )

    def _placeholder(self) -> AssetProvider:
        from assetctl.media.placeholder import write_placeholder
        from assetctl.providers.placeholder import PlaceholderAssetProvider

        return PlaceholderAssetProvider(self.settings.data_dir / "placeholders", draw=write_placeholder, probe=probe)

    def _completed(self, request: AssetRequest) -> AssetRequest:
        if request.inputs:
            from assetctl.media.inputs import with_digests

            request = with_digests(request)
        # Without knobs there is nothing to check, and no generator needs to be loaded to answer from the cache.
        if not request.parameters or request.generator is None:
            return request
        from assetctl.generation.parameters import checked_parameters

        generator = self.registry.get(request.generator)
        return replace(request, parameters=checked_parameters(request.parameters, generator, request.asset_type))


def _tell_nobody(_: str) -> None:
    """Leave it unsaid."""


def probe(path: Path, asset_type: AssetType) -> MediaInfo:
    """What a look into the media file at `path` finds (`media.probe`).

    Raises:
        IntegrityError: it is not playable media of that type.
    """
    from assetctl.media.probe import probe as look

    return look(path, asset_type)
