"""Fakes with the real faces, and a house of real parts built over them: what tests of the core stand on.

A file is "playable" when it begins with `film:`; nothing here draws or decodes. Also used by programs that tests start
and kill, so it leans on nothing of pytest.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from assetctl.cache.store import AssetCache
from assetctl.errors import IntegrityError
from assetctl.events import AssetEventBus
from assetctl.generation.allowances import Allowance
from assetctl.generation.journal import Journal
from assetctl.generation.ordering import OrderDesk
from assetctl.generation.outages import Outages
from assetctl.generation.registry import GeneratorContext, GeneratorRegistry
from assetctl.keys import request_key
from assetctl.library import together
from assetctl.library.base import Candidate, LibraryAsset, Standing
from assetctl.models import AssetRequest, AssetType, MediaInfo
from assetctl.providers.cached import CachedAssetProvider
from assetctl.providers.following import JobFollower
from assetctl.providers.generated import GeneratedAssetProvider
from assetctl.providers.intake import Intake
from assetctl.providers.named import NamedAssetProvider, NamedAssets
from assetctl.providers.placeholder import PlaceholderAssetProvider
from assetctl.providers.premade import PreMadeAssetProvider
from assetctl.providers.results import ResultFiles
from assetctl.service import AssetService, RequestDefaults

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.errors import AssetctlError
    from assetctl.events import Event
    from assetctl.generation.base import Generator
    from assetctl.library.base import Given, Got, Searched, Stood
    from assetctl.transfer import Downloads

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQUEST = AssetRequest(scene_id="romance_5", choice_id="confess")
FILM = MediaInfo("video/mp4", duration_s=5.0, width=64, height=36)


class FakeClock:
    """Stands still until told; a sleep moves it at once. `slept` lists what was slept."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def elapsed_s(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds=seconds)
        await anyio.lowlevel.checkpoint()

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)


def film(label: str) -> bytes:
    return f"film:{label}".encode()


def film_probe(path: Path, asset_type: AssetType) -> MediaInfo:
    if not path.read_bytes().startswith(b"film:"):
        raise IntegrityError(f"`{path.name}` is not playable", why="it does not begin as a film does")
    return FILM if asset_type is AssetType.VIDEO else MediaInfo("image/png", width=64, height=36)


def draw_film(path: Path, request: AssetRequest, reason: str) -> None:
    path.write_bytes(film(f"placeholder for {request.scene_id}: {reason}"))


def attempts_of(told: object) -> list[tuple[str, str]]:
    """Who was asked and what they said, of an asset or an error."""
    return [(attempt.provider, attempt.outcome.value) for attempt in told.attempts]  # type: ignore[attr-defined]


class FakeLibrary:
    """A library of films in one folder. `trouble` is raised by whatever is asked; `calls` tells what was asked.

    With `writes` it gives copies instead of its own files.
    """

    needs_network = False

    def __init__(self, folder: Path, *, name: str = "folder", recheck_after_s: float = 0.0) -> None:
        self.name = name
        self.recheck_after_s = recheck_after_s
        self.trouble: AssetctlError | None = None
        self.calls: list[str] = []
        self.told: tuple[str, ...] = ()
        self.while_open: Callable[[], None] = lambda: None
        self.writes = False
        self._folder = folder
        self._assets: dict[str, LibraryAsset] = {}
        self._broken: dict[str, AssetctlError] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, asset_id: str, data: bytes, request: AssetRequest = REQUEST, **facts: object) -> LibraryAsset:
        """`asset_id`, new or replaced, answers the moment of `request`."""
        (self._folder / f"{asset_id}.mp4").write_bytes(data)
        known = {
            "asset_type": request.asset_type,
            "fingerprint": hashlib.sha256(data).hexdigest()[:16],
            "scene_id": request.scene_id,
            "choice_id": request.choice_id,
        }
        self._assets[asset_id] = LibraryAsset(asset_id, **(known | facts))
        return self._assets[asset_id]

    def breaks(self, asset_id: str, trouble: AssetctlError) -> None:
        """`asset_id` would match, but for `trouble`."""
        self._broken[asset_id] = trouble

    def remove(self, asset_id: str) -> None:
        del self._assets[asset_id]

    async def get(self, asset_id: str) -> LibraryAsset | None:
        self._called("get")
        return self._assets.get(asset_id)

    async def search(self, request: AssetRequest) -> list[Candidate]:
        self._called("search")
        candidates = [self._judged(asset, request) for asset in self._assets.values()]
        return sorted(candidates, key=lambda candidate: not candidate.matches)

    def remarks(self, request: AssetRequest) -> tuple[str, ...]:
        del request
        return self.told

    def _judged(self, asset: LibraryAsset, request: AssetRequest) -> Candidate:
        if asset.asset_id in self._broken:
            return Candidate(asset, refusal="it is broken", trouble=self._broken[asset.asset_id])
        ours = (asset.scene_id, asset.choice_id, asset.asset_type)
        if ours != (request.scene_id, request.choice_id, request.asset_type):
            return Candidate(asset, refusal="is for another moment")
        return Candidate(asset, refusal=None, notes=("same moment",))

    async def standing(self, asset_id: str, fingerprint: str) -> Standing:
        self._called("standing")
        found = self._assets.get(asset_id)
        if found is None:
            return Standing.GONE
        return Standing.SAME if found.fingerprint == fingerprint else Standing.CHANGED

    @asynccontextmanager
    async def open(self, asset: LibraryAsset, target: Path):
        self._called("open")
        own = self._folder / f"{asset.asset_id}.mp4"
        if self.writes:
            shutil.copy(own, target)
        self.while_open()
        yield target if self.writes else own

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if self.trouble is not None:
            raise self.trouble


class FarLibrary(FakeLibrary):
    """One on the network that answers many questions at once, in `takes_s`; `asked` tells how many each time."""

    needs_network = True

    def __init__(self, folder: Path, *, name: str = "far", recheck_after_s: float = 3600.0) -> None:
        super().__init__(folder, name=name, recheck_after_s=recheck_after_s)
        self.asked: list[int] = []
        self.takes_s = 0.0
        self.clock = FakeClock()

    async def get_all(self, asset_ids: Sequence[str]) -> Sequence[Got]:
        self.asked.append(len(asset_ids))
        return await together.one_by_one(super().get, asset_ids)

    async def search_all(self, requests: Sequence[AssetRequest]) -> Sequence[Searched]:
        self.asked.append(len(requests))
        found = await together.one_by_one(super().search, requests)
        self.clock.advance(seconds=self.takes_s)
        return found

    async def standings(self, given: Sequence[Given]) -> Sequence[Stood]:
        self.asked.append(len(given))
        return await together.one_by_one(lambda one: super(FarLibrary, self).standing(*one), given)

    async def search(self, request: AssetRequest) -> list[Candidate]:
        self.asked.append(1)
        return await super().search(request)


class House:
    """Every real part over fakes, in one folder, as the composition root would build it."""

    def __init__(
        self,
        folder: Path,
        *,
        generator: Generator | None = None,
        library: FakeLibrary | None = None,
        clock: Clock | None = None,
        journal: type[Journal] | Callable[..., Journal] = Journal,
        max_orders: int | None = None,
        run_id: str | None = None,
        offline: bool = False,
        libraries: dict[str, FakeLibrary] | None = None,
        downloads: Downloads | None = None,
    ) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.clock = clock or FakeClock()
        self.events: list[Event] = []
        self.bus = AssetEventBus()
        self.bus.subscribe(self.events.append)
        self.cache = AssetCache(folder / "cache", clock=self.clock)
        self.library = library or FakeLibrary(folder / "library")
        self.journal = journal(folder / "journal.sqlite3", clock=self.clock)
        self.generator = generator
        self.registry = GeneratorRegistry(GeneratorContext(data_dir=folder, clock=self.clock), factories={})
        if generator is not None:
            self.registry.register(generator)
        self.desk = OrderDesk(
            self.journal,
            locks_folder=folder / "locks",
            clock=self.clock,
            events=self.bus,
            allowance=Allowance(run_id or uuid.uuid4().hex, max_orders),
        )
        self.intake = Intake(self.cache, probe=film_probe, clock=self.clock)
        self.outages = Outages(clock=self.clock, events=self.bus, limit_s=300.0)
        self.follower = JobFollower(
            journal=self.journal,
            desk=self.desk,
            cache=self.cache,
            intake=self.intake,
            results=ResultFiles(
                folder / "downloads",
                downloads=lambda: downloads,  # type: ignore[arg-type, return-value]
                open_keys=self.open_keys,
                clock=self.clock,
                events=self.bus,
            ),
            clock=self.clock,
            random=Random(5),
            events=self.bus,
            outages=self.outages,
        )
        known = {self.library.name: self.library} if libraries is None else libraries
        self.names = NamedAssets()
        self.cached = CachedAssetProvider(self.cache, libraries=known, clock=self.clock, named=self.names.of)
        self.stand_ins = CachedAssetProvider(self.cache, libraries=known, clock=self.clock, stand_ins=True)
        self.pre_made = PreMadeAssetProvider(self.library, cache=self.cache, intake=self.intake, clock=self.clock)
        self.named = NamedAssetProvider(self.pre_made, library=self.library, names=self.names)
        self.generated = GeneratedAssetProvider(
            self.registry,
            journal=self.journal,
            desk=self.desk,
            follower=self.follower,
            cache=self.cache,
            clock=self.clock,
            events=self.bus,
            offline=offline,
        )
        self.placeholder = PlaceholderAssetProvider(folder / "placeholders", draw=draw_film, probe=film_probe)
        self.service = self.serving([self.cached, self.named, self.stand_ins, self.generated, self.placeholder])

    def serving(self, providers: Sequence[object]) -> AssetService:
        """A service over `providers`, with this house's generator as the default."""
        name = None if self.generator is None else self.generator.name
        return AssetService(
            providers,  # type: ignore[arg-type]
            clock=self.clock,
            events=self.bus,
            defaults=RequestDefaults(generator=name),
        )

    async def open_keys(self) -> set[str]:
        return {order.key for order in await self.journal.orders(open_only=True)}

    def asked(self, request: AssetRequest = REQUEST) -> tuple[AssetRequest, str]:
        """`request` as this house's generator is asked for it, and its key."""
        name = None if self.generator is None else self.generator.name
        filled = replace(request, generator=request.generator or name, max_wait_s=request.max_wait_s or 60.0)
        return filled, request_key(filled)
