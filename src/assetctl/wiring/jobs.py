"""What orders and their jobs take: who makes them, what is remembered of them, who places them and brings them home."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assetctl.generation.allowances import Allowance
    from assetctl.generation.journal import Journal
    from assetctl.generation.ordering import OrderDesk
    from assetctl.generation.outages import Outages
    from assetctl.generation.registry import GeneratorRegistry
    from assetctl.providers.following import JobFollower
    from assetctl.providers.results import ResultFiles
    from assetctl.wiring.backend import Backend
    from assetctl.wiring.storage import Storage
    from assetctl.wiring.surroundings import Surroundings


class Jobs:
    """The parts that order and follow jobs, each built when it is first used."""

    def __init__(self, surroundings: Surroundings, *, storage: Storage, backend: Backend) -> None:
        """Build nothing yet; what jobs make comes into the cache of `storage`, over HTTP through `backend`."""
        self._settings = surroundings.settings
        self._data = surroundings.data
        self._events = surroundings.events
        self._clock = surroundings.clock
        self._tell = surroundings.tell
        self._run_id = surroundings.run_id
        self._storage = storage
        self._backend = backend

    @cached_property
    def journal(self) -> Journal:
        """The durable list of jobs."""
        from assetctl.generation.journal import Journal

        return Journal(self._data.journal, clock=self._clock)

    @cached_property
    def registry(self) -> GeneratorRegistry:
        """The generators."""
        from assetctl.generation.registry import GeneratorContext, GeneratorRegistry

        if self._settings.backend.url is None:
            return GeneratorRegistry(GeneratorContext(data_dir=self._data.root, clock=self._clock))
        return GeneratorRegistry(
            GeneratorContext(
                data_dir=self._data.root,
                clock=self._clock,
                pixsim=lambda: self._backend.client,
                pixsim_events=lambda: self._backend.event_socket,
                default_provider=self._settings.generation.default_provider,
                lookups=lambda: self._storage.lookups,
                tell=self._tell,
            )
        )

    @cached_property
    def allowance(self) -> Allowance:
        """What this run may order."""
        from secrets import token_hex

        from assetctl.generation.allowances import Allowance

        return Allowance(self._run_id or token_hex(8), max_orders=self._settings.budget.max_generations_per_run)

    @cached_property
    def desk(self) -> OrderDesk:
        """Where orders are placed."""
        from assetctl.generation.ordering import OrderDesk

        return OrderDesk(
            self.journal,
            locks_folder=self._data.locks,
            clock=self._clock,
            events=self._events,
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
            cache=self._storage.cache,
            intake=self._storage.intake,
            results=self.results,
            clock=self._clock,
            random=Random(),  # noqa: S311 - spreads askers, hides nothing
            events=self._events,
            outages=self.outages,
        )

    @cached_property
    def outages(self) -> Outages:
        """What is known of services that give no answer."""
        from assetctl.generation.outages import Outages

        return Outages(clock=self._clock, events=self._events)

    @cached_property
    def results(self) -> ResultFiles:
        """Where files of finished jobs come from."""
        from assetctl.providers.results import ResultFiles

        return ResultFiles(
            self._data.downloads,
            downloads=lambda: self._backend.downloads,
            open_keys=self._open_keys,
            clock=self._clock,
            events=self._events,
        )

    async def _open_keys(self) -> set[str]:
        return {order.key for order in await self.journal.orders(open_only=True)}
