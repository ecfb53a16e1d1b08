"""Many who wait for jobs ask the server little more than one does, and each hears the truth about its own job."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import anyio
import pytest
from crowd import CrowdClock, Row, Server, completes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assetctl.errors import AssetctlError, JobError, NotAllowed, ServiceError, ServiceUnreachable
from assetctl.generation.base import JobState
from assetctl.generation.pixsim.generator import PixsimGenerator
from assetctl.generation.pixsim.rounds import GAP_S
from assetctl.generation.registry import GeneratorContext
from assetctl.generation.waiting import wait_for_job
from fakes import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from assetctl.generation.base import Hints, JobStatus

pytestmark = pytest.mark.anyio


#: How the server calls what we tell.
STATES = {
    JobState.QUEUED: {"pending", "failed"},
    JobState.RUNNING: {"processing", "completed"},
    JobState.SUCCEEDED: {"completed"},
    JobState.FAILED: {"failed"},
    JobState.CANCELLED: {"cancelled"},
    JobState.PAUSED: {"paused"},
}


@dataclass
class Socket:
    """A live line on which each job's news come at the moments told, in seconds from the start."""

    clock: CrowdClock
    news: dict[str, list[float]] = field(default_factory=dict)
    is_live: bool = True

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[Hints]:
        yield self

    async def wait(self, job_id: str, timeout_s: float) -> bool:
        now_s = (self.clock.now() - NOW).total_seconds()
        due = self.news.get(job_id, [])
        if not due or due[0] > now_s + timeout_s:
            await self.clock.sleep(timeout_s)
            return False
        await self.clock.sleep(max(0.0, due[0] - now_s))
        due.pop(0)
        return True


@dataclass
class Crowd:
    """Everybody who waits for a job at one generator."""

    generator: PixsimGenerator
    clock: CrowdClock
    server: Server
    looks: dict[int, list[tuple[float, JobStatus]]] = field(default_factory=dict)
    troubles: dict[int, AssetctlError] = field(default_factory=dict)

    async def wait(self, number: int, max_wait_s: float = 600.0) -> None:
        seen = self.looks[number] = []
        job_id = str(number)

        def see(status: JobStatus) -> None:
            seen.append(((self.clock.now() - NOW).total_seconds(), status))

        try:
            async with self.generator.watch() as hints:
                await wait_for_job(
                    lambda: self.look(number),
                    clock=self.clock,
                    random=Random(number),
                    max_wait_s=max_wait_s,
                    on_status=see,
                    hints=hints,
                    job_id=job_id,
                )
        except AssetctlError as error:
            self.troubles[number] = error

    async def look(self, number: int) -> JobStatus:
        """The status of the job, which it had while it was asked for and not before."""
        asked_s = (self.clock.now() - NOW).total_seconds()
        status = await self.generator.status(str(number))
        told_s = (self.clock.now() - NOW).total_seconds()
        row = self.server.rows[number]
        moments_s = [asked_s, told_s, *(step_s for step_s, _ in row.steps if asked_s < step_s < told_s)]
        assert STATES[status.state] & {row.at(moment_s).status for moment_s in moments_s}, (number, asked_s, status)
        return status

    async def wait_for_all(self) -> None:
        async with self.clock.moving() as tasks:
            for number in self.server.rows:
                tasks.start_soon(self.wait, number)

    def ended_s(self, number: int) -> float:
        """When the end of the job was seen."""
        moment, status = self.looks[number][-1]
        assert status.state is JobState.SUCCEEDED
        return moment


@pytest.fixture
def clock() -> CrowdClock:
    return CrowdClock()


@pytest.fixture
def server(clock: CrowdClock) -> Server:
    return Server(clock)


@pytest.fixture
def socket(clock: CrowdClock) -> Socket:
    return Socket(clock)


@pytest.fixture
def crowd(tmp_path: Path, clock: CrowdClock, server: Server) -> Crowd:
    return Crowd(generator(tmp_path, clock, server), clock, server)


def generator(folder: Path, clock: CrowdClock, server: Server, socket: Socket | None = None) -> PixsimGenerator:
    context = GeneratorContext(
        data_dir=folder,
        clock=clock,
        pixsim=lambda: server,  # type: ignore[arg-type, return-value]
        pixsim_events=None if socket is None else lambda: socket,  # type: ignore[arg-type, return-value]
    )
    return PixsimGenerator(context)


# --- few requests ---------------------------------------------------------------------------------------------------


async def test_single_job_is_read_by_itself(crowd: Crowd, server: Server):
    server.add(Row(1), Row(2, completes(60.0)))
    async with crowd.clock.moving() as tasks:
        tasks.start_soon(crowd.wait, 2)
    assert server.lists == []
    assert crowd.ended_s(2) < 76.0


@pytest.mark.parametrize("jobs", [2, 30, 400])
async def test_many_jobs_cost_about_as_many_looks_as_one(crowd: Crowd, server: Server, jobs: int):
    server.add(*(Row(number, completes(60.0)) for number in range(jobs)))
    await crowd.wait_for_all()
    pages = -(-2 * jobs // 200)
    assert len(server.calls) <= 20 * pages
    assert all(crowd.ended_s(number) < 76.0 for number in range(jobs))
    assert all(len(looks) <= 20 for looks in crowd.looks.values())


async def test_jobs_that_end_one_after_the_other_are_seen_soon(crowd: Crowd, server: Server):
    server.add(*(Row(number, completes(1.0 + number)) for number in range(40)))
    await crowd.wait_for_all()
    assert len(server.calls) <= 3 * 40
    # The longest pause of one that waits by itself.
    assert max(crowd.ended_s(number) - number for number in range(40)) < 17.0


async def test_news_that_come_close_together_share_a_look(tmp_path: Path, clock: CrowdClock, server: Server):
    at_once = {str(number): [30.0 + number / 1000] for number in range(50)}
    crowd = Crowd(generator(tmp_path, clock, server, Socket(clock, at_once)), clock, server)
    server.add(*(Row(number, completes(30.0)) for number in range(50)))
    await crowd.wait_for_all()
    assert len([moment for moment in server.lists if moment >= 30.0]) <= 2
    assert all(30.0 <= crowd.ended_s(number) <= 30.5 for number in range(50))


async def test_chatter_of_many_jobs_does_not_make_us_spin(tmp_path: Path, clock: CrowdClock, server: Server):
    chatter = {str(number): [number / 100 + each / 3 for each in range(60)] for number in range(100)}
    crowd = Crowd(generator(tmp_path, clock, server, Socket(clock, chatter)), clock, server)
    server.add(*(Row(number, completes(20.0)) for number in range(100)))
    await crowd.wait_for_all()
    assert min(later - earlier for earlier, later in pairwise(server.lists)) >= GAP_S - 1e-6
    assert len(server.calls) <= 25.0 / GAP_S


async def test_page_is_no_longer_than_what_is_waited_for(crowd: Crowd, server: Server):
    server.add(*(Row(number) for number in range(1000)), *(Row(number, completes(5.0)) for number in range(1000, 1030)))
    async with crowd.clock.moving() as tasks:
        for number in range(1000, 1030):
            tasks.start_soon(crowd.wait, number)
    assert max(server.limits) <= 50


# --- the truth ------------------------------------------------------------------------------------------------------


async def test_answer_to_an_earlier_question_is_not_handed_out(crowd: Crowd, server: Server):
    server.takes_s = 5.0
    server.add(Row(1), Row(2), Row(3, [(1.0, {"status": "cancelled"})]))
    told: list[JobStatus] = []

    async def look_later() -> None:
        await crowd.clock.sleep(2.0)
        # The list that is under way left before the job was cancelled.
        told.append(await crowd.generator.status("3"))

    async with crowd.clock.moving() as tasks:
        tasks.start_soon(crowd.wait, 1, 0.0)
        tasks.start_soon(crowd.wait, 2, 0.0)
        tasks.start_soon(crowd.wait, 3, 0.0)
        tasks.start_soon(look_later)
    assert [status.state for status in told] == [JobState.CANCELLED]
    assert crowd.looks[3][0][1].state is JobState.QUEUED


async def test_row_that_the_list_leaves_out_is_read_and_not_gone(crowd: Crowd, server: Server):
    server.add(*(Row(number, completes(20.0), is_listed=number != 3) for number in range(10)))
    await crowd.wait_for_all()
    assert crowd.troubles == {}
    assert crowd.ended_s(3) < 40.0
    # The first of all was alone when it looked.
    assert set(server.reads) == {0, 3}
    assert server.reads.count(0) == 1


async def test_row_that_is_nowhere_is_gone(crowd: Crowd, server: Server):
    server.add(*(Row(number, completes(20.0)) for number in range(5)))
    async with crowd.clock.moving() as tasks:
        for number in range(6):
            tasks.start_soon(crowd.wait, number)
    assert list(crowd.troubles) == [5]
    assert isinstance(crowd.troubles[5], JobError)


async def test_row_of_somebody_else_troubles_its_own_waiter_alone(crowd: Crowd, server: Server):
    theirs = Row(3, is_listed=False, trouble=NotAllowed("it belongs to somebody else"))
    server.add(theirs, *(Row(number, completes(20.0)) for number in (1, 2, 4)))
    await crowd.wait_for_all()
    assert {number: type(error) for number, error in crowd.troubles.items()} == {3: NotAllowed}
    assert all(crowd.ended_s(number) for number in (1, 2, 4))


async def test_failure_that_turns_back_is_waited_for_among_others(crowd: Crowd, server: Server):
    failed = {"status": "failed", "error_code": "provider_timeout"}
    tried = [(5.0, failed), (7.0, {"status": "pending", "retry_count": 1}), (9.0, {"status": "processing"})]
    server.add(Row(1, [*tried, *completes(20.0)[1:]]), *(Row(number, completes(20.0)) for number in range(2, 9)))
    await crowd.wait_for_all()
    assert crowd.troubles == {}
    assert crowd.ended_s(1) >= 20.0


async def test_job_that_a_list_shows_changed_is_looked_at_before_its_time(crowd: Crowd, server: Server):
    """Two newcomers make the list be read; whoever rests for long hears from it that its job has ended."""
    server.add(Row(1, [(61.0, {"status": "completed", "asset_id": 7})]))
    server.add(*(Row(number, completes(70.0)) for number in range(2, 6)))

    async def come_later() -> None:
        last_s = 0.0
        async with anyio.create_task_group() as tasks:
            for moment in (62.0, 62.3):
                await crowd.clock.sleep(moment - last_s)
                last_s = moment
                tasks.start_soon(crowd.wait, 4 if moment == 62.0 else 5)

    async with crowd.clock.moving() as tasks:
        for number in (1, 2, 3):
            tasks.start_soon(crowd.wait, number)
        tasks.start_soon(come_later)
    assert crowd.ended_s(1) < 63.5


# --- trouble --------------------------------------------------------------------------------------------------------


async def test_cancelled_leader_takes_nobody_along(crowd: Crowd, server: Server):
    server.takes_s = 1.0
    server.add(*(Row(number, completes(0.5)) for number in range(6)))
    async with crowd.clock.moving() as tasks:
        for number in range(6):
            tasks.start_soon(wait_for_a_while, crowd, number, 0.9 if number < 2 else 600.0)
    assert [number for number, looks in crowd.looks.items() if not looks] == [0, 1]
    assert all(crowd.ended_s(number) < 10.0 for number in range(2, 6))


@dataclass(frozen=True)
class Fate:
    """What becomes of a job, and of who waits for it."""

    comes_s: float
    ends_s: float
    is_listed: bool
    hints_s: tuple[float, ...]
    leaves_s: float | None


MOMENTS_S = st.floats(0.0, 60.0).map(lambda moment_s: round(moment_s, 2))
FATES = st.builds(
    Fate,
    comes_s=st.sampled_from([0.0, 0.0, 0.01, 0.3, 5.0, 20.0]),
    ends_s=MOMENTS_S,
    is_listed=st.sampled_from([True, True, True, False]),
    hints_s=st.lists(MOMENTS_S, max_size=5).map(lambda moments_s: tuple(sorted(moments_s))),
    leaves_s=st.none() | MOMENTS_S,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    fates=st.lists(FATES, min_size=2, max_size=10),
    takes_s=st.sampled_from([0.01, 0.4, 3.0]),
    heard=st.sampled_from(["nothing", "what happens"]),
)
def test_whoever_stays_learns_the_truth_in_time_whatever_others_do(
    tmp_path: Path, fates: list[Fate], takes_s: float, heard: str
):
    async def live() -> None:
        clock = CrowdClock()
        server = Server(clock, takes_s=takes_s)
        news = {str(number): list(fate.hints_s) for number, fate in enumerate(fates)}
        line = Socket(clock, news, is_live=False) if heard == "what happens" else None
        crowd = Crowd(generator(tmp_path, clock, server, line), clock, server)
        server.add(
            *(Row(number, completes(fate.ends_s), is_listed=fate.is_listed) for number, fate in enumerate(fates))
        )

        async def be(number: int, fate: Fate) -> None:
            await clock.sleep(fate.comes_s)
            if fate.leaves_s is None:
                await crowd.wait(number)
            else:
                await wait_for_a_while(crowd, number, fate.leaves_s)

        async with clock.moving() as tasks:
            for number, fate in enumerate(fates):
                tasks.start_soon(be, number, fate)
        assert crowd.troubles == {}
        for number, fate in enumerate(fates):
            if fate.leaves_s is None:
                # The longest pause, and two rounds that were just missed.
                assert crowd.ended_s(number) <= max(fate.comes_s, fate.ends_s) + 16.5 + 3 * (takes_s + GAP_S)

    anyio.run(live)


async def wait_for_a_while(crowd: Crowd, number: int, patience_s: float) -> None:
    async with anyio.create_task_group() as tasks:

        async def wait() -> None:
            await crowd.wait(number)
            tasks.cancel_scope.cancel()

        tasks.start_soon(wait)
        await crowd.clock.sleep(patience_s)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("kind", [ServiceUnreachable, NotAllowed])
async def test_server_in_trouble_is_told_to_everybody(crowd: Crowd, server: Server, kind: type[ServiceError]):
    server.list_trouble = lambda: kind("no answer", why="it is down")
    server.add(Row(0, trouble=kind("no answer", why="it is down")), *(Row(number) for number in range(1, 5)))
    await crowd.wait_for_all()
    assert [(type(error), error.why) for error in crowd.troubles.values()] == [(kind, "it is down")] * 5
    # Each may be added to: who was asked for one asset is not who was asked for another.
    assert len({id(error) for error in crowd.troubles.values()}) == 5


async def test_list_that_cannot_be_used_is_left_alone_and_rows_are_read(crowd: Crowd, server: Server):
    server.list_trouble = lambda: ServiceError("one row of it is no row")
    server.add(*(Row(number, completes(30.0)) for number in range(5)))
    await crowd.wait_for_all()
    assert crowd.troubles == {}
    assert len(server.lists) == 1
    assert all(crowd.ended_s(number) < 46.0 for number in range(5))


async def test_jobs_far_down_the_list_are_found_in_it(crowd: Crowd, server: Server):
    """Hundreds were ordered after those that are looked at, and nobody waits for these yet."""
    server.add(*(Row(number, completes(20.0)) for number in range(300)), *(Row(number) for number in range(300, 700)))
    crowd.generator._rows.made(699)
    async with crowd.clock.moving() as tasks:
        for number in range(300):
            tasks.start_soon(crowd.wait, number)
    assert len(server.reads) <= 10
    assert len(server.lists) <= 20 * 4


async def test_list_that_shows_nothing_at_all_says_nothing(crowd: Crowd, server: Server):
    server.add(*(Row(number, completes(20.0), is_listed=False) for number in range(5)))
    await crowd.wait_for_all()
    assert crowd.troubles == {}
    assert all(crowd.ended_s(number) < 40.0 for number in range(5))
