"""When a cached answer is still the answer, and when it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from assetctl.errors import AssetctlError, CacheError, IntegrityError, LibraryError, NotAllowed, ServiceUnreachable
from assetctl.keys import request_key
from assetctl.models import AssetRequest, AssetType, Availability, Cost, Origin, Reuse, Source, Strategy, Would
from assetctl.providers.base import Asked
from assetctl.providers.cached import CachedAssetProvider
from assetctl.providers.intake import TIME_TO_LIVE, Facts
from fakes import NOW, REQUEST, FakeLibrary, FarLibrary, House, film

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry

pytestmark = pytest.mark.anyio

DAY_S = 86_400.0
KEY = request_key(REQUEST)
REUSES = {
    Reuse.ONCE: replace(REQUEST, reuse=Reuse.ONCE),
    Reuse.PER_PLAYER: replace(REQUEST, reuse=Reuse.PER_PLAYER, player_id="ann"),
    Reuse.PER_PLAYTHROUGH: replace(REQUEST, reuse=Reuse.PER_PLAYTHROUGH, playthrough_id="one"),
}


@pytest.fixture
def backend(tmp_path: Path) -> FakeLibrary:
    """A library that stands behind what it gave for a day, as a backend does."""
    return FakeLibrary(tmp_path / "backend", name="pixsim", recheck_after_s=DAY_S)


@pytest.fixture
def backed(build: Callable[..., House], backend: FakeLibrary) -> House:
    return build(library=backend)


async def keep(house: House, request: AssetRequest = REQUEST, **facts: object) -> CacheEntry:
    """A film taken in without any provider."""
    file = house.folder / "made.mp4"
    file.write_bytes(film("made"))
    known: dict[str, object] = {
        "key": request_key(request),
        "request": request,
        "asset_id": "made",
        "asset_type": request.asset_type,
        "source": Source.GENERATED,
        "origin": Origin("generator:shop", NOW, "shop", "m1", "job-1"),
    }
    return await house.intake.take(file, Facts(**(known | facts)))


async def from_library(house: House, data: bytes = film("shelved"), request: AssetRequest = REQUEST) -> None:
    """A film the library gave, in the cache."""
    house.library.add("confess", data, request)
    assert await house.pre_made.find_asset(request, request_key(request)) is not None
    house.library.calls.clear()


# The reuse time runs


@pytest.mark.parametrize(("reuse", "days"), [(Reuse.ONCE, 365), (Reuse.PER_PLAYER, 180), (Reuse.PER_PLAYTHROUGH, 90)])
async def test_answer_holds_until_its_reuse_time_is_over(house: House, reuse: Reuse, days: int):
    request = REUSES[reuse]
    await keep(house, request)
    key = request_key(request)
    house.clock.advance(days=days, seconds=-1)
    asset = await house.cached.find_asset(request, key)
    assert asset is not None
    assert asset.source is Source.CACHED
    house.clock.advance(seconds=2)
    assert await house.cached.find_asset(request, key) is None
    assert (await house.cached.availability(request, key)).would is None
    assert await house.cached.get_asset("made") is None


async def test_reuse_times_are_those_of_the_contract():
    assert dict(TIME_TO_LIVE) == {
        Reuse.ONCE: timedelta(days=365),
        Reuse.PER_PLAYER: timedelta(days=180),
        Reuse.PER_PLAYTHROUGH: timedelta(days=90),
        Reuse.ALWAYS: None,
    }


async def test_what_was_made_for_one_use_is_never_an_answer(house: House):
    request = replace(REQUEST, reuse=Reuse.ALWAYS)
    await keep(house, request)
    assert await house.cached.find_asset(request, request_key(request)) is None
    availability = await house.cached.availability(request, request_key(request))
    assert availability.reasons == ("was made for one use only",)
    assert await house.cached.get_asset("made") is not None


async def test_clock_that_went_back_loses_nothing(house: House):
    await keep(house)
    house.clock.advance(days=-300)
    assert await house.cached.find_asset(REQUEST, KEY) is not None


async def test_unknown_request_is_a_miss_with_a_reason(house: House):
    assert await house.cached.find_asset(REQUEST, KEY) is None
    availability = await house.cached.availability(REQUEST, KEY)
    assert "not in the cache" in availability.reasons[0]


# The blob is whole


@pytest.mark.parametrize("damage", [b"", b"film:mad", b"film:MADE", b"film:made and more"])
async def test_damaged_blob_is_never_served(house: House, damage: bytes):
    entry = await keep(house)
    path = await house.cache.verified(entry)
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(damage)
    with pytest.raises(IntegrityError) as caught:
        await house.cached.find_asset(REQUEST, KEY)
    assert caught.value.exit_code == 8
    assert await house.cached.find_asset(REQUEST, KEY) is None


async def test_damaged_blob_is_never_served_by_its_id(house: House):
    path = await house.cache.verified(await keep(house))
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(b"film:MADE")
    with pytest.raises(IntegrityError):
        await house.cached.get_asset("made")
    assert await house.cached.get_asset("made") is None


async def test_missing_blob_is_a_miss_and_no_error(house: House):
    path = await house.cache.verified(await keep(house))
    assert path is not None
    path.unlink()
    assert await house.cached.find_asset(REQUEST, KEY) is None


async def test_availability_does_not_read_the_bytes(house: House):
    path = await house.cache.verified(await keep(house))
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(b"film:MADE")
    assert (await house.cached.availability(REQUEST, KEY)).would is Would.NOTHING


# Its source stands: a folder is asked at each hit


async def test_folder_is_asked_at_each_hit(house: House, library: FakeLibrary):
    await from_library(house)
    for _ in range(3):
        assert await house.cached.find_asset(REQUEST, KEY) is not None
    assert library.calls == ["standing"] * 3


async def test_replaced_file_is_no_answer_any_more(house: House, library: FakeLibrary):
    await from_library(house)
    library.add("confess", film("the new one"))
    assert await house.cached.find_asset(REQUEST, KEY) is None
    assert (await house.cached.availability(REQUEST, KEY)).reasons == ("`confess` has changed in its library",)
    asset = await house.service.request_asset(REQUEST)
    assert asset.path.read_bytes() == film("the new one")
    assert asset.source is Source.PRE_MADE


async def test_removed_file_is_no_answer_any_more(house: House, library: FakeLibrary):
    await from_library(house)
    library.remove("confess")
    assert await house.cached.find_asset(REQUEST, KEY) is None
    assert (await house.cached.availability(REQUEST, KEY)).reasons == ("`confess` is gone from its library",)


async def test_replaced_file_is_seen_by_its_id_too(house: House, library: FakeLibrary):
    library.add("confess", film("old"))
    assert await house.pre_made.get_asset("confess") is not None
    library.add("confess", film("new"))
    assert await house.cached.get_asset("confess") is None
    assert (await house.cached.has_asset("confess")).would is None


async def test_what_no_library_gave_asks_none(house: House, library: FakeLibrary):
    await keep(house)
    assert await house.cached.find_asset(REQUEST, KEY) is not None
    assert library.calls == []


# Its source stands: a backend is asked again after a day


async def test_backend_is_not_asked_again_within_a_day(backed: House, backend: FakeLibrary):
    await from_library(backed)
    backend.add("confess", film("the new one"))
    backed.clock.advance(seconds=DAY_S - 1)
    asset = await backed.cached.find_asset(REQUEST, KEY)
    assert asset is not None
    assert asset.path.read_bytes() == film("shelved")
    assert asset.warnings == ()
    assert backend.calls == []


async def test_backend_is_asked_again_after_a_day_and_then_not_for_another(backed: House, backend: FakeLibrary):
    await from_library(backed)
    backed.clock.advance(seconds=DAY_S)
    assert await backed.cached.find_asset(REQUEST, KEY) is not None
    assert backend.calls == ["standing"]
    backed.clock.advance(seconds=DAY_S - 1)
    assert await backed.cached.find_asset(REQUEST, KEY) is not None
    assert backend.calls == ["standing"]
    backed.clock.advance(seconds=1)
    assert await backed.cached.find_asset(REQUEST, KEY) is not None
    assert backend.calls == ["standing"] * 2


async def test_backend_that_says_changed_after_a_day_is_believed(backed: House, backend: FakeLibrary):
    await from_library(backed)
    backend.add("confess", film("the new one"))
    backed.clock.advance(seconds=DAY_S)
    assert await backed.cached.find_asset(REQUEST, KEY) is None


async def test_look_that_lies_in_the_future_is_not_believed(backed: House, backend: FakeLibrary):
    await from_library(backed)
    backed.clock.advance(days=-2)
    assert await backed.cached.find_asset(REQUEST, KEY) is not None
    assert backend.calls == ["standing"]


@pytest.mark.parametrize(
    "trouble", [LibraryError("dead"), ServiceUnreachable("no answer"), NotAllowed("login expired")]
)
async def test_backend_without_an_answer_gives_the_old_one_with_a_warning(
    backed: House, backend: FakeLibrary, trouble: AssetctlError
):
    await from_library(backed)
    backed.clock.advance(days=2)
    backend.trouble = trouble
    asset = await backed.cached.find_asset(REQUEST, KEY)
    assert asset is not None
    (warning,) = asset.warnings
    assert "`confess`" in warning
    assert trouble.what in warning
    backend.trouble = None
    fresh = await backed.cached.find_asset(REQUEST, KEY)
    assert fresh is not None
    assert fresh.warnings == ()
    assert backend.calls == ["standing"] * 2


async def test_trouble_that_is_not_the_librarys_is_not_passed_over(backed: House, backend: FakeLibrary):
    await from_library(backed)
    backed.clock.advance(days=2)
    backend.trouble = CacheError("the disk is gone")
    with pytest.raises(CacheError):
        await backed.cached.find_asset(REQUEST, KEY)


async def test_library_that_is_not_in_use_any_more_gives_a_warning(build: Callable[..., House], backed: House):
    await from_library(backed)
    other = build(libraries={})
    asset = await other.cached.find_asset(REQUEST, KEY)
    assert asset is not None
    assert "the library `pixsim` it came from is not in use" in asset.warnings[0]


# Stand-ins are served only after the library was asked


async def test_stand_in_is_no_answer_at_the_first_step(house: House):
    await keep(house, stand_in=True)
    assert await house.cached.find_asset(REQUEST, KEY) is None
    assert "asked for after the library" in (await house.cached.availability(REQUEST, KEY)).reasons[0]
    asset = await house.stand_ins.find_asset(REQUEST, KEY)
    assert asset is not None
    assert asset.source is Source.CACHED


async def test_real_answer_is_none_of_the_stand_ins(house: House):
    await keep(house)
    assert await house.stand_ins.find_asset(REQUEST, KEY) is None
    assert (await house.stand_ins.availability(REQUEST, KEY)).would is None


async def test_stand_in_is_served_after_the_library_was_asked(house: House, library: FakeLibrary):
    request, key = house.asked()
    await keep(house, request, stand_in=True, key=key)
    asset = await house.service.request_asset(request)
    assert [attempt.provider for attempt in asset.attempts] == ["cache", "library:folder", "cache:stand-in"]
    assert library.calls == ["search"]


async def test_real_clip_wins_over_the_stand_in_the_moment_it_exists(house: House, library: FakeLibrary):
    request, key = house.asked()
    await keep(house, request, stand_in=True, key=key)
    library.add("confess", film("the real one"))
    asset = await house.service.request_asset(request)
    assert asset.path.read_bytes() == film("the real one")
    again = await house.service.request_asset(request)
    assert (again.source, again.path) == (Source.CACHED, asset.path)


async def test_library_in_trouble_does_not_bring_the_stand_in(house: House, library: FakeLibrary):
    request, key = house.asked()
    await keep(house, request, stand_in=True, key=key)
    library.trouble = LibraryError("dead")
    with pytest.raises(LibraryError):
        await house.service.request_asset(request)


# Pre-made-only takes only pre-made


async def test_pre_made_only_takes_nothing_that_was_generated(house: House):
    await keep(house)
    only = replace(REQUEST, strategy=Strategy.PRE_MADE_ONLY)
    assert await house.cached.find_asset(REQUEST, KEY) is not None
    assert await house.cached.find_asset(only, KEY) is None
    assert "only pre-made" in (await house.cached.availability(only, KEY)).reasons[0]


async def test_pre_made_only_takes_what_was_pre_made(house: House):
    await from_library(house)
    assert await house.cached.find_asset(replace(REQUEST, strategy=Strategy.PRE_MADE_ONLY), KEY) is not None


# What is told


async def test_cached_asset_tells_where_it_was_first_made(house: House):
    cost = Cost(Decimal("0.40"), "USD")
    await keep(house, paid=True, cost=cost, generation_time_ms=15_000, url="https://media/x")
    asset = await house.cached.find_asset(REQUEST, KEY)
    assert asset is not None
    assert asset.source is Source.CACHED
    assert asset.origin == Origin("generator:shop", NOW, "shop", "m1", "job-1")
    assert (asset.cost, asset.generation_time_ms, asset.url) == (cost, 15_000, "https://media/x")


async def test_asset_by_id_tells_the_request_it_was_made_for(house: House):
    await keep(house)
    asset = await house.cached.get_asset("made")
    assert asset is not None
    assert (asset.request, asset.key) == (REQUEST, KEY)


async def test_asset_that_was_only_asked_for_by_id_tells_no_request(house: House, library: FakeLibrary):
    library.add("confess", film("x"), replace(REQUEST, asset_type=AssetType.IMAGE))
    assert await house.pre_made.get_asset("confess") is not None
    asset = await house.cached.get_asset("confess")
    assert asset is not None
    assert (asset.request, asset.key, asset.asset_type) == (None, None, AssetType.IMAGE)


async def test_newest_of_two_answers_comes_by_id(house: House):
    await keep(house)
    house.clock.advance(days=1)
    other = replace(REQUEST, prompt="another")
    newer = await keep(house, other)
    asset = await house.cached.get_asset("made")
    assert asset is not None
    assert asset.key == newer.key


async def test_first_step_and_stand_ins_are_told_apart(house: House):
    stand_ins = CachedAssetProvider(house.cache, libraries={}, clock=house.clock, stand_ins=True)
    assert {house.cached.name, stand_ins.name} == {"cache", "cache:stand-in"}


# Many at once


async def test_many_are_told_apart_as_one_by_one(house: House):
    requests = [replace(REQUEST, choice_id=f"c{number}") for number in range(4)]
    await keep(house, requests[0])
    await keep(house, requests[1], stand_in=True)
    await from_library(house, request=requests[2])
    asked = [Asked(request, request_key(request)) for request in requests]
    asked.append(Asked(replace(requests[0], strategy=Strategy.PRE_MADE_ONLY), asked[0].key))
    for provider, woulds in (
        (house.cached, [Would.NOTHING, None, Would.NOTHING, None, None]),
        (house.stand_ins, [None, Would.NOTHING, None, None, None]),
    ):
        outlooks = await provider.outlooks(asked)
        assert [outlook.would for outlook in outlooks if isinstance(outlook, Availability)] == woulds
        assert [(await provider.availability(*one)).would for one in asked] == woulds


async def test_of_many_a_changed_source_is_seen(house: House):
    await from_library(house)
    house.library.add("confess", film("another"))
    (outlook,) = await house.cached.outlooks([Asked(REQUEST, KEY)])
    assert isinstance(outlook, Availability)
    assert outlook.would is None


@pytest.fixture
def far(tmp_path: Path) -> FarLibrary:
    return FarLibrary(tmp_path / "far", recheck_after_s=DAY_S)


@pytest.fixture
async def many(build: Callable[..., House], far: FarLibrary) -> tuple[House, list[Asked]]:
    """A house with three answers from a library that is to be asked about them."""
    house = build(library=far, clock=far.clock)
    requests = [replace(REQUEST, choice_id=f"c{number}") for number in range(3)]
    for number, request in enumerate(requests):
        far.add(f"clip{number}", film(f"{number}"), request)
        await house.pre_made.find_asset(request, request_key(request))
    far.clock.advance(seconds=DAY_S)
    far.asked.clear()
    return house, [Asked(request, request_key(request)) for request in requests]


async def woulds(house: House, asked: list[Asked]) -> list[Would | None]:
    return [outlook.would for outlook in await house.cached.outlooks(asked) if isinstance(outlook, Availability)]


async def test_of_many_the_library_is_asked_once_and_each_answer_is_its_own(
    many: tuple[House, list[Asked]], far: FarLibrary
):
    house, asked = many
    other = Asked(replace(asked[0].request, strategy=Strategy.PRE_MADE_ONLY), asked[0].key)
    far.remove("clip1")
    assert await woulds(house, [*asked, other]) == [Would.NOTHING, None, Would.NOTHING, Would.NOTHING]
    assert far.asked == [3]
    # Those that it stands behind are confirmed for a day.
    assert await woulds(house, asked) == [Would.NOTHING, None, Would.NOTHING]
    assert far.asked == [3]
    assert far.calls[-1] == "standing"


async def test_of_many_a_library_in_trouble_leaves_what_is_cached(many: tuple[House, list[Asked]], far: FarLibrary):
    house, asked = many
    far.trouble = ServiceUnreachable("no answer")
    assert await woulds(house, asked) == [Would.NOTHING] * 3
    assert far.asked == [3]
    far.trouble = None
    far.remove("clip1")
    assert await woulds(house, asked) == [Would.NOTHING, None, Would.NOTHING]
