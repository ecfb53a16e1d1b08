"""One running assetctl: its parts together, the service over them, and what commands need beside it."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from assetctl import filesystem
from assetctl.errors import ConfigError
from assetctl.eventloop import in_thread
from assetctl.providers.base import Step
from assetctl.wiring.backend import Backend
from assetctl.wiring.jobs import Jobs
from assetctl.wiring.libraries import Libraries
from assetctl.wiring.providers import Providers
from assetctl.wiring.storage import Storage
from assetctl.wiring.surroundings import Surroundings, tell_nobody

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.index.filters import EntryFilter
    from assetctl.cache.store import AssetCache
    from assetctl.cache.verification.verifying import Verification
    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus
    from assetctl.media.cells import Cell
    from assetctl.media.stills import Stills
    from assetctl.models import Asset, AssetRequest
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
    tell: Callable[[str], None] = tell_nobody,
    run_id: str | None = None,
) -> AsyncGenerator[Stack]:
    """Within the block, a stack as `settings` want it; afterwards all it opened is closed.

    What the arguments mean stands with `Surroundings`.

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
    surroundings = Surroundings(
        settings, events=events, clock=clock, offline=offline, refresh=refresh, tell=tell, run_id=run_id
    )
    stack = Stack(surroundings)
    unsubscribe = events.subscribe(stack.storage.count)
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

    def __init__(self, surroundings: Surroundings) -> None:
        """Open nothing yet."""
        self.settings = surroundings.settings
        self.events = surroundings.events
        self.clock = surroundings.clock
        self.data = surroundings.data
        self.is_offline = surroundings.offline
        self._closing = AsyncExitStack()
        self.backend = Backend(surroundings, self._closing)
        self.storage = Storage(surroundings, self._closing)
        self.libraries = Libraries(surroundings, storage=self.storage, backend=self.backend)
        self.jobs = Jobs(surroundings, storage=self.storage, backend=self.backend)
        self.providers = Providers(surroundings, storage=self.storage, libraries=self.libraries, jobs=self.jobs)

    async def close(self) -> None:
        """What was opened is closed."""
        await self._closing.aclose()

    @property
    def cache(self) -> AssetCache:
        """The disk cache."""
        return self.storage.cache

    @cached_property
    def service(self) -> AssetService:
        """The service over all providers."""
        from assetctl.service import AssetService, RequestDefaults

        generation = self.settings.generation
        return AssetService(
            self.providers.in_order(),
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

    def _completed(self, request: AssetRequest) -> AssetRequest:
        if request.inputs:
            from assetctl.media.inputs import with_digests

            request = with_digests(request)
        # Without knobs there is nothing to check, and no generator needs to be loaded to answer from the cache.
        if not request.parameters or request.generator is None:
            return request
        from assetctl.generation.parameters import checked_parameters

        generator = self.jobs.registry.get(request.generator)
        return replace(request, parameters=checked_parameters(request.parameters, generator, request.asset_type))

    def _closed_steps(self) -> Mapping[Step, str]:
        library = self.libraries.chosen
        if self.is_offline and library.needs_network:
            return {Step.LIBRARY: f"the library `{library.name}` is on the network, and this is offline"}
        return {}

    async def preview(self, asset: Asset, columns: int, rows: int) -> Sequence[Sequence[Cell]]:
        """The asset as cells of colour, at most `columns` wide and `rows` high."""
        from assetctl.media.preview import preview

        return await in_thread(preview, asset.path, asset.asset_type, columns, rows)

    def stills(self) -> Stills:
        """Who draws small pictures of assets; to be closed."""
        from assetctl.media.stills import Stills

        return Stills()

    async def holdings(self, keys: Sequence[str], since: datetime | None = None) -> Mapping[str, Asset]:
        """What the cache has for `keys`, or got `since`, told without reading its bytes.

        Raises:
            CacheError: the cache cannot be used.
        """
        from assetctl.providers.holdings import holdings

        return await holdings(self.cache, keys, since)

    def verification(self, filter_: EntryFilter, *, budget_s: float | None, repair: bool) -> Verification:
        """A look at all the bytes that `filter_` chooses in the cache, for `budget_s` at most; it mends if `repair`."""
        from assetctl.cache.verification.verifying import Verification
        from assetctl.providers.restoring import Originals

        library, shared = self.libraries.chosen, self.storage.shared
        originals = Originals(
            libraries={library.name: library},
            generator=self.jobs.registry.get,
            offline=self.is_offline,
            shared=None if shared is None else shared.take,
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
