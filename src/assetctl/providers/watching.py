"""Looks at a job until it ends: waits, tells how it is doing, and closes the order of one that ended badly.

The only caller of `Generator.status`. What a job made is fetched elsewhere (`following.py`).
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

from assetctl.errors import AssetctlError, JobCancelled, JobError, JobFailed, JobPending
from assetctl.events import JobEnded, JobProgressed
from assetctl.generation.base import JobState, JobStatus
from assetctl.generation.orders import OrderState
from assetctl.generation.outages import may_pass
from assetctl.generation.waiting import wait_for_job
from assetctl.units import human_duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus
    from assetctl.generation.base import Generator
    from assetctl.generation.journal import Journal
    from assetctl.generation.ordering import OrderDesk
    from assetctl.generation.orders import Order
    from assetctl.generation.outages import Outages
    from assetctl.models import AssetType

#: How long it is believed what jobs typically take.
_TYPICAL_LIFE_S: Final = 10.0

_log = logging.getLogger(__name__)

SUCCEEDED = JobStatus(JobState.SUCCEEDED)


class JobWatch:
    """Watches jobs of accepted orders, whoever placed them."""

    def __init__(
        self,
        *,
        journal: Journal,
        desk: OrderDesk,
        clock: Clock,
        random: Random,
        events: AssetEventBus,
        outages: Outages,
    ) -> None:
        """Watch jobs of `journal`; a service that is away meanwhile is waited for with `outages`."""
        self._journal = journal
        self._desk = desk
        self._clock = clock
        self._random = random
        self._events = events
        self._outages = outages
        self._typical: dict[tuple[str, AssetType], tuple[float, float | None]] = {}

    async def wait(self, generator: Generator, order: Order, max_wait_s: float, *, of_s: float | None = None) -> None:
        """The job of `order` made its file.

        `max_wait_s` is what is left of a longest wait `of_s`; None is all of it.

        Raises:
            JobPending: `max_wait_s` passed and the job goes on, or it is paused.
            JobFailed, JobCancelled: it ended without a file; the order is closed.
            ServiceError: the generator could not be asked within `max_wait_s`; the job may go on.
        """
        job_id = order.job_id or ""
        status = await self.look_on(generator, order, max_wait_s)
        if status is None:
            raise JobPending(
                f"the job `{job_id}` at `{generator.name}` is not finished yet",
                why=_why_left(max_wait_s, max_wait_s if of_s is None else of_s),
                hint="ask again with the same options: the job is adopted, nothing is ordered twice",
                job_id=job_id,
            )
        if status.state is JobState.PAUSED:
            raise _paused(generator, job_id, status)
        if status.state is not JobState.SUCCEEDED:
            await self.end(generator, order, status)
            raise _ended_badly(generator, job_id, status)

    async def look_on(self, generator: Generator, order: Order, max_wait_s: float) -> JobStatus | None:
        """The status that ended the wait for the job, told as it changed; None when `max_wait_s` passed first.

        Raises:
            JobError: there is no such job any more.
            ServiceError: the generator could not be asked within `max_wait_s`; the job may go on.
        """
        job_id = order.job_id or ""
        until_s = self._clock.elapsed_s() + max_wait_s
        # Labels and the first pause only: the machine's clock may have been set meanwhile.
        gone_s = math.inf if order.sent_at is None else max(0.0, (self._clock.now() - order.sent_at).total_seconds())
        typical_s = await self._typical_s(order)
        async with generator.watch() as hints:
            status = await wait_for_job(
                lambda: self._outages.outlasted(
                    lambda: self._look(generator, order, job_id), until_s=until_s, is_passing=may_pass
                ),
                clock=self._clock,
                random=self._random,
                max_wait_s=max_wait_s,
                on_status=self._teller(order, job_id, typical_s, gone_s),
                hints=hints,
                job_id=job_id,
                ordered_s_ago=gone_s,
            )
        if status is not None and status.is_final:
            self._events.publish(JobEnded(order.key, generator.name, job_id, status.state))
        return status

    async def _typical_s(self, order: Order) -> float | None:
        """What such jobs took before; for many at once it is looked up now and then."""
        kind = order.generator, order.request.asset_type
        now_s = self._clock.elapsed_s()
        known = self._typical.get(kind)
        if known is None or now_s - known[0] > _TYPICAL_LIFE_S:
            known = self._typical[kind] = now_s, await self._journal.typical_time_s(*kind)
        return known[1]

    async def gone(self, generator: Generator, order: Order, error: JobError) -> None:
        """A job that its generator doesn't know any more must not hold its key for ever.

        One that cost nothing is given up at once; what was paid for is given up only by the user, and `error` says how.
        """
        if generator.is_paid:
            error.hint = f"assetctl jobs cancel {order.order_id} --forget gives it up, so that it can be ordered anew"
        else:
            await self._journal.advance(order, OrderState.FAILED, detail=error.what)
            error.hint = "ask again: the order was given up, it cost nothing"

    async def end(self, generator: Generator, order: Order, status: JobStatus) -> None:
        """The order of a job that ended badly is closed, unless somebody else has gone on with it."""
        cancelled = status.state is JobState.CANCELLED
        state = OrderState.CANCELLED if cancelled else OrderState.FAILED
        async with self._desk.exclusively(order.key):
            current = await self._journal.get(order.order_id) or order
            if current.state is not OrderState.ACCEPTED:
                return
            await self._journal.advance(current, state, detail=status.message)
            if not generator.is_paid:
                await discard(generator, current)

    async def _look(self, generator: Generator, order: Order, job_id: str) -> JobStatus:
        try:
            status = await generator.status(job_id)
        except JobError as error:
            # Somebody else may have collected the job and let the generator forget it while we slept.
            current = await self._journal.get(order.order_id)
            if current is not None and current.state in (OrderState.PUBLISHED, OrderState.CLOSED):
                return SUCCEEDED
            await self.gone(generator, order, error)
            raise
        self._outages.answered()
        return status

    def _teller(self, order: Order, job_id: str, typical_s: float | None, gone_s: float) -> Callable[[JobStatus], None]:
        start_s = self._clock.elapsed_s() - (0.0 if math.isinf(gone_s) else gone_s)

        def tell(status: JobStatus) -> None:
            if not status.is_final:
                self._events.publish(
                    JobProgressed(
                        order.key,
                        order.generator,
                        job_id,
                        status.state,
                        status.fraction,
                        status.message,
                        elapsed_s=self._clock.elapsed_s() - start_s,
                        typical_s=typical_s,
                    )
                )

        return tell


async def discard(generator: Generator, order: Order) -> None:
    """What the generator kept of the job is gone, or it was written down that it is not."""
    try:
        await generator.discard(order.job_id or "")
    except AssetctlError as error:
        # The asset is stored; what the generator keeps of it costs room and nothing else.
        _log.info("the generator `%s` kept a job it should forget: %s", generator.name, error.what)


def _why_left(left_s: float, of_s: float) -> str:
    if left_s:
        return "the longest wait is over"
    return (
        f"the longest wait of {human_duration(of_s)} was over before it was ordered" if of_s else "nobody waits for it"
    )


def _paused(generator: Generator, job_id: str, status: JobStatus) -> JobPending:
    return JobPending(
        f"the job `{job_id}` at `{generator.name}` is paused",
        why=status.message or "it moves only when somebody lets it go on",
        hint=f"let it go on at its service and ask again, or stop it: assetctl jobs cancel {job_id}",
        job_id=job_id,
    )


def _ended_badly(generator: Generator, job_id: str, status: JobStatus) -> JobError:
    if status.state is JobState.CANCELLED:
        return JobCancelled(f"the job `{job_id}` at `{generator.name}` was cancelled", hint="ask again", job_id=job_id)
    return JobFailed(
        f"the generator `{generator.name}` could not make this asset",
        why=status.message,
        hint="nothing is ordered again by itself; ask again to try once more",
        job_id=job_id,
    )
