"""Follows a job that is ordered: waits for it, fetches and verifies its file, stores it, closes the order.

Any process may follow any job, also one that somebody else ordered; each step is durable before the next, so a
follower that dies leaves the rest to the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio

from assetctl.errors import IntegrityError, JobError, JobFailed, ServiceError
from assetctl.events import CancelAsked, JobCollected, JobFileArrived, OutcomeAwaited
from assetctl.generation.base import GenerationOrder, JobState
from assetctl.generation.orders import OrderState
from assetctl.generation.outages import may_pass
from assetctl.generation.waiting import settled
from assetctl.models import Origin, Source
from assetctl.providers.intake import Facts, Handover
from assetctl.providers.watching import SUCCEEDED, JobWatch, discard

if TYPE_CHECKING:
    from random import Random

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.store import AssetCache
    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus
    from assetctl.generation.base import GeneratedFile, Generator, JobStatus
    from assetctl.generation.journal import Journal
    from assetctl.generation.ordering import OrderDesk
    from assetctl.generation.orders import Order
    from assetctl.generation.outages import Outages
    from assetctl.models import MediaInfo
    from assetctl.providers.intake import Intake
    from assetctl.providers.results import ResultFiles

#: An asset that is stored is not kept waiting longer than this by a service that is told what it is for.
_ANNOUNCE_LIMIT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A job's file in the cache, and what went wrong beside it: sentences for the asset's warnings."""

    entry: CacheEntry
    warnings: tuple[str, ...] = ()


class JobFollower:
    """Brings accepted orders home; the only caller of `Generator.result`."""

    def __init__(
        self,
        *,
        journal: Journal,
        desk: OrderDesk,
        cache: AssetCache,
        intake: Intake,
        results: ResultFiles,
        clock: Clock,
        random: Random,
        events: AssetEventBus,
        outages: Outages,
    ) -> None:
        """Follow jobs of `journal` into `cache`; a service that is away meanwhile is waited for with `outages`."""
        self._journal = journal
        self._desk = desk
        self._cache = cache
        self._intake = intake
        self._results = results
        self._clock = clock
        self._events = events
        self._outages = outages
        self._watch = JobWatch(journal=journal, desk=desk, clock=clock, random=random, events=events, outages=outages)

    async def bring_home(
        self, generator: Generator, order: Order, max_wait_s: float, *, since_s: float | None = None
    ) -> Arrival:
        """The job's verified file in the cache, the order closed; stored by us or by somebody else meanwhile.

        A service that is away is waited for, also with its file half fetched. The wait began at `since_s` on the clock;
        None is now.

        Raises:
            JobPending: `max_wait_s` passed and the job goes on, or it is paused.
            JobFailed, JobCancelled: it ended without a file.
            IntegrityError: its file is not what it should be.
            ServiceError: the generator could not be asked within `max_wait_s`; the job may go on.
        """
        now_s = self._clock.elapsed_s()
        until_s = (now_s if since_s is None else since_s) + max_wait_s
        try:
            # What is heard of a job is of use until its file is here, not only until it has ended.
            async with generator.watch():
                if order.state is OrderState.ACCEPTED:
                    await self._watch.wait(generator, order, max(0.0, until_s - now_s), of_s=max_wait_s)
                arrival = await self._outages.outlasted(
                    lambda: self._collected(generator, order), until_s=until_s, is_passing=may_pass
                )
        except ServiceError as error:
            # Whoever is told of it should know that there is a job to come back for.
            error.job_id = error.job_id or order.job_id
            raise
        self._outages.answered()
        self._events.publish(JobCollected(order.key, generator.name, order.job_id or ""))
        return arrival

    async def resume(self, generator: Generator, order: Order, max_wait_s: float) -> Arrival:
        """As `bring_home` for an order that may be at any state; nothing is ever ordered.

        Raises:
            NeverOrdered: it was never sent or never arrived; it frees its key.
            JobFailed: it ended without a file; it frees its key.
            OutcomeUnknown: it was sent and the generator can't tell what became of it.
            JobPending, JobCancelled, IntegrityError, ServiceError: as `bring_home`.
        """
        start_s = self._clock.elapsed_s()
        current = await settled(
            lambda: self._adopted(generator, order),
            clock=self._clock,
            max_wait_s=max_wait_s,
            on_pause=lambda pause_s: self._events.publish(OutcomeAwaited(order.key, generator.name, pause_s)),
        )
        return await self.bring_home(generator, current, max_wait_s, since_s=start_s)

    async def _adopted(self, generator: Generator, order: Order) -> Order:
        async with self._desk.exclusively(order.key):
            current = await self._journal.get(order.order_id) or order
            if not current.is_open:
                return current
            return await self._desk.adopt(generator, current)

    async def fetch_again(self, generator: Generator, order: Order) -> CacheEntry:
        """The entry of a closed order whose file was paid for and is no longer in the cache; nothing is bought.

        The caller holds the desk's lock of the order's key.

        Raises:
            JobError, ServiceError: the generator doesn't have the file any more, or could not be asked.
            IntegrityError: its file is not what it should be.
        """
        return await self._fetch(generator, order, await generator.result(order.job_id or ""))

    async def cancel(self, generator: Generator, order: Order, max_wait_s: float) -> JobStatus:
        """What became of the job after asking to stop it and then looking at it for `max_wait_s` at most.

        A job that stopped closes its order; one that is still at work may stop later. Nothing is fetched.

        Raises:
            NeverOrdered: there is no job: it was never sent or never arrived; its key is free.
            OutcomeUnknown: it was sent, and the generator can't tell what became of it.
            ServiceError: the generator could not be asked.
        """
        current = await self._adopted(generator, order)
        if current.state is not OrderState.ACCEPTED:
            return SUCCEEDED
        status = await generator.cancel(current.job_id or "")
        if not status.is_final:
            self._events.publish(CancelAsked(current.key, generator.name, current.job_id or "", status.state))
            status = await self._watch.look_on(generator, current, max_wait_s) or status
        if status.state in (JobState.CANCELLED, JobState.FAILED):
            await self._watch.end(generator, current, status)
        return status

    async def forget(self, order: Order) -> None:
        """`order` is given up on the user's word: its key is free, whatever its job may have cost is not looked for."""
        async with self._desk.exclusively(order.key):
            await self._journal.advance(order, OrderState.ABANDONED, detail="given up by the user")

    async def _collected(self, generator: Generator, order: Order) -> Arrival:
        # Whoever waits for a service that is away holds no lock meanwhile.
        async with self._desk.exclusively(order.key):
            return await self._collect(generator, order)

    async def _collect(self, generator: Generator, order: Order) -> Arrival:
        """The file, with the order's lock held."""
        current = await self._journal.get(order.order_id) or order
        if current.state in (OrderState.PUBLISHED, OrderState.CLOSED):
            entry = await self._cache.lookup(order.key)
            if entry is not None:
                return Arrival(entry, await self.close(generator, current))
        if not current.is_open:
            raise _ended_meanwhile(current)
        entry = await self._stored_already(current)
        if entry is None:
            entry = await self._fetched(generator, current)
        current = await self._journal.advance(current, OrderState.PUBLISHED, digest=entry.sha256)
        return Arrival(entry, await self.close(generator, current))

    async def _stored_already(self, order: Order) -> CacheEntry | None:
        """What a follower that was killed before it could say so has stored for `order`."""
        if order.digest is None:
            return None
        entry = await self._cache.lookup(order.key)
        return entry if entry is not None and entry.sha256 == order.digest else None

    async def _fetched(self, generator: Generator, current: Order) -> CacheEntry:
        try:
            file = await generator.result(current.job_id or "")
        except JobError as error:
            await self._watch.gone(generator, current, error)
            raise
        current = await self._journal.advance(
            current, OrderState.READY, cost=file.cost, generation_time_ms=file.generation_time_ms
        )
        try:
            return await self._fetch(generator, current, file)
        except IntegrityError as error:
            if not generator.is_paid:
                # A broken file that cost nothing is thrown away, so that asking again makes a new one.
                await self._journal.advance(current, OrderState.FAILED, detail=error.what)
                await discard(generator, current)
            raise

    async def _fetch(self, generator: Generator, order: Order, file: GeneratedFile) -> CacheEntry:
        facts = Facts(
            key=order.key,
            request=order.request,
            asset_id=file.asset_id,
            asset_type=order.request.asset_type,
            source=Source.GENERATED,
            origin=Origin(
                provider=f"generator:{generator.name}",
                created_at=file.created_at or self._clock.now(),
                generator=generator.name,
                model=file.model,
                job_id=order.job_id,
            ),
            stand_in=generator.is_stand_in,
            paid=generator.is_paid,
            cost=file.cost,
            generation_time_ms=file.generation_time_ms,
        )

        self._events.publish(JobFileArrived(order.key, generator.name, order.job_id or ""))

        async def downloaded(_media: MediaInfo, digest: str) -> None:
            if order.is_open:
                await self._journal.advance(order, OrderState.DOWNLOADED, digest=digest)

        async with self._results.local(generator, order, file) as local:
            return await self._intake.take(
                local.path,
                facts,
                sha256=file.sha256,
                handover=Handover.COPY if local.hashed is None else Handover.SHARE,
                hashed=local.hashed,
                before_store=downloaded,
            )

    async def close(self, generator: Generator, order: Order) -> tuple[str, ...]:
        """What went wrong while others were told of a published job; its key is free for another order.

        What the generator kept of it is gone. The caller holds the desk's lock of the order's key.
        """
        if order.state is OrderState.CLOSED:
            return ()
        warnings = await self._announced(generator, order)
        await discard(generator, order)
        await self._journal.advance(order, OrderState.CLOSED)
        return warnings

    async def _announced(self, generator: Generator, order: Order) -> tuple[str, ...]:
        why = f"it took longer than {_ANNOUNCE_LIMIT_S:g} s"
        with anyio.move_on_after(_ANNOUNCE_LIMIT_S):
            try:
                await generator.announce(order.job_id or "", GenerationOrder(order.key, order.request))
            except (ServiceError, JobError) as error:
                why = error.sentence
            else:
                return ()
        return (f"the asset is stored, but `{generator.name}` could not be told what it is for: {why}",)


def _ended_meanwhile(order: Order) -> JobError:
    match order.state:
        case OrderState.CANCELLED:
            what = f"the job `{order.job_id}` was cancelled meanwhile"
        case OrderState.CLOSED:
            what = f"the job `{order.job_id}` was collected by somebody else, and its file is gone since"
        case _:
            what = f"the job `{order.job_id}` ended meanwhile without an asset"
    return JobFailed(what, why=order.detail, hint="ask again", job_id=order.job_id)
