"""Runs: fair, bounded, and what one item meets is its own."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest
from chapters import Heard, chapter, run_of, traces_of

from assetctl.errors import (
    AccountExhausted,
    JobFailed,
    JobPending,
    JournalError,
    ManifestError,
    NotAllowed,
    NotYours,
    ServiceUnreachable,
    StorageFull,
)
from assetctl.events import Event, JobProgressed, JobSubmitted, TurnAwaited
from assetctl.generation.allowances import Allowance
from assetctl.keys import request_key
from assetctl.models import AssetRequest, Estimate
from assetctl.prefetch import running, walking
from assetctl.prefetch.copies import Copies
from assetctl.prefetch.deeds import Only, Selection
from assetctl.prefetch.planning import plan_chapter
from assetctl.prefetch.results import Outcome, spent_text
from assetctl.prefetch.running import Pace, Stop
from assetctl.providers.absences import MAX_AGE_S
from assetctl.validation import MAX_WAIT_S
from fakes import FarLibrary, House, film
from shop import PRICE, Shop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from assetctl.generation.base import GeneratedFile, GenerationOrder, JobStatus
    from assetctl.models import Asset
    from assetctl.prefetch.manifest.findings import Item
    from assetctl.prefetch.running import ChapterRun
    from fakes import FakeLibrary

pytestmark = pytest.mark.anyio


class Moody(Shop):
    """A shop that raises what `moods` says for a scene, as often as it says."""

    moods: dict[str | None, list[Exception]]

    async def submit(self, order: GenerationOrder, idempotency_key: str) -> str:
        if waiting := self.moods.get(order.request.scene_id):
            raise waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return await super().submit(order, idempotency_key)


class Silent(Shop):
    """Never says what anything costs."""

    async def estimate(self, order: GenerationOrder) -> Estimate:
        del order
        return Estimate()

    async def result(self, job_id: str) -> GeneratedFile:
        return replace(await super().result(job_id), cost=None)


class Mute(Shop):
    """A shop that takes orders and then says no more."""

    async def status(self, job_id: str) -> JobStatus:
        raise ServiceUnreachable(f"no word of {job_id}")


def moody(shop: Shop, **moods: Exception) -> None:
    shop.__class__ = Moody
    shop.moods = {scene: [error] for scene, error in moods.items()}  # type: ignore[attr-defined]


async def test_everything_is_made_or_fetched_and_the_first_scene_comes_first(
    house: House, library: FakeLibrary, shop: Shop, tmp_path: Path
):
    library.add("film", film("pre-made"), AssetRequest(scene_id="c"))
    with chapter(tmp_path, "a", "b", "c", "d") as source:
        run, heard = run_of(house, source, pace=Pace(1, 1))
        summary = await run.run()
    assert [scene for scene in heard.begun if scene != "c"] == ["a", "b", "d"]
    assert heard.outcomes == {
        "a": Outcome.GENERATED,
        "b": Outcome.GENERATED,
        "c": Outcome.FETCHED,
        "d": Outcome.GENERATED,
    }
    assert (summary.exit_code, summary.incomplete, shop.charges) == (0, 0, 3)
    assert {currency: str(amount) for currency, amount in summary.spent.items()} == {"USD": "1.20"}


async def test_items_begin_in_the_order_of_the_manifest_in_each_of_two_lanes_whatever_the_others_take(
    house: House, library: FakeLibrary, shop: Shop, tmp_path: Path
):
    scenes = [f"s{number:03}" for number in range(60)]
    in_library = scenes[1::3]
    for scene in in_library:
        library.add(scene, film(scene), AssetRequest(scene_id=scene))
    shop.looks = 3
    with chapter(tmp_path, *scenes) as source:
        run, heard = run_of(house, source, pace=Pace(4, 2))
        await run.run()
    assert [scene for scene in heard.begun if scene in in_library] == in_library
    made = [scene for scene in scenes if scene not in in_library]
    assert [scene for scene in heard.begun if scene not in in_library] == made
    assert set(heard.outcomes.values()) == {Outcome.GENERATED, Outcome.FETCHED}


@pytest.fixture
async def far_house(tmp_path: Path, shop: Shop) -> AsyncGenerator[House]:
    """A house with a library on the network."""
    far = FarLibrary(tmp_path / "far")
    house = House(tmp_path / "far house", generator=shop, library=far, clock=far.clock)
    with anyio.fail_after(150):
        yield house
    await house.cache.aclose()


async def test_what_is_missing_everywhere_is_searched_for_once_in_plan_and_run(far_house: House, tmp_path: Path):
    with chapter(tmp_path, *(f"s{number}" for number in range(50))) as source:
        await plan_chapter(source, far_house.service, Selection())
        run, heard = run_of(far_house, source)
        await run.run()
    assert set(heard.outcomes.values()) == {Outcome.GENERATED}
    assert far_house.library.asked == [50]  # type: ignore[attr-defined]


async def test_in_a_long_run_what_comes_is_seen_within_a_minute_and_not_bought(
    far_house: House, shop: Shop, tmp_path: Path
):
    library, clock = far_house.library, far_house.clock
    began_s = clock.elapsed_s()
    ordered = 0

    def hear(event: Event) -> None:
        nonlocal ordered
        if isinstance(event, JobSubmitted):
            ordered += 1
            clock.advance(seconds=25.0)  # type: ignore[attr-defined]
            if ordered == 10:
                library.add("film", film("pre-made"), AssetRequest(scene_id="s19"))

    far_house.bus.subscribe(hear)
    with chapter(tmp_path, *(f"s{number}" for number in range(20))) as source:
        run, heard = run_of(far_house, source, pace=Pace(1, 1))
        await run.run()
    assert heard.outcomes == {f"s{n}": Outcome.FETCHED if n == 19 else Outcome.GENERATED for n in range(20)}
    assert shop.charges == 19
    # A search for all that are left, each time a minute is over.
    minutes = (clock.elapsed_s() - began_s) / MAX_AGE_S
    asked = library.asked  # type: ignore[attr-defined]
    assert len(asked) <= minutes + 3
    assert asked == sorted(asked, reverse=True)


async def test_no_more_jobs_are_under_way_than_allowed(house: House, shop: Shop, tmp_path: Path):
    most = now = 0
    ask = house.service.request_asset

    async def counted(request: AssetRequest):
        nonlocal most, now
        now += 1
        most = max(most, now)
        try:
            return await ask(request)
        finally:
            now -= 1

    house.service.request_asset = counted  # type: ignore[method-assign]
    shop.looks = 3
    with chapter(tmp_path, *(f"s{number}" for number in range(12))) as source:
        run, _ = run_of(house, source, pace=Pace(3, 1))
        await run.run()
    assert most == 3


async def test_one_bad_item_stops_nobody(house: House, shop: Shop, tmp_path: Path):
    moody(shop, bad=JobFailed("the shop refuses this prompt"))
    rows = ["a", {"scene": "bad", "allow_placeholder": False}, "c"]
    with chapter(tmp_path, *rows) as source:
        run, heard = run_of(house, source)
        summary = await run.run()
    assert heard.outcomes == {"a": Outcome.GENERATED, "bad": Outcome.FAILED, "c": Outcome.GENERATED}
    assert (summary.exit_code, shop.charges) == (5, 2)
    (failed,) = (result for result in heard.results if result.has_failed)
    assert failed.error is not None
    assert failed.error.what == "the shop refuses this prompt"


async def test_a_card_in_place_of_a_failed_job_counts_as_failed_too(house: House, shop: Shop, tmp_path: Path):
    moody(shop, bad=JobFailed("the shop refuses this prompt"))
    with chapter(tmp_path, "bad", {"scene": "card", "allow_generation": False}) as source:
        run, heard = run_of(house, source)
        summary = await run.run()
    assert heard.outcomes == {"bad": Outcome.PLACEHOLDER, "card": Outcome.PLACEHOLDER}
    assert {result.item.request.scene_id: result.has_failed for result in heard.results} == {"bad": True, "card": False}
    assert summary.exit_code == 5


async def test_when_the_budget_is_used_up_the_rest_is_refused_and_adopting_goes_on(
    house: House, shop: Shop, tmp_path: Path
):
    shop.looks = 10**6
    with pytest.raises(Exception, match="not finished yet"):
        await house.service.request_asset(AssetRequest(scene_id="d", max_wait_s=0.0))
    shop.looks = 1
    house.desk.limit_to(Allowance("run", 2))
    with chapter(tmp_path, "a", "b", "c", "d", "e") as source:
        run, heard = run_of(house, source, pace=Pace(1, 1))
        summary = await run.run()
    assert heard.outcomes == {
        "a": Outcome.GENERATED,
        "b": Outcome.GENERATED,
        "c": Outcome.REFUSED,
        "d": Outcome.GENERATED,
        "e": Outcome.REFUSED,
    }
    assert heard.begun == ["a", "b", "c", "d"]
    assert (summary.exit_code, shop.charges) == (6, 3)
    assert summary.refused is not None


@pytest.mark.parametrize(("is_paid", "told"), [(True, "an unknown amount for 2"), (False, "")])
async def test_only_what_may_cost_something_has_cost_an_unknown_amount(
    house: House, shop: Shop, tmp_path: Path, *, is_paid: bool, told: str
):
    shop.__class__, shop.is_paid = Silent, is_paid
    with chapter(tmp_path, "a", "b", {"scene": "c", "allow_generation": False}) as source:
        run, _ = run_of(house, source)
        summary = await run.run()
    assert (spent_text(summary.spent, summary.unpriced), summary.counts[Outcome.GENERATED]) == (told, 2)


class Undecided(Shop):
    """Checks an order of `a` until another scene was ordered, for a while."""

    async def check(self, order: GenerationOrder) -> None:
        if order.request.scene_id == "a":
            with anyio.move_on_after(0.3):
                await self.ordered.wait()

    async def submit(self, order: GenerationOrder, idempotency_key: str) -> str:
        self.ordered.set()
        return await super().submit(order, idempotency_key)


async def test_what_a_limit_leaves_room_for_is_ordered_in_the_order_of_the_manifest(
    house: House, library: FakeLibrary, shop: Shop, tmp_path: Path
):
    shop.__class__, shop.ordered = Undecided, anyio.Event()  # type: ignore[attr-defined]
    house.desk.limit_to(Allowance("run", 2))
    with chapter(tmp_path, "x", "a", "b", "c", "d") as source:
        run, heard = run_of(house, source, precedence=house.desk.precedence)
        library.add("film", film("pre-made"), AssetRequest(scene_id="x"))
        await run.run()
    made = [scene for scene, outcome in heard.outcomes.items() if outcome is Outcome.GENERATED]
    assert sorted(scene or "" for scene in made) == ["a", "b"]
    assert (heard.outcomes["x"], shop.charges) == (Outcome.FETCHED, 2)


async def test_who_adopts_an_order_lets_the_next_one_order(house: House, shop: Shop):
    shop.looks = 10**9
    a, b = AssetRequest(scene_id="a", max_wait_s=0), AssetRequest(scene_id="b", max_wait_s=0)
    with pytest.raises(JobPending):
        await house.service.request_asset(a)
    for request in (a, b):
        house.desk.precedence.enter(request_key(house.service.effective(request)))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(house.service.request_asset, replace(a, max_wait_s=MAX_WAIT_S))
        with anyio.fail_after(20), pytest.raises(JobPending):
            await house.service.request_asset(b)
        tasks.cancel_scope.cancel()
    assert shop.charges == 2


@pytest.mark.parametrize("error", [StorageFull("no room"), NotAllowed("who are you?")])
async def test_what_would_stop_them_all_ends_the_run(house: House, shop: Shop, tmp_path: Path, error: Exception):
    moody(shop, b=error)
    with chapter(tmp_path, "a", "b", "c", "d") as source:
        run, heard = run_of(house, source, pace=Pace(1, 1))
        summary = await run.run()
    assert heard.outcomes == {
        "a": Outcome.GENERATED,
        "b": Outcome.FAILED,
        "c": Outcome.LEFT,
        "d": Outcome.LEFT,
    }
    assert (summary.stopped, heard.stops, shop.charges) == (error, [Stop.TROUBLE], 1)
    assert summary.exit_code == error.exit_code  # type: ignore[attr-defined]


async def test_what_is_anothers_stops_nobody_else(house: House, shop: Shop, tmp_path: Path):
    moody(shop, a=NotYours("it belongs to somebody else"))
    with chapter(tmp_path, "a", "b") as source:
        run, heard = run_of(house, source, pace=Pace(1, 1))
        summary = await run.run()
    assert heard.outcomes == {"a": Outcome.FAILED, "b": Outcome.GENERATED}
    assert (summary.stopped, heard.stops) == (None, [])


async def test_a_service_that_comes_back_is_waited_for(house: House, shop: Shop, tmp_path: Path):
    shop.__class__ = Moody
    away = [ServiceUnreachable("closed") for _ in range(4)]
    shop.moods = {"a": [*away, JobFailed("refused at last")]}  # type: ignore[attr-defined]
    with chapter(tmp_path, {"scene": "a", "allow_placeholder": False}, "b") as source:
        run, heard = run_of(house, source, pace=Pace(1, 1))
        summary = await run.run()
    assert heard.outcomes == {"a": Outcome.FAILED, "b": Outcome.GENERATED}
    assert summary.stopped is None
    assert heard.outages == ["closed", None]
    assert house.clock.slept[:4] == [1.0, 2.0, 4.0, 8.0]  # type: ignore[attr-defined]


async def test_a_service_that_stays_away_ends_the_run(house: House, shop: Shop, tmp_path: Path):
    moody(shop, a=ServiceUnreachable("closed"))
    with chapter(tmp_path, "a", "b") as source:
        house.outages.limit_to(100.0)
        run, heard = run_of(house, source, pace=Pace(1, 1))
        summary = await run.run()
    assert heard.outcomes == {"a": Outcome.FAILED, "b": Outcome.LEFT}
    assert (summary.exit_code, len(heard.outages)) == (9, 1)
    assert 60 <= sum(house.clock.slept) <= 100  # type: ignore[attr-defined]


@pytest.mark.parametrize("answer", ["a placeholder", "nothing"])
async def test_an_account_that_is_exhausted_is_not_asked_for_more(
    house: House, library: FakeLibrary, shop: Shop, tmp_path: Path, answer: str
):
    library.add("film", film("pre-made"), AssetRequest(scene_id="d"))
    moody(shop, b=AccountExhausted("no credit", why="the card is empty"))
    rows = [{"scene": scene, "allow_placeholder": answer == "a placeholder"} for scene in "abcd"]
    with chapter(tmp_path, *rows) as source:
        run, heard = run_of(house, source, pace=Pace(1, 1))
        summary = await run.run()
    b = Outcome.PLACEHOLDER if answer == "a placeholder" else Outcome.FAILED
    assert heard.outcomes == {"a": Outcome.GENERATED, "b": b, "c": Outcome.LEFT, "d": Outcome.FETCHED}
    assert isinstance(summary.refused, AccountExhausted)
    assert [type(why) for why in heard.refusals] == [AccountExhausted]
    assert (shop.charges, summary.exit_code) == (1, 5)


async def test_what_a_failure_advises_is_told_in_the_words_of_a_manifest(house: House, shop: Shop, tmp_path: Path):
    moody(shop, a=JobFailed("too long", hint="ask with `--duration 60`"))
    with chapter(tmp_path, {"scene": "a", "allow_placeholder": False}) as source:
        run, heard = run_of(house, source)
        await run.run()
    (result,) = heard.results
    assert result.error is not None
    assert result.error.hint == "ask with `duration_s = 60`"


async def test_a_job_that_nobody_can_ask_about_goes_on(house: House, shop: Shop, tmp_path: Path):
    shop.__class__ = Mute
    with chapter(tmp_path, "a", "b") as source:
        house.outages.limit_to(10.0)
        run, heard = run_of(house, source, pace=Pace(1, 1))
        summary = await run.run()
    assert heard.outcomes == {"a": Outcome.PENDING, "b": Outcome.LEFT}
    assert (summary.exit_code, shop.charges) == (9, 1)


async def test_jobs_go_on_although_whoever_is_asked_before_them_stays_away(
    house: House, library: FakeLibrary, shop: Shop, tmp_path: Path
):
    shop.looks = 10**6
    for scene in "ab":
        with pytest.raises(JobPending):
            await house.service.request_asset(AssetRequest(scene_id=scene, max_wait_s=0))

    class Leaving(Heard):
        def began(self, item: Item) -> None:
            super().began(item)
            library.trouble = ServiceUnreachable("closed")

    with chapter(tmp_path, "a", "b", "c") as source:
        heard = Leaving()
        run, _ = run_of(house, source, pace=Pace(1, 1), listener=heard)
        summary = await run.run()
    assert heard.outcomes == {"a": Outcome.PENDING, "b": Outcome.PENDING, "c": Outcome.LEFT}
    assert (summary.exit_code, shop.charges) == (9, 2)


async def test_after_the_deadline_nothing_is_begun_and_jobs_go_on(house: House, shop: Shop, tmp_path: Path):
    shop.looks = 10**6
    with chapter(tmp_path, "a", "b") as source:
        deadline_s = house.clock.elapsed_s() + 60.0
        run, heard = run_of(house, source, pace=Pace(1, 1, deadline_s))
        summary = await run.run()
    assert heard.outcomes == {"a": Outcome.PENDING, "b": Outcome.LEFT}
    assert (summary.exit_code, shop.charges, heard.stops) == (5, 1, [Stop.DEADLINE])


class Queue(Shop):
    """Gives so many turns at once; the others wait for a door that stays shut until a test opens it."""

    orders_per_minute = 20
    turns = 1

    @asynccontextmanager
    async def turn(self, key: str, on_wait: Callable[[], None], max_wait_s: float) -> AsyncGenerator[None]:
        del key, max_wait_s
        self.turns -= 1
        if self.turns < 0:
            on_wait()
            await self.door.wait()
        yield


@pytest.fixture
def queue(shop: Shop) -> Queue:
    shop.__class__ = Queue
    shop.door = anyio.Event()  # type: ignore[attr-defined]
    return shop  # type: ignore[return-value]


async def test_what_waits_for_its_turn_when_a_run_is_cancelled_was_not_begun(
    house: House, queue: Queue, tmp_path: Path
):
    queue.looks = 10**9
    waiting, at_work = anyio.Event(), anyio.Event()

    def hear(event: Event) -> None:
        if isinstance(event, TurnAwaited):
            waiting.set()
        elif isinstance(event, JobProgressed):
            at_work.set()

    house.bus.subscribe(hear)
    with chapter(tmp_path, "a", "b") as source:
        run, heard = run_of(house, source, pace=Pace(2, 1))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.run)
            await waiting.wait()
            await at_work.wait()
            tasks.cancel_scope.cancel()
    assert sorted(heard.outcomes.values()) == sorted([Outcome.PENDING, Outcome.LEFT])
    assert (queue.charges, len(await house.journal.orders(open_only=False))) == (1, 1)


async def test_what_the_cache_had_before_and_is_no_answer_any_more_did_not_come(
    house: House, queue: Queue, library: FakeLibrary, tmp_path: Path
):
    queue.turns = 10
    await house.service.request_asset(AssetRequest(scene_id="a"))
    house.clock.advance(days=400)
    library.add("film", film("pre-made"), AssetRequest(scene_id="b"))
    await house.service.request_asset(AssetRequest(scene_id="b"))
    library.remove("film")
    house.clock.advance(seconds=1)
    queue.turns, waiting = 0, list[str | None]()
    both_wait = anyio.Event()

    def hear(event: Event) -> None:
        if isinstance(event, TurnAwaited):
            waiting.append(event.key)
            if len(waiting) == 2:
                both_wait.set()

    house.bus.subscribe(hear)
    with chapter(tmp_path, "a", "b") as source:
        run, heard = run_of(house, source, pace=Pace(2, 1))
        await cancelled_once(both_wait, run)
    assert heard.outcomes == {"a": Outcome.LEFT, "b": Outcome.LEFT}
    assert run.summary.spent == {}


async def test_where_nobody_can_tell_what_was_ordered_jobs_may_go_on(house: House, queue: Queue, tmp_path: Path):
    queue.turns = 0
    waiting = anyio.Event()
    house.bus.subscribe(lambda event: waiting.set() if isinstance(event, TurnAwaited) else None)

    async def broken(_: object) -> set[str]:
        raise JournalError("the disk is gone")

    with chapter(tmp_path, "a") as source:
        run, heard = run_of(house, source, traces=traces_of(house, broken))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.run)
            await waiting.wait()
            tasks.cancel_scope.cancel()
    assert heard.outcomes == {"a": Outcome.PENDING}


async def test_nothing_that_waited_for_its_turn_is_ordered_after_the_deadline(
    house: House, queue: Queue, tmp_path: Path
):
    queue.turns = 0
    deadline_s = house.clock.elapsed_s() + 60.0
    house.desk.close_at(deadline_s)

    def hear(event: Event) -> None:
        if isinstance(event, TurnAwaited):
            house.clock.advance(seconds=61)  # type: ignore[attr-defined]
            queue.door.set()

    house.bus.subscribe(hear)
    with chapter(tmp_path, "a", "b") as source:
        run, heard = run_of(house, source, pace=Pace(1, 1, deadline_s))
        summary = await run.run()
    assert heard.outcomes == {"a": Outcome.LEFT, "b": Outcome.LEFT}
    assert (queue.submissions, heard.stops, summary.refused) == (0, [Stop.DEADLINE], None)


async def test_a_run_does_not_outlast_its_deadline_for_a_turn_that_never_comes(
    house: House, queue: Queue, tmp_path: Path
):
    queue.turns = 0

    class Passing(Heard):
        def began(self, item: Item) -> None:
            super().began(item)
            house.clock.advance(seconds=1)  # type: ignore[attr-defined]

    with chapter(tmp_path, "a", "b") as source, anyio.fail_after(30):
        heard = Passing()
        run, _ = run_of(house, source, pace=Pace(1, 1, house.clock.elapsed_s() + 0.1), listener=heard)
        summary = await run.run()
    assert heard.begun == ["a"]
    assert heard.outcomes == {"a": Outcome.LEFT, "b": Outcome.LEFT}
    assert (queue.submissions, heard.stops, summary.exit_code) == (0, [Stop.DEADLINE], 5)


async def test_a_run_tells_that_time_passes_while_nothing_happens(house: House, queue: Queue, tmp_path: Path):
    queue.turns = 0

    class Patient(Heard):
        beats = 0

        def passing(self) -> None:
            self.beats += 1
            if self.beats == 3:
                queue.door.set()

    with chapter(tmp_path, "a") as source, anyio.fail_after(30):
        heard = Patient()
        run, _ = run_of(house, source, listener=heard, pace=Pace(4, 4, beat_s=0.01))
        await run.run()
    assert (heard.beats >= 3, heard.outcomes) == (True, {"a": Outcome.GENERATED})


async def test_jobs_that_are_left_alone_are_pending(house: House, shop: Shop, tmp_path: Path):
    shop.looks = 10**6
    with chapter(tmp_path, {"scene": "a", "max_wait_s": 0}, {"scene": "b", "max_wait_s": 1}) as source:
        run, heard = run_of(house, source, pace=Pace(2, 1, house.clock.elapsed_s() + 1e6))
        summary = await run.run()
    assert set(heard.outcomes.values()) == {Outcome.PENDING}
    assert summary.exit_code == 4


async def test_a_cancelled_run_ends_what_it_can_orders_nothing_and_leaves_the_jobs(
    house: House, shop: Shop, tmp_path: Path
):
    shop.looks = 10**9
    stopped: list[str] = []
    two_are_waited_for, waiting = anyio.Event(), set[str]()

    def hear(event: Event) -> None:
        if isinstance(event, JobProgressed):
            waiting.add(event.job_id)
            if len(waiting) == 2:
                two_are_waited_for.set()

    house.bus.subscribe(hear)
    with chapter(tmp_path, *(f"s{number}" for number in range(9))) as source:
        run, heard = run_of(house, source, pace=Pace(2, 1, grace_s=0.01), stop_orders=lambda: stopped.append("orders"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.run)
            await two_are_waited_for.wait()
            tasks.cancel_scope.cancel()
    assert heard.outcomes == {"s0": Outcome.PENDING, "s1": Outcome.PENDING}
    assert (shop.charges, stopped, heard.stops) == (2, ["orders"], [Stop.SIGNAL])


async def test_what_is_under_way_when_a_signal_comes_may_end(house: House, shop: Shop, tmp_path: Path):
    shop.looks = 10**9
    is_waited_for = anyio.Event()

    def hear(event: Event) -> None:
        if isinstance(event, JobProgressed):
            is_waited_for.set()

    def finish() -> None:
        shop.looks = 1

    house.bus.subscribe(hear)
    with chapter(tmp_path, "s0", "s1", "s2") as source:
        run, heard = run_of(house, source, pace=Pace(1, 1, grace_s=30), stop_orders=finish)
        # As a signal does, which no shield holds against.
        task = asyncio.ensure_future(run.run())
        await is_waited_for.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert heard.outcomes == {"s0": Outcome.GENERATED, "s1": Outcome.LEFT, "s2": Outcome.LEFT}


class Slow(Shop):
    """A shop that takes its time over an order."""

    async def submit(self, order: GenerationOrder, idempotency_key: str) -> str:
        await anyio.sleep(0.3)
        return await super().submit(order, idempotency_key)


async def test_what_is_under_way_at_the_deadline_has_a_grace(house: House, shop: Shop, tmp_path: Path):
    shop.__class__ = Slow
    with chapter(tmp_path, "a") as source:
        run, heard = run_of(house, source, pace=Pace(1, 1, house.clock.elapsed_s() + 0.1, grace_s=30))
        await run.run()
    assert heard.outcomes == {"a": Outcome.GENERATED}


class Patient(Moody):
    """Takes no order of scene `last` before `ended` is set."""

    async def submit(self, order: GenerationOrder, idempotency_key: str) -> str:
        if order.request.scene_id == "last":
            await self.ended.wait()
        return await super().submit(order, idempotency_key)


@pytest.mark.parametrize("scenes", [("first", "last"), ("last", "first")])
async def test_what_ended_a_run_first_is_why_it_ended(
    house: House, shop: Shop, tmp_path: Path, scenes: tuple[str, str]
):
    first, last = StorageFull("no room"), NotAllowed("not logged in")
    moody(shop, first=first, last=last)
    shop.__class__, shop.ended = Patient, anyio.Event()  # type: ignore[attr-defined]
    with chapter(tmp_path, *scenes) as source:
        run, heard = run_of(house, source, pace=Pace(2, 1), stop_orders=shop.ended.set)  # type: ignore[attr-defined]
        summary = await run.run()
    assert [result.error for result in heard.results] == [first, last]
    assert summary.stopped is first


class Talkative(Shop):
    """Takes for ever to be told what an asset is for, which is stored by then."""

    async def announce(self, job_id: str, order: GenerationOrder) -> None:
        del job_id, order
        self.announcing.set()
        await anyio.sleep_forever()


async def cancelled_once(event: anyio.Event, run: ChapterRun) -> None:
    """`run` is cancelled when `event` has come."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run.run)
        await event.wait()
        tasks.cancel_scope.cancel()


async def test_what_was_stored_when_a_run_is_cancelled_is_here_and_has_its_price(
    house: House, shop: Shop, tmp_path: Path
):
    shop.__class__, shop.announcing = Talkative, anyio.Event()  # type: ignore[attr-defined]
    with chapter(tmp_path, "a", "b") as source:
        run, heard = run_of(house, source, pace=Pace(1, 1))
        await cancelled_once(shop.announcing, run)  # type: ignore[attr-defined]
    assert heard.outcomes == {"a": Outcome.GENERATED}
    assert (heard.results[0].asset and heard.results[0].asset.cost) == PRICE
    assert {currency: str(amount) for currency, amount in run.summary.spent.items()} == {"USD": "0.40"}


async def test_what_is_made_anew_is_not_taken_for_here_because_an_older_one_is(
    house: House, shop: Shop, tmp_path: Path
):
    await house.service.request_asset(AssetRequest(scene_id="a"))
    shop.looks, at_work = 10**9, anyio.Event()
    house.bus.subscribe(lambda event: at_work.set() if isinstance(event, JobProgressed) else None)
    house.clock.advance(seconds=1)
    with chapter(tmp_path, {"scene": "a", "strategy": "generate-always"}) as source:
        run, heard = run_of(house, source)
        await cancelled_once(at_work, run)
    assert (heard.outcomes, run.summary.spent) == ({"a": Outcome.PENDING}, {})


async def test_what_was_paid_for_has_its_price_although_its_copy_was_cut_off(house: House, tmp_path: Path):
    delivering = anyio.Event()

    class Slow(Copies):
        async def put(self, item: Item, asset: Asset) -> Path:
            del item, asset
            delivering.set()
            await anyio.sleep_forever()
            raise AssertionError

    with chapter(tmp_path, "a") as source:
        run, heard = run_of(house, source, copies=Slow(tmp_path / "out"))
        await cancelled_once(delivering, run)
    assert heard.outcomes == {"a": Outcome.LEFT}
    assert {currency: str(amount) for currency, amount in run.summary.spent.items()} == {"USD": "0.40"}


async def test_with_copies_what_is_here_has_one_too_and_each_a_name_of_its_own(house: House, tmp_path: Path):
    await house.service.request_asset(AssetRequest(scene_id="a"))
    with chapter(tmp_path, "a", "A", "b") as source:
        run, heard = run_of(house, source, copies=Copies(tmp_path / "out"))
        await run.run()
    copies = {result.item.request.scene_id: result.output for result in heard.results}
    names = {"a": "a.mp4", "A": "A~2.mp4", "b": "b.mp4"}
    assert copies == {scene: tmp_path / "out" / name for scene, name in names.items()}
    assert [path.is_file() for path in copies.values() if path is not None] == [True] * 3


async def test_a_full_disk_while_delivering_ends_the_run(house: House, tmp_path: Path):
    class Full(Copies):
        async def put(self, item: Item, asset: Asset) -> Path:
            del item, asset
            raise StorageFull("no room")

    with chapter(tmp_path, "a", "b", "c") as source:
        run, heard = run_of(house, source, pace=Pace(1, 1), copies=Full(tmp_path / "out"))
        summary = await run.run()
    assert list(heard.outcomes.values()) == [Outcome.FAILED, Outcome.LEFT, Outcome.LEFT]
    assert summary.exit_code == 1
    # What it cost is spent all the same.
    assert summary.spent == {"USD": PRICE.amount}
    assert heard.results[0].asset is not None


async def test_what_is_here_counts_without_being_touched(house: House, tmp_path: Path):
    await house.service.request_asset(AssetRequest(scene_id="a"))
    with chapter(tmp_path, "a") as source:
        run, heard = run_of(house, source)
        summary = await run.run()
        assert (heard.results, summary.counts[Outcome.HERE], summary.exit_code) == ([], 1, 0)
        run, heard = run_of(house, source, Selection(Only.ALL))
        await run.run()
        assert heard.outcomes == {"a": Outcome.HERE}
        run, heard = run_of(house, source, Selection(Only.FAILED))
        assert (await run.run()).items == 0


async def test_a_manifest_with_a_mistake_ends_the_run(house: House, tmp_path: Path):
    with chapter(tmp_path, {"scne": "a"}) as source:
        run, _ = run_of(house, source)
        with pytest.raises(BaseExceptionGroup) as caught:
            await run.run()
    assert isinstance(caught.value.exceptions[0], ManifestError)


async def test_what_is_written_into_a_manifest_while_it_is_made_is_not_made(
    house: House, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(walking, "PIECE", 2)

    def write_on(event: Event) -> None:
        if isinstance(event, JobSubmitted):
            with (tmp_path / "chapter.jsonl").open("a") as file:
                file.write('{"scene": "new"}\n')

    house.bus.subscribe(write_on)
    monkeypatch.setattr(running, "_LANE_LENGTH", 0)
    with chapter(tmp_path, *(f"s{number}" for number in range(9))) as source:
        run, heard = run_of(house, source, pace=Pace(1, 1))
        with pytest.RaisesGroup(pytest.RaisesExc(ManifestError, match="was changed while it was read")):
            await run.run()
    assert "new" not in heard.begun
    assert heard.stops == [Stop.TROUBLE]
    assert heard.outcomes["s0"] is Outcome.GENERATED
    assert set(heard.outcomes.values()) <= {Outcome.GENERATED, Outcome.LEFT}
    assert shop.charges < 9


async def test_two_runs_side_by_side_share_the_work(house: House, shop: Shop, tmp_path: Path):
    shop.looks = 3
    with chapter(tmp_path, *(f"s{number}" for number in range(10))) as source:
        first, _ = run_of(house, source)
        (tmp_path / "other").mkdir()
        with chapter(tmp_path / "other", *(f"s{number}" for number in range(10))) as other:
            second, _ = run_of(house, other)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(first.run)
                tasks.start_soon(second.run)
    assert shop.charges == 10
    # Who plans late finds some of them here already, and does nothing for these.
    assert (first.summary.items, second.summary.items) == (10, 10)
    assert (first.summary.exit_code, second.summary.exit_code) == (0, 0)
