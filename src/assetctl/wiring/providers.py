"""Who is asked for an asset, in which order. A new provider is a line in `Providers.in_order`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from assetctl.providers.base import Step
from assetctl.wiring.probing import probe

if TYPE_CHECKING:
    from assetctl.providers.base import AssetProvider
    from assetctl.providers.named import NamedAssets
    from assetctl.wiring.jobs import Jobs
    from assetctl.wiring.libraries import Libraries
    from assetctl.wiring.storage import Storage
    from assetctl.wiring.surroundings import Surroundings


class Providers:
    """The providers of one service; all but the cache are built when they are first asked."""

    def __init__(self, surroundings: Surroundings, *, storage: Storage, libraries: Libraries, jobs: Jobs) -> None:
        """Ask the cache of `storage`, the chosen one of `libraries`, and what `jobs` can order."""
        self._settings = surroundings.settings
        self._data = surroundings.data
        self._events = surroundings.events
        self._clock = surroundings.clock
        self._offline = surroundings.offline
        self._storage = storage
        self._libraries = libraries
        self._jobs = jobs

    @cached_property
    def named_assets(self) -> NamedAssets:
        """What a chapter names."""
        from assetctl.providers.named import NamedAssets

        return NamedAssets()

    def in_order(self) -> list[AssetProvider]:
        """The stack, in asking order."""
        from assetctl.providers.cached import CachedAssetProvider
        from assetctl.providers.first_use import OnFirstUse

        cache, library = self._storage.cache, self._libraries.chosen
        libraries = {library.name: library}
        providers: list[AssetProvider] = [
            CachedAssetProvider(cache, libraries=libraries, clock=self._clock, named=self.named_assets.of),
            OnFirstUse(f"library:{library.name}", Step.LIBRARY, self._pre_made),
            CachedAssetProvider(cache, libraries=libraries, clock=self._clock, stand_ins=True),
        ]
        if self._settings.generation.enabled:
            providers.append(OnFirstUse("generator", Step.GENERATION, self._generated))
        providers.append(OnFirstUse("placeholder", Step.PLACEHOLDER, self._placeholder))
        return providers

    def _pre_made(self) -> AssetProvider:
        from assetctl.providers.named import NamedAssetProvider
        from assetctl.providers.premade import PreMadeAssetProvider

        storage, library = self._storage, self._libraries.chosen
        pre_made = PreMadeAssetProvider(library, cache=storage.cache, intake=storage.intake, clock=self._clock)
        return NamedAssetProvider(pre_made, library=library, names=self.named_assets)

    def _generated(self) -> AssetProvider:
        from assetctl.providers.generated import GeneratedAssetProvider

        return GeneratedAssetProvider(
            self._jobs.registry,
            journal=self._jobs.journal,
            desk=self._jobs.desk,
            follower=self._jobs.follower,
            cache=self._storage.cache,
            clock=self._clock,
            events=self._events,
            offline=self._offline,
        )

    def _placeholder(self) -> AssetProvider:
        from assetctl.media.placeholder import write_placeholder
        from assetctl.providers.placeholder import PlaceholderAssetProvider

        return PlaceholderAssetProvider(self._data.placeholders, draw=write_placeholder, probe=probe)
