"""From "this is wanted" to "this job makes it", without ordering anything twice.

An order is intended, sent and accepted in the journal under a kernel lock on its key; whoever comes later adopts what
is there. An order that was sent without a known answer is settled by asking the generator, never by sending it again.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from assetctl import eventloop, filesystem, locks
from assetctl.errors import (
    AssetctlError,
    CacheError,
    JobFailed,
    JournalError,
    NeverOrdered,
    OutcomeUnknown,
    ServiceError,
    SpendRefused,
)
from assetctl.events import JobAdopted, JobSubmitted, WaitingForLock
from assetctl.generation.base import GenerationOrder
from assetctl.generation.orders import OrderState
from assetctl.generation.precedence import Precedence
from assetctl.models import Cost

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus
    from assetctl.generation.allowances import Allowance
    from assetctl.generation.base import Generator
    from assetctl.generation.journal import Journal
    from assetctl.generation.orders import Order
    from assetctl.models import AssetRequest, Estimate

#: Longest time another process may take to place or collect one order before we say so and give up.
LOCK_LIMIT_S: Final = 120.0
_FREE: Final = Cost(Decimal(0), "USD")


class OrderDesk:
    """Places orders and says which job answers a request; the only caller of `Generator.submit`."""

    def __init__(
        self,
        journal: Journal,
        *,
        locks_folder: Path,
        clock: Clock,
        events: AssetEventBus,
        allowance: Allowance | None,
        find_kind: filesystem.FindKind = filesystem.kind_of,
    ) -> None:
        """Write to `journal`, and place new orders within `allowance`, which other processes may share."""
        self._journal = journal
        self._find_kind = find_kind
        self._locks_folder = locks_folder
        self._clock = clock
        self._events = events
        self._allowance = allowance
        self._until_s: float | None = None
        self._lines_up = False
        self.precedence = Precedence()

    def limit_to(self, allowance: Allowance | None) -> None:
        """From now on new orders are placed within `allowance`; earlier ones count if they were of the same run."""
        self._allowance = allowance

    def close_at(self, moment_s: float) -> None:
        """No order is placed from this moment of the clock on, not even one that waited for its turn until then."""
        self._until_s = moment_s

    def line_up(self) -> None:
        """From now on orders wait for their turn as long as it takes, whatever the longest wait of their requests."""
        self._lines_up = True

    def longest_line_s(self, request: AssetRequest) -> float:
        """How long the order of `request` may wait for its turn.

        Who waits for no job wants to order all the same, and stands in line for that as long as it takes.
        """
        return math.inf if self._lines_up else request.max_wait_s or math.inf

    def exclusively(self, key: str) -> AbstractAsyncContextManager[None]:
        """Within the block no other process or task of this machine places or collects the order for `key`.

        Raises:
            CacheError: another one held it for `LOCK_LIMIT_S`.
            StorageUnusable: it lies on a file system whose locks are not known to work; nothing is ordered there.
        """
        filesystem.require_local(self._locks_folder, "the locks of orders", find_kind=self._find_kind)
        return locks.hold(
            self._locks_folder / f"{key}.lock",
            clock=self._clock,
            limit_s=LOCK_LIMIT_S,
            on_wait=lambda owner, waited_s: self._events.publish(WaitingForLock(key, owner, waited_s)),
        )

    async def place(self, generator: Generator, key: str, request: AssetRequest) -> Order:
        """The order whose job makes the asset of `key`, its job id durable: adopted if there is one, else newly placed.

        The caller holds `exclusively(key)`.

        Raises:
            SpendRefused: the limit of new orders is reached, or it is too late for them; nothing was sent.
            InvalidRequest: the generator's service would not take it; nothing was written down.
            OutcomeUnknown: an order was sent and cannot be settled yet.
            JobError, ServiceError: the generator refused or could not be asked; nothing was ordered.
            JournalError: the journal can't be read or written; nothing was ordered.
        """
        order = await self._journal.open_order(key)
        if order is None:
            return await self._send_new(generator, GenerationOrder(key, request))
        match order.state:
            case OrderState.INTENDED:
                return await self._send_again(generator, order)
            case OrderState.SENT | OrderState.UNKNOWN:
                return await self.settle(generator, order)
            case _:
                return await self._adopted(order)

    async def adopt(self, generator: Generator, order: Order) -> Order:
        """The open `order` with its job id durable; nothing is ever sent, and what never arrived is given up.

        The caller holds `exclusively(order.key)`.

        Raises:
            NeverOrdered: it was never sent, or never arrived; it cost nothing and frees its key.
            OutcomeUnknown: it was sent and cannot be settled yet.
            JournalError: the journal can't be read or written.
        """
        if order.is_lost:
            found = await self._found(generator, order)
            if found is not None:
                return self._taken_up(found)
        elif order.state is not OrderState.INTENDED:
            return await self._adopted(order)
        await self._journal.advance(order, OrderState.REFUSED, detail="it never arrived")
        raise NeverOrdered(
            f"the order `{order.order_id}` never arrived at `{generator.name}`",
            why="whoever placed it ended before",
            hint="it cost nothing; ask for the asset again",
        )

    async def settle(self, generator: Generator, order: Order) -> Order:
        """`order`, sent without a known answer, as accepted with its job, or sent now that it surely never arrived.

        Raises:
            OutcomeUnknown: the generator can't tell; the order stays as it is and is not sent again.
            JobError, ServiceError, SpendRefused: as `place`.
        """
        found = await self._found(generator, order)
        return await self._send_again(generator, order) if found is None else self._taken_up(found)

    async def look_for(self, generator: Generator, order: Order) -> bool:
        """Whether `order`, sent without a known answer, has its job now; if not, it never arrived and is only intended.

        The caller holds `exclusively(order.key)`.

        Raises:
            OutcomeUnknown: the generator can't tell; the order stays as it is.
            JournalError: the journal can't be read or written.
        """
        if await self._found(generator, order) is not None:
            return True
        await self._journal.advance(order, OrderState.INTENDED, detail="it never arrived")
        return False

    async def _adopted(self, order: Order) -> Order:
        return self._taken_up(await self._journal.own(order))

    def _taken_up(self, order: Order) -> Order:
        self._events.publish(JobAdopted(order.key, order.generator, order.job_id or ""))
        return order

    async def _found(self, generator: Generator, order: Order) -> Order | None:
        try:
            job_id = await generator.find(GenerationOrder(order.key, order.request), order.order_id, order.sent_at)
        except (OutcomeUnknown, ServiceError) as error:
            await self._journal.advance(order, OrderState.UNKNOWN, detail=error.what)
            raise _unknown(generator, order, error) from error
        if job_id is None:
            return None
        return await self._journal.advance(await self._journal.own(order), OrderState.ACCEPTED, job_id=job_id)

    def _require_time(self) -> None:
        if self._until_s is not None and self._clock.elapsed_s() >= self._until_s:
            raise SpendRefused(
                "the deadline has passed",
                why="nothing is ordered after it",
                hint="run the same command again, with a later one",
            )

    async def _send_new(self, generator: Generator, wanted: GenerationOrder) -> Order:
        self._require_time()
        # What can be refused without an order is refused before there is one.
        await generator.check(wanted)
        estimate = await generator.estimate(wanted)
        order, _ = await self._journal.intend(
            wanted.key, generator.name, wanted.request, allowance=self._allowance, price=_price(generator, estimate)
        )
        self.precedence.leave(wanted.key)
        return await self._send(generator, order, estimate)

    async def _send_again(self, generator: Generator, order: Order) -> Order:
        """`order`, which surely never arrived, sent now."""
        self._require_time()
        wanted = GenerationOrder(order.key, order.request)
        try:
            await generator.check(wanted)
            estimate = await generator.estimate(wanted)
        except AssetctlError as error:
            # The key must not stay occupied by an order that cannot be made.
            await self._journal.advance(order, OrderState.REFUSED, detail=error.what)
            raise
        price = _price(generator, estimate)
        return await self._send(
            generator, await self._journal.reserve(order, allowance=self._allowance, price=price), estimate
        )

    async def _send(self, generator: Generator, order: Order, estimate: Estimate) -> Order:
        order = await self._journal.advance(order, OrderState.SENT)
        try:
            job_id = await generator.submit(GenerationOrder(order.key, order.request), order.order_id)
        except OutcomeUnknown as error:
            await self._journal.advance(order, OrderState.UNKNOWN, detail=error.what)
            raise _unknown(generator, order, error) from error
        except (JobFailed, ServiceError) as error:
            # By the Generator's promise nothing was ordered, unless a job is named that makes something else. The key
            # is free for a new order either way; what may have been paid for counts as spent.
            state = OrderState.REFUSED if error.job_id is None else OrderState.FAILED
            await self._journal.advance(order, state, detail=error.what, job_id=error.job_id)
            raise
        accepted = await self._accepted(generator, order, job_id)
        self._events.publish(JobSubmitted(order.key, generator.name, job_id, estimate))
        return accepted

    async def _accepted(self, generator: Generator, order: Order, job_id: str) -> Order:
        try:
            with eventloop.shield():
                # Whoever leaves now has bought something: its id must be kept first.
                return await self._journal.advance(order, OrderState.ACCEPTED, job_id=job_id)
        except (JournalError, CacheError) as error:
            raise OutcomeUnknown(
                f"`{generator.name}` accepted the job `{job_id}`, but that could not be written down",
                why=error.sentence,
                hint="keep the journal as it is; once it can be written: assetctl jobs reconcile",
                job_id=job_id,
            ) from error


def _price(generator: Generator, estimate: Estimate) -> Cost | None:
    """The most that an order may cost, None when nobody says; a generator that is never paid takes nothing."""
    return estimate.cost_high if generator.is_paid else _FREE


def _unknown(generator: Generator, order: Order, error: OutcomeUnknown | ServiceError) -> OutcomeUnknown:
    is_final = isinstance(error, OutcomeUnknown) and error.ask_again_in_s is None
    return OutcomeUnknown(
        f"nobody knows whether `{generator.name}` accepted the order",
        why=str(error),
        hint=(error.hint if is_final else None) or "assetctl jobs reconcile",
        job_id=order.job_id,
        ask_again_in_s=getattr(error, "ask_again_in_s", None),
    )
