"""A job is followed to its end, whoever ordered it; each step is durable before the next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from assetctl.clock import SystemClock
from assetctl.errors import (
    IntegrityError,
    JobCancelled,
    JobError,
    JobFailed,
    JobPending,
    NeverOrdered,
    OutcomeUnknown,
    RateLimited,
    ServiceError,
    ServiceFault,
    ServiceUnreachable,
)
from assetctl.events import (
    CancelAsked,
    JobCollected,
    JobEnded,
    JobFileArrived,
    JobProgressed,
    OutcomeAwaited,
    ServiceAway,
    ServiceBack,
)
from assetctl.generation.base import GeneratedFile, JobState, JobStatus
from assetctl.generation.orders import OrderState
from assetctl.models import Source
from fakes import REQUEST, House
from shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.errors import AssetctlError
    from assetctl.generation.base import GenerationOrder
    from assetctl.generation.orders import Order

pytestmark = pytest.mark.anyio

KEY = "a" * 64


async def ordered(house: House, shop: Shop, key: str = KEY) -> Order:
    async with house.desk.exclusively(key):
        return await house.desk.place(shop, key, REQUEST)


async def state_of(house: House, order: Order) -> OrderState:
    found = await house.journal.get(order.order_id)
    assert found is not None
    return found.state


class Wrapped(Shop):
    """A shop whose answer to one question can be replaced."""

    instead: GeneratedFile | None = None
    trouble: Exception | None = None

    async def result(self, job_id: str) -> GeneratedFile:
        if self.trouble is not None:
            raise self.trouble
        return self.instead or await super().result(job_id)


@pytest.fixture
def shop(tmp_path: Path) -> Wrapped:
    return Wrapped(tmp_path / "shop")


async def test_order_is_brought_home_and_closed(house: House, shop: Shop):
    order = await ordered(house, shop)
    entry = (await house.follower.bring_home(shop, order, 60)).entry
    assert entry.key == KEY
    assert await house.cache.lookup(KEY) == entry
    assert await state_of(house, order) is OrderState.CLOSED


async def test_progress_is_told_and_the_end_once(house: House, shop: Shop):
    shop.looks = 3
    order = await ordered(house, shop)
    house.events.clear()
    await house.follower.bring_home(shop, order, 60)
    job_id = order.job_id or ""
    later_s = pytest.approx(house.clock.slept[0], abs=0.001)  # type: ignore[attr-defined]
    assert house.events == [
        JobProgressed(KEY, "shop", job_id, "running", 0.5, "drawing", elapsed_s=0.0),
        JobProgressed(KEY, "shop", job_id, "running", 0.5, "drawing", elapsed_s=later_s),
        JobEnded(KEY, "shop", job_id, "succeeded"),
        JobFileArrived(KEY, "shop", job_id),
        JobCollected(KEY, "shop", job_id),
    ]


@pytest.mark.parametrize(("wait_s", "why"), [(0.0, "nobody waits"), (5.0, "the longest wait is over")])
async def test_job_that_is_not_finished_goes_on(house: House, shop: Shop, wait_s: float, why: str):
    shop.looks = 10**6
    order = await ordered(house, shop)
    with pytest.raises(JobPending) as caught:
        await house.follower.bring_home(shop, order, wait_s)
    assert caught.value.exit_code == 4
    assert caught.value.job_id == order.job_id
    assert why in (caught.value.why or "")
    assert await state_of(house, order) is OrderState.ACCEPTED


@pytest.mark.parametrize(
    ("ends", "error", "state"),
    [(JobState.FAILED, JobFailed, OrderState.FAILED), (JobState.CANCELLED, JobCancelled, OrderState.CANCELLED)],
)
async def test_job_that_ends_badly_frees_its_key(
    house: House, shop: Shop, ends: JobState, error: type[JobError], state: OrderState
):
    shop.ends = ends
    order = await ordered(house, shop)
    with pytest.raises(error) as caught:
        await house.follower.bring_home(shop, order, 60)
    assert caught.value.job_id == order.job_id
    assert await state_of(house, order) is state
    assert isinstance(house.events[-1], JobEnded)
    assert house.events[-1].state == ends
    assert await house.journal.open_order(KEY) is None


async def test_trouble_while_looking_leaves_the_job(house: House, shop: Shop):
    order = await ordered(house, shop)

    async def look(_job_id: str):
        raise ServiceUnreachable("no answer")

    shop.status = look  # type: ignore[method-assign]
    began_s = house.clock.elapsed_s()
    with pytest.raises(ServiceUnreachable) as caught:
        await house.follower.bring_home(shop, order, 60)
    assert caught.value.job_id == order.job_id
    assert house.clock.elapsed_s() - began_s == pytest.approx(60)
    assert await state_of(house, order) is OrderState.ACCEPTED


AWAY = [ServiceUnreachable("no answer"), RateLimited("busy"), ServiceFault("boom")]


@pytest.mark.parametrize("trouble", AWAY)
@pytest.mark.parametrize("question", ["status", "result"])
async def test_service_that_is_away_while_its_job_is_followed_is_waited_for_aloud(
    house: House, shop: Shop, trouble: ServiceError, question: str
):
    shop.looks = 3
    order = await ordered(house, shop)
    honest, asked, fails = getattr(shop, question), 0, {2, 3} if question == "status" else {1, 2}

    async def ask(job_id: str) -> object:
        nonlocal asked
        asked += 1
        if asked in fails:
            raise trouble
        return await honest(job_id)

    setattr(shop, question, ask)
    house.events.clear()
    await house.follower.bring_home(shop, order, 60)
    assert await state_of(house, order) is OrderState.CLOSED
    told = [event for event in house.events if isinstance(event, ServiceAway | ServiceBack)]
    assert told == [ServiceAway(None, trouble.what, None, pytest.approx(60, abs=5)), ServiceBack(None)]
    ended = JobEnded(KEY, "shop", order.job_id or "", "succeeded")
    # The first answer is news, not only the last.
    assert (house.events.index(told[1]) < house.events.index(ended)) == (question == "status")
    assert shop.charges == 1


async def test_nobody_is_kept_from_a_job_by_who_waits_for_its_service(house: House, shop: Wrapped):
    order = await ordered(house, shop)
    shop.trouble = ServiceUnreachable("no answer")
    taken = anyio.Event()

    async def take(_seconds: float) -> None:
        async with house.desk.exclusively(order.key):
            shop.trouble = None
            taken.set()

    house.clock.sleep = take  # type: ignore[method-assign]
    with anyio.fail_after(20):
        await house.follower.bring_home(shop, order, 60)
    assert taken.is_set()


@pytest.mark.parametrize("trouble", AWAY)
async def test_who_waits_for_nothing_does_not_wait_for_a_service_either(
    house: House, shop: Wrapped, trouble: ServiceError
):
    order = await ordered(house, shop)
    shop.trouble = trouble
    with pytest.raises(type(trouble)):
        await house.follower.bring_home(shop, order, 0.0)
    assert house.clock.slept == []  # type: ignore[attr-defined]


async def test_job_that_nobody_knows_is_an_error_and_stays_open(house: House, shop: Shop):
    order = await ordered(house, shop)
    shop.forgets = True
    with pytest.raises(JobError, match="has no job"):
        await house.follower.bring_home(shop, order, 60)
    assert await state_of(house, order) is OrderState.ACCEPTED


async def test_job_that_somebody_else_collected_is_served_from_the_cache(build: Callable[..., House], shop: Shop):
    ours, other = build(), build()
    order = await ordered(ours, shop)
    theirs = (await other.follower.bring_home(shop, order, 60)).entry
    shop.forgets = True  # a local generator lets go of what was collected
    entry = (await ours.follower.bring_home(shop, order, 60)).entry
    assert entry == theirs
    assert shop.charges == 1


async def test_two_followers_of_one_job_store_it_once(build: Callable[..., House], shop: Shop):
    ours, other = build(clock=SystemClock()), build(clock=SystemClock())
    order = await ordered(ours, shop)
    got = []

    async def follow(house: House) -> None:
        got.append(await house.follower.bring_home(shop, order, 60))

    async with anyio.create_task_group() as group:
        group.start_soon(follow, ours)
        group.start_soon(follow, other)
    assert got[0] == got[1]
    assert await state_of(ours, order) is OrderState.CLOSED


async def test_published_order_is_only_closed(house: House, shop: Wrapped):
    order = await ordered(house, shop)
    await house.follower.bring_home(shop, order, 60)
    published = await house.journal.advance(order, OrderState.PUBLISHED)
    shop.trouble = AssertionError("asked for the file again")
    entry = (await house.follower.bring_home(shop, published, 60)).entry
    assert entry.key == KEY
    assert await state_of(house, order) is OrderState.CLOSED


async def test_published_order_whose_file_is_gone_is_fetched_again(house: House, shop: Shop):
    order = await ordered(house, shop)
    await house.follower.bring_home(shop, order, 60)
    (entry,) = await house.cache.entries()
    path = await house.cache.verified(entry)
    assert path is not None
    path.unlink()
    published = await house.journal.advance(order, OrderState.PUBLISHED)
    again = (await house.follower.bring_home(shop, published, 60)).entry
    assert again.sha256 == entry.sha256
    assert shop.charges == 1


async def test_order_that_ended_and_whose_file_is_gone_is_told(house: House, shop: Shop):
    order = await ordered(house, shop)
    ready = await house.journal.advance(order, OrderState.READY)
    await house.journal.advance(order, OrderState.CLOSED)
    with pytest.raises(JobFailed, match="its file is gone since"):
        await house.follower.bring_home(shop, ready, 60)


async def test_paid_job_whose_file_is_broken_stays_open(house: House, shop: Wrapped):
    order = await ordered(house, shop)
    shop.spoil(b"not a film")
    with pytest.raises(IntegrityError):
        await house.follower.bring_home(shop, order, 60)
    assert await state_of(house, order) is OrderState.READY
    assert await house.cache.lookup(KEY) is None


async def test_free_job_whose_file_is_broken_is_thrown_away(house: House, shop: Wrapped):
    shop.is_paid = False
    order = await ordered(house, shop)
    shop.spoil(b"not a film")
    with pytest.raises(IntegrityError):
        await house.follower.bring_home(shop, order, 60)
    assert await state_of(house, order) is OrderState.FAILED
    assert shop._lines("discarded") == [order.job_id]


async def test_promised_digest_is_held(house: House, shop: Wrapped, tmp_path: Path):
    order = await ordered(house, shop)
    honest = await shop.result(order.job_id or "")
    shop.instead = replace(honest, sha256="0" * 64)
    with pytest.raises(IntegrityError, match="not the one that was promised"):
        await house.follower.bring_home(shop, order, 60)
    assert list((tmp_path / "house" / "cache" / "v1" / "partial").iterdir()) == []


async def test_date_of_the_generator_wins_over_ours(house: House, shop: Wrapped):
    order = await ordered(house, shop)
    honest = await shop.result(order.job_id or "")
    made = house.clock.now().replace(year=2025)
    shop.instead = replace(honest, created_at=made)
    entry = (await house.follower.bring_home(shop, order, 60)).entry
    assert entry.origin.created_at == made


async def test_discarded_once_it_is_stored_and_not_before(house: House, shop: Wrapped):
    order = await ordered(house, shop)
    shop.trouble = ServiceUnreachable("no answer")
    with pytest.raises(ServiceUnreachable):
        await house.follower.bring_home(shop, order, 60)
    assert shop._lines("discarded") == []
    shop.trouble = None
    await house.follower.bring_home(shop, order, 60)
    assert shop._lines("discarded") == [order.job_id]


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        (JobState.CANCELLED, OrderState.CANCELLED),
        (JobState.FAILED, OrderState.FAILED),
        (JobState.SUCCEEDED, OrderState.ACCEPTED),
        (JobState.RUNNING, OrderState.ACCEPTED),
    ],
)
async def test_cancelled_order_ends_only_when_its_job_did(house: House, shop: Shop, ends: JobState, state: OrderState):
    order = await ordered(house, shop)
    shop.ends = ends
    assert (await house.follower.cancel(shop, order, 5)).state is ends
    assert await state_of(house, order) is state


async def test_paid_file_is_fetched_again_without_an_order(house: House, shop: Shop):
    order = await ordered(house, shop)
    first = (await house.follower.bring_home(shop, order, 60)).entry
    closed = await house.journal.last_closed(KEY)
    assert closed is not None
    async with house.desk.exclusively(KEY):
        again = await house.follower.fetch_again(shop, closed)
    assert (again.sha256, again.source) == (first.sha256, Source.GENERATED)
    assert await state_of(house, order) is OrderState.CLOSED
    assert shop.charges == 1


@pytest.mark.parametrize(
    ("name", "suffix"), [("film", ".mp4"), ("film.MP4", ".mp4"), ("film.mo~", ".mp4"), ("a.webm", ".webm")]
)
async def test_file_is_stored_whatever_it_is_called(
    house: House, shop: Wrapped, tmp_path: Path, name: str, suffix: str
):
    order = await ordered(house, shop)
    file = tmp_path / name
    file.write_bytes(b"film:odd")
    shop.instead = GeneratedFile("x", path=file)
    entry = (await house.follower.bring_home(shop, order, 60)).entry
    assert entry.suffix == suffix


async def test_resuming_an_order_that_somebody_closed_gives_its_file_and_orders_nothing(house: House, shop: Shop):
    order = await ordered(house, shop)
    first = (await house.follower.bring_home(shop, order, 60)).entry
    assert (await house.follower.resume(shop, order, 60)).entry == first
    assert (shop.submissions, len(await house.journal.orders(open_only=False))) == (1, 1)


async def test_resuming_an_order_that_was_never_sent_orders_nothing_and_frees_its_key(house: House, shop: Shop):
    intended, _ = await house.journal.intend(KEY, "shop", REQUEST)
    with pytest.raises(NeverOrdered, match="never arrived"):
        await house.follower.resume(shop, intended, 60)
    assert shop.submissions == 0
    assert await state_of(house, intended) is OrderState.REFUSED


async def test_job_that_the_shop_forgot_holds_its_key_until_the_user_gives_it_up(house: House, shop: Shop):
    order = await ordered(house, shop)
    shop.forgets = True
    with pytest.raises(JobError) as caught:
        await house.follower.bring_home(shop, order, 60)
    assert f"assetctl jobs cancel {order.order_id} --forget" in (caught.value.hint or "")
    assert await state_of(house, order) is OrderState.ACCEPTED
    await house.follower.forget(order)
    assert await house.journal.open_order(KEY) is None


async def test_free_job_that_the_generator_forgot_is_given_up_at_once(house: House, shop: Shop):
    shop.is_paid = False
    order = await ordered(house, shop)
    shop.forgets = True
    with pytest.raises(JobError):
        await house.follower.bring_home(shop, order, 60)
    assert await state_of(house, order) is OrderState.FAILED


async def test_file_that_was_stored_before_a_kill_is_not_fetched_again(house: House, shop: Wrapped):
    order = await ordered(house, shop)
    entry = (await house.follower.bring_home(shop, order, 60)).entry
    downloaded = await house.journal.advance(order, OrderState.DOWNLOADED, digest=entry.sha256)
    shop.trouble = JobError("the link has expired")
    assert (await house.follower.bring_home(shop, downloaded, 60)).entry == entry
    assert await state_of(house, order) is OrderState.CLOSED


async def test_trouble_in_tidying_up_does_not_cost_the_asset(house: House, shop: Wrapped):
    async def untidy(job_id: str) -> None:
        del job_id
        raise ServiceUnreachable("the shop is closed")

    shop.discard = untidy  # type: ignore[method-assign]
    order = await ordered(house, shop)
    assert (await house.follower.bring_home(shop, order, 60)).entry.key == KEY
    assert await state_of(house, order) is OrderState.CLOSED


async def test_cancelling_what_was_collected_meanwhile_changes_nothing(house: House, shop: Shop):
    order = await ordered(house, shop)
    await house.follower.bring_home(shop, order, 60)
    shop.ends = JobState.CANCELLED
    await house.follower.cancel(shop, order, 5)
    assert await state_of(house, order) is OrderState.CLOSED


# What the service is told once the file is stored


class Announcing(Shop):
    """A shop that says what lies in the house's journal and cache when it is told."""

    heard: tuple[str, bool] | None = None
    trouble: Exception | None = None
    hangs = False
    house: House

    async def announce(self, job_id: str, order: GenerationOrder) -> None:
        (row,) = await self.house.journal.orders(open_only=False)
        self.heard = row.state, await self.house.cache.lookup(order.key) is not None
        await super().announce(job_id, order)
        if self.hangs:
            await anyio.sleep_forever()
        if self.trouble is not None:
            raise self.trouble


@pytest.fixture
def teller(tmp_path: Path) -> Announcing:
    return Announcing(tmp_path / "shop")


@pytest.fixture
def told(build: Callable[..., House], teller: Announcing) -> House:
    teller.house = build(generator=teller)
    return teller.house


async def test_service_is_told_once_the_file_is_stored_and_its_order_published(told: House, teller: Announcing):
    order = await ordered(told, teller)
    arrival = await told.follower.bring_home(teller, order, 60)
    assert arrival.warnings == ()
    assert teller.heard == (OrderState.PUBLISHED, True)
    assert teller._lines("announced") == [f"{order.job_id} {KEY}"]


@pytest.mark.parametrize("trouble", [ServiceUnreachable("no answer", why="refused"), JobError("no such job")])
async def test_service_that_cannot_be_told_is_a_warning_on_the_asset(
    told: House, teller: Announcing, trouble: AssetctlError
):
    teller.trouble = trouble
    asset = await told.service.request_asset(REQUEST)
    (warning,) = asset.warnings
    assert trouble.what in warning
    assert asset.path.exists()
    (order,) = await told.journal.orders(open_only=False)
    assert order.state is OrderState.CLOSED


async def test_service_that_never_answers_what_it_is_told_keeps_nobody_waiting(
    told: House, teller: Announcing, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("assetctl.providers.following._ANNOUNCE_LIMIT_S", 0.05)
    teller.hangs = True
    arrival = await told.follower.bring_home(teller, await ordered(told, teller), 60)
    assert "took longer" in arrival.warnings[0]


async def test_service_is_told_again_after_a_crash_in_between(told: House, teller: Announcing):
    order = await ordered(told, teller)
    await told.follower.bring_home(teller, order, 60)
    await told.journal.advance(order, OrderState.PUBLISHED)
    await told.follower.resume(teller, order, 60)
    assert teller._lines("announced") == [f"{order.job_id} {KEY}"] * 2
    assert teller.charges == 1


# Paused jobs, and hints


async def test_paused_job_is_an_outcome_and_stays_open(house: House, shop: Shop):
    order = await ordered(house, shop)

    async def look(_job_id: str) -> JobStatus:
        return JobStatus(JobState.PAUSED, message="quarantined")

    shop.status = look  # type: ignore[method-assign]
    with pytest.raises(JobPending, match="is paused") as caught:
        await house.follower.bring_home(shop, order, 60)
    assert (caught.value.exit_code, caught.value.why, caught.value.job_id) == (4, "quarantined", order.job_id)
    assert f"jobs cancel {order.job_id}" in (caught.value.hint or "")
    assert await state_of(house, order) is OrderState.ACCEPTED
    assert not any(isinstance(event, JobEnded) for event in house.events)


class Heard:
    """News of every job, at once."""

    is_live = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def wait(self, job_id: str, timeout_s: float) -> bool:
        del timeout_s
        self.asked.append(job_id)
        return True


async def test_hints_of_the_generator_cut_the_pauses_of_its_jobs_short(house: House, shop: Shop):
    shop.looks, shop.hints = 3, Heard()
    order = await ordered(house, shop)
    start_s = house.clock.elapsed_s()
    await house.follower.bring_home(shop, order, 60)
    # Ordered just now: the first pause comes before the first look.
    assert shop.hints.asked == [order.job_id] * 3
    assert house.clock.elapsed_s() - start_s < 1


async def test_what_such_jobs_took_before_is_told_with_the_progress(house: House, shop: Shop):
    for number in range(3):
        order = await ordered(house, shop, f"{number:064x}")
        await house.follower.bring_home(shop, order, 60)
    shop.looks = 2
    order = await ordered(house, shop)
    house.clock.advance(seconds=30)  # type: ignore[attr-defined]
    await house.follower.bring_home(shop, order, 60)
    (told,) = [event for event in house.events if isinstance(event, JobProgressed)]
    assert (told.elapsed_s, told.typical_s) == (30, 1.5)


async def test_job_that_goes_on_after_it_was_to_stop_is_looked_at_until_it_ends(house: House, shop: Shop):
    order = await ordered(house, shop)

    async def asked(_job_id: str) -> JobStatus:
        return JobStatus(JobState.RUNNING)

    shop.cancel = asked  # type: ignore[method-assign]
    shop.looks, shop.ends = 3, JobState.CANCELLED
    assert (await house.follower.cancel(shop, order, 60)).state is JobState.CANCELLED
    assert CancelAsked(KEY, "shop", order.job_id or "", "running") in house.events
    assert await state_of(house, order) is OrderState.CANCELLED


async def test_order_that_may_have_arrived_is_settled_before_its_job_is_stopped(house: House, shop: Shop):
    order = await house.journal.advance(await ordered(house, shop), OrderState.UNKNOWN)
    shop.ends = JobState.CANCELLED
    assert (await house.follower.cancel(shop, order, 60)).state is JobState.CANCELLED
    assert await state_of(house, order) is OrderState.CANCELLED


# An outcome that can be told only after a while


class Late(Shop):
    """A shop whose answer gets lost and whose list is right only `settles_s` later."""

    clock: Clock
    arrives = True

    async def submit(self, order: GenerationOrder, idempotency_key: str) -> str:
        if not self.arrives:
            self.arrives = True
            raise OutcomeUnknown("reset", ask_again_in_s=self.settles_s)
        await super().submit(order, idempotency_key)
        raise OutcomeUnknown("reset", ask_again_in_s=self.settles_s)

    async def find(self, order: GenerationOrder, idempotency_key: str, sent_at: datetime | None) -> str | None:
        assert sent_at is not None
        left_s = self.settles_s - (self.clock.now() - sent_at).total_seconds()
        if left_s > 0:
            raise OutcomeUnknown("the list may be old", ask_again_in_s=left_s)
        return await super().find(order, idempotency_key, sent_at)


@pytest.fixture
def late(tmp_path: Path) -> Late:
    shop = Late(tmp_path / "shop")
    shop.settles_s = 20.0
    return shop


@pytest.fixture
def waiting(build: Callable[..., House], late: Late) -> House:
    house = build(generator=late)
    late.clock = house.clock
    return house


async def test_lost_answer_is_settled_within_the_wait_once_the_generator_can_tell(waiting: House, late: Late):
    asset = await waiting.service.request_asset(replace(REQUEST, max_wait_s=60.0))
    assert asset.source is Source.GENERATED
    assert late.charges == late.submissions == 1
    assert [event.ask_again_in_s for event in waiting.events if isinstance(event, OutcomeAwaited)] == [20.0]


async def test_order_that_got_lost_on_its_way_is_sent_again_once_that_is_certain(waiting: House, late: Late):
    late.arrives = False
    asset = await waiting.service.request_asset(replace(REQUEST, max_wait_s=60.0))
    assert asset.source is Source.GENERATED
    assert late.charges == 1
    (order,) = await waiting.journal.orders(open_only=False)
    assert order.sends == 2


async def test_outcome_that_takes_longer_than_the_wait_is_told_and_kept(waiting: House, late: Late):
    request = replace(REQUEST, max_wait_s=5.0)
    with pytest.raises(OutcomeUnknown) as caught:
        await waiting.service.request_asset(request)
    assert caught.value.ask_again_in_s == 20.0
    (order,) = await waiting.journal.orders(open_only=True)
    assert (await waiting.follower.resume(late, order, 60)).entry.key == order.key
    assert late.charges == 1
