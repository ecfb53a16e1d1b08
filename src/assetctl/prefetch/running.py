"""Makes a chapter: a second walk, whose items are worked on a few at a time, in the order of the manifest.

Jobs and downloads have lanes of their own, so that one does not wait for the other. One bad item stops nobody; what
would stop them all (a full disk, a lost login, a journal that can't be written) ends the run, and the rest is left for
the next one. A service that is away for a while is waited for. Nothing is remembered of a run but what the cache and
the journal hold: running again does what is left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import anyio

from assetctl.errors import (
    AccountExhausted,
    AssetctlError,
    LibraryError,
    ManifestError,
    ServiceError,
    SpendRefused,
)
from assetctl.models import Source
from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.results import Outcome, Result, Summary, delivered, stops_all, undelivered
from assetctl.prefetch.walking import Planned, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anyio.abc import ObjectReceiveStream, ObjectSendStream

    from assetctl.clock import Clock
    from assetctl.generation.outages import Outages
    from assetctl.generation.precedence import Precedence
    from assetctl.models import Asset, AssetRequest
    from assetctl.prefetch.copies import Copies
    from assetctl.prefetch.deeds import Selection
    from assetctl.prefetch.manifest.findings import Item
    from assetctl.prefetch.manifest.source import ManifestSource
    from assetctl.prefetch.traces import Traces
    from assetctl.service import AssetService

_LANE_LENGTH: Final = 4_000
_ORDERED: Final = frozenset({Deed.MAKE, Deed.JOIN})
#: What is had from these is no word of a service.
_UNASKED: Final = frozenset({Source.CACHED, Source.PLACEHOLDER})


@dataclass(frozen=True, slots=True)
class Pace:
    """How many jobs are waited for and how many other items worked on at a time, and until when, on the clock.

    What is under way has `grace_s` to end after a signal, or after the deadline; the contract gives two seconds for all
    of it. Each `beat_s` whoever listens is told that time passes.
    """

    jobs: int
    downloads: int
    deadline_s: float | None = None
    grace_s: float = 1.0
    beat_s: float = 2.0


class Stop(Enum):
    """Why nothing new is begun any more."""

    SIGNAL = auto()
    DEADLINE = auto()
    TROUBLE = auto()


class Listener:
    """Told what happens in a run, in the event loop; does nothing by itself."""

    def passed(self, item: Item) -> None:
        """`item` is here already, and nothing is done for it."""

    def began(self, item: Item) -> None:
        """`item` is worked on now."""

    def ended(self, result: Result) -> None:
        """An item has its result."""

    def refused(self, why: AssetctlError) -> None:
        """Nothing more is ordered; what needs no order goes on."""

    def passing(self) -> None:
        """Some time went by, whether anything happened or not."""

    def stopping(self, why: Stop) -> None:
        """Nothing new is begun any more."""


class ChapterRun:
    """One run over a chapter. `summary` is true at any moment, also after it was cancelled."""

    def __init__(
        self,
        source: ManifestSource,
        service: AssetService,
        selection: Selection,
        *,
        pace: Pace,
        clock: Clock,
        listener: Listener,
        copies: Copies | None = None,
        stop_orders: Callable[[], None] | None = None,
        traces: Traces,
        outages: Outages,
        precedence: Precedence | None = None,
    ) -> None:
        """Work on the items of `source` that `selection` wants.

        What became of those that were cut off is looked up in `traces`. With `precedence` items are ordered one after
        the other, in the order of the manifest. With `copies` those that are here have one made too. `stop_orders` is
        called when no new order may be placed any more. A service that is away is waited for as long as `outages`
        allows.
        """
        self._service = service
        self._selection = selection
        self._pace = pace
        self._clock = clock
        self._listener = listener
        self._copies = copies
        self._stop_orders = stop_orders
        self._traces = traces
        self._began_at = clock.now()
        self._precedence = precedence
        self._cut_off: list[Planned] = []
        self._walk = Walk(source, service, selection)
        self._is_stopping = False
        self._no_orders: AssetctlError | None = None
        self._outages = outages
        self._working = 0
        self._done = anyio.Event()
        self.summary = Summary()

    async def run(self) -> Summary:
        """What became of the items. When cancelled, what is under way has a grace to end.

        Raises:
            ManifestError: the manifest was changed since it was planned; what was under way has ended.
            CacheError: the cache cannot be used.
        """
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tell_time)
                jobs, downloads = self._lane(tasks, self._pace.jobs), self._lane(tasks, self._pace.downloads)
                try:
                    await self._work_off(jobs, downloads)
                except anyio.get_cancelled_exc_class():
                    self._stop(Stop.SIGNAL)
                    with anyio.CancelScope(shield=True), anyio.move_on_after(self._pace.grace_s):
                        await self._done.wait()
                    raise
        finally:
            await self._end_cut_off()
        return self.summary

    async def _tell_time(self) -> None:
        while not self._done.is_set():
            with anyio.move_on_after(self._pace.beat_s):
                await self._done.wait()
                return
            self._listener.passing()

    def _lane(self, tasks: anyio.abc.TaskGroup, workers: int) -> ObjectSendStream[Planned]:
        send, receive = anyio.create_memory_object_stream[Planned](_LANE_LENGTH)
        for _ in range(workers):
            self._working += 1
            tasks.start_soon(self._work, receive.clone())
        receive.close()
        return send

    async def _work_off(self, jobs: ObjectSendStream[Planned], downloads: ObjectSendStream[Planned]) -> None:
        try:
            async with jobs, downloads:
                await self._feed(jobs, downloads)
        except ManifestError:
            # What is under way was planned, and ends as it would.
            self._stop(Stop.TROUBLE)
            await self._done.wait()
            raise
        await self._done.wait()

    async def _feed(self, jobs: ObjectSendStream[Planned], downloads: ObjectSendStream[Planned]) -> None:
        see = None if self._copies is None else self._copies.see
        async for piece in self._walk.pieces(see):
            for planned in piece:
                if self._selection.wants(planned.item, planned.deed) or (
                    self._copies is not None and self._selection.counts_all
                ):
                    if self._precedence is not None and planned.deed is Deed.MAKE:
                        self._precedence.enter(planned.item.key)
                    await (jobs if planned.deed in _ORDERED else downloads).send(planned)
                elif self._selection.counts_all:
                    self.summary.counts[Outcome.HERE] += 1
                    self._listener.passed(planned.item)
        if (error := self._walk.check().error()) is not None:
            raise error

    async def _work(self, lane: ObjectReceiveStream[Planned]) -> None:
        try:
            async with lane:
                async for planned in lane:
                    try:
                        await self._settle(planned)
                    finally:
                        if self._precedence is not None:
                            self._precedence.leave(planned.item.key)
        finally:
            self._working -= 1
            if not self._working:
                self._done.set()

    async def _settle(self, planned: Planned) -> None:
        if self._is_over():
            self._end(planned, Result(planned.item, Outcome.PENDING if planned.deed is Deed.JOIN else Outcome.LEFT))
            return
        if self._no_orders is not None and planned.deed is Deed.MAKE:
            self._end(planned, _not_ordered(planned.item, self._no_orders))
            return
        self._listener.began(planned.item)
        result: Result | None = None
        try:
            with anyio.move_on_after(self._time_left_s()):
                result = await self._result(planned.item)
        except anyio.get_cancelled_exc_class():
            self._cut_off.append(planned)
            raise
        if result is None:
            self._cut_off.append(planned)
        else:
            self._end(planned, result)

    def _time_left_s(self) -> float | None:
        """When an item is cut off: a little after the deadline, as what waits for its job leaves by itself."""
        deadline_s = self._pace.deadline_s
        return None if deadline_s is None else max(0.0, deadline_s - self._clock.elapsed_s()) + self._pace.grace_s

    async def _end_cut_off(self) -> None:
        """Whoever was cut off has a result: its file had come, or its job goes on and is adopted by the next run."""
        keys = [planned.item.key for planned in self._cut_off]
        sent, held = await self._traces.of_cut_off(keys, self._began_at)
        for planned in self._cut_off:
            asset = _came(planned, held)
            if asset is not None and self._copies is None:
                self._end(planned, delivered(planned.item, asset, None))
            else:
                goes_on = asset is None and planned.item.key in sent
                self._end(planned, Result(planned.item, Outcome.PENDING if goes_on else Outcome.LEFT, asset))

    async def _result(self, item: Item) -> Result:
        try:
            asset = await self._asset(item)
        except AssetctlError as error:
            return await self._failure(item, error)
        for attempt in asset.attempts:
            if attempt.code == AccountExhausted.code:
                self._refuse_orders(AccountExhausted(attempt.detail or "no more orders are taken"))
        try:
            output = None if self._copies is None else await self._copies.put(item, asset)
        except AssetctlError as error:
            return replace(await self._failure(item, error), asset=asset)
        return delivered(item, asset, output)

    async def _failure(self, item: Item, error: AssetctlError) -> Result:
        if isinstance(error, SpendRefused) and self._is_over():
            return Result(item, Outcome.LEFT)
        if isinstance(error, SpendRefused | AccountExhausted):
            self._refuse_orders(error)
        if stops_all(error) and self.summary.stopped is None:
            self.summary.stopped = self._outages.reason(error)
            self._stop(Stop.TROUBLE)
        is_before_its_job = isinstance(error, ServiceError | LibraryError) and error.job_id is None
        return undelivered(item, error, is_ordered=is_before_its_job and await self._traces.is_ordered(item.key))

    def _refuse_orders(self, error: AssetctlError) -> None:
        """What is left to generate is left to another run; the rest goes on."""
        if self._no_orders is None:
            self._listener.refused(error)
        self._no_orders = self.summary.refused = error

    async def _asset(self, item: Item) -> Asset:
        """The asset of `item`; a service that is away for a while is waited for."""
        asset = await self._outages.outlasted(
            lambda: self._service.request_asset(self._timed(item.request)), is_over=self._is_over
        )
        if asset.source not in _UNASKED:
            self._outages.answered()
        return asset

    def _timed(self, request: AssetRequest) -> AssetRequest:
        if self._pace.deadline_s is None:
            return request
        left_s = max(0.0, self._pace.deadline_s - self._clock.elapsed_s())
        stated_s = left_s if request.max_wait_s is None else request.max_wait_s
        return replace(request, max_wait_s=min(stated_s, left_s))

    def _is_over(self) -> bool:
        deadline_s = self._pace.deadline_s
        if not self._is_stopping and deadline_s is not None and self._clock.elapsed_s() >= deadline_s:
            self._stop(Stop.DEADLINE)
        return self._is_stopping

    def _stop(self, why: Stop) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            if self._stop_orders is not None:
                self._stop_orders()
            self._listener.stopping(why)

    def _end(self, planned: Planned, result: Result) -> None:
        availability = None if planned.decision is None else planned.decision.availability
        told = replace(result, is_paid=availability is not None and availability.is_paid)
        self.summary.add(told)
        self._listener.ended(told)


def _not_ordered(item: Item, why: AssetctlError) -> Result:
    return undelivered(item, why) if isinstance(why, SpendRefused) else Result(item, Outcome.LEFT)


def _came(planned: Planned, held: Mapping[str, Asset]) -> Asset | None:
    """The asset of `held`, which came meanwhile, that `planned` came to; None when it has none."""
    if planned.deed is Deed.HERE:
        return None
    asset, source = held.get(planned.item.key), Source.GENERATED if planned.deed in _ORDERED else Source.PRE_MADE
    return None if asset is None else replace(asset, source=source)
