"""An order counts as never arrived only when that is certain: after a while, from a list that leaves nothing out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from assetctl.errors import OutcomeUnknown
from assetctl.generation.pixsim import finding
from assetctl.generation.pixsim.finding import Finder
from assetctl.pixsim.records import AssetPage, Generation, GenerationPage, StoredAsset
from fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.anyio

NONCE = "f" * 32
SETTLE_S = 25.0


def row(number: int, name: str = "somebody's") -> Generation:
    return Generation(number, "pending", "text_to_video", "pixverse", {}, name=name)


class Server:
    """Rows in the order in which the real one lists them; `late` appear once the clock was there."""

    def __init__(self, rows: list[Generation], clock: FakeClock) -> None:
        self.rows = rows
        self.unlisted: list[Generation] = []
        self.assets: list[StoredAsset] = []
        self.late: tuple[float, Generation] | None = None
        self.total: int | None = None
        self.calls: list[tuple[int, int]] = []
        self._clock = clock

    async def generations(self, *, limit: int, offset: int) -> GenerationPage:
        self.calls.append((limit, offset))
        if self.late is not None and self._clock.elapsed_s() >= self.late[0]:
            self.rows.insert(0, self.late[1])
            self.late = None
        return GenerationPage(tuple(self.rows[offset : offset + limit]), self.total or len(self.rows))

    async def search_assets(self, body: Mapping[str, Any]) -> AssetPage:
        assert body["filters"] == {"asset_kind": None}
        return AssetPage(tuple(self.assets))

    async def generation(self, number: int) -> Generation | None:
        return next((each for each in (*self.rows, *self.unlisted) if each.id == number), None)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def find(server: Server, clock: FakeClock, *, ago_s: float | None = 0.0, finder: Finder | None = None):
    sent_at = None if ago_s is None else clock.now() - timedelta(seconds=ago_s)
    return await (finder or Finder(clock)).find(server, NONCE, sent_at)  # type: ignore[arg-type]


async def test_row_that_is_there_is_found_at_once(clock: FakeClock):
    server = Server([row(1), row(2, f"assetctl {NONCE} park")], clock)
    start_s = clock.elapsed_s()
    found = await find(server, clock)
    assert found is not None
    assert found.id == 2
    assert clock.elapsed_s() == start_s


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 390, 1000])
async def test_row_is_found_on_whichever_page_it_is(clock: FakeClock, count: int):
    server = Server([*(row(number) for number in range(count)), row(count, NONCE)], clock)
    found = await find(server, clock)
    assert found is not None
    assert found.id == count


async def left_s(server: Server, clock: FakeClock, **options: Any) -> float | None:
    """In how many seconds it may be asked again."""
    with pytest.raises(OutcomeUnknown, match="may still arrive") as caught:
        await find(server, clock, **options)
    return caught.value.ask_again_in_s


async def test_what_is_not_there_may_be_asked_for_again_after_a_while(clock: FakeClock):
    server, finder = Server([row(1)], clock), Finder(clock)
    sent_at = clock.now()
    assert await left_s(server, clock, finder=finder) == pytest.approx(SETTLE_S)
    clock.advance(seconds=SETTLE_S)
    assert await finder.find(server, NONCE, sent_at) is None  # type: ignore[arg-type]


async def test_row_that_comes_late_is_found(clock: FakeClock):
    server, finder = Server([row(1)], clock), Finder(clock)
    server.late = (clock.elapsed_s() + 20.0, row(2, NONCE))
    await left_s(server, clock, finder=finder)
    clock.advance(seconds=20)
    found = await find(server, clock, ago_s=20.0, finder=finder)
    assert found is not None
    assert found.id == 2


@pytest.mark.parametrize(("ago_s", "waits_s"), [(10.0, 15.0), (0.0, 25.0), (-3600.0, 25.0), (None, 25.0)])
async def test_wait_is_what_is_left_of_the_while_and_never_more(clock: FakeClock, ago_s: float | None, waits_s: float):
    assert await left_s(Server([], clock), clock, ago_s=ago_s) == pytest.approx(waits_s)


@pytest.mark.parametrize("ago_s", [25.0, 3600.0])
async def test_after_the_while_it_never_arrived(clock: FakeClock, ago_s: float):
    assert await find(Server([], clock), clock, ago_s=ago_s) is None


async def test_order_of_unknown_age_is_as_old_as_the_search_for_it(clock: FakeClock):
    server, finder = Server([], clock), Finder(clock)
    await left_s(server, clock, ago_s=None, finder=finder)
    clock.advance(seconds=10)
    assert await left_s(server, clock, ago_s=None, finder=finder) == pytest.approx(15.0)
    clock.advance(seconds=15)
    assert await find(server, clock, ago_s=None, finder=finder) is None


async def test_wall_clock_that_was_set_does_not_shorten_the_while(clock: FakeClock):
    finder = Finder(clock)
    finder.sending(NONCE)
    assert await left_s(Server([], clock), clock, ago_s=365 * 86400.0, finder=finder) == pytest.approx(SETTLE_S)


async def test_list_that_is_shorter_than_it_says_proves_nothing(clock: FakeClock):
    server = Server([row(1)], clock)
    server.total = 2
    with pytest.raises(OutcomeUnknown, match="can't be told") as caught:
        await find(server, clock, ago_s=60.0)
    assert caught.value.ask_again_in_s is None
    assert caught.value.why == "the backend listed 1 of 2 generations"


async def test_list_without_an_end_proves_nothing(clock: FakeClock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(finding, "_MAX_PAGES", 2)
    with pytest.raises(OutcomeUnknown) as caught:
        await find(Server([row(number) for number in range(1000)], clock), clock)
    assert "more than 390" in (caught.value.why or "")


async def test_job_that_is_not_listed_is_found_by_what_it_made(clock: FakeClock):
    server = Server([], clock)
    server.unlisted = [row(7, NONCE)]
    server.assets = [StoredAsset(1, "video", source_generation_id=7), StoredAsset(2, "image")]
    found = await find(server, clock)
    assert found is not None
    assert found.id == 7


async def test_list_that_leaves_out_what_exists_proves_nothing(clock: FakeClock):
    server = Server([row(1)], clock)
    server.unlisted = [row(7)]
    server.assets = [StoredAsset(1, "video", source_generation_id=7)]
    with pytest.raises(OutcomeUnknown) as caught:
        await find(server, clock)
    assert "leaves out" in (caught.value.why or "")


async def test_asset_whose_job_was_deleted_proves_nothing_against_the_list(clock: FakeClock):
    server = Server([row(1)], clock)
    server.assets = [StoredAsset(1, "video", source_generation_id=7), StoredAsset(2, "video", source_generation_id=1)]
    assert await find(server, clock, ago_s=60.0) is None
