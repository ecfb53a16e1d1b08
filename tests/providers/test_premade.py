"""What somebody made already is taken in whole, or the trouble is told; neither is ever "no match"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from assetctl.errors import AssetctlError, IntegrityError, LibraryError, ServiceUnreachable
from assetctl.filesystem import hash_file
from assetctl.keys import asset_key, request_key
from assetctl.models import AssetType, Availability, MediaInfo, Origin, Reuse, Source, Would
from assetctl.providers.absences import MAX_AGE_S, MIN_RENEWED
from assetctl.providers.base import Asked
from assetctl.providers.intake import Facts, Handover, Intake
from fakes import NOW, REQUEST, FakeLibrary, FarLibrary, House, film, film_probe

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from assetctl.models import AssetRequest

pytestmark = pytest.mark.anyio

KEY = request_key(REQUEST)


async def ask(house: House, request: AssetRequest = REQUEST):
    return await house.pre_made.find_asset(request, request_key(request))


async def test_best_match_is_verified_and_cached(house: House, library: FakeLibrary):
    library.add("other", film("other"), replace(REQUEST, choice_id="wait"))
    library.add("confess", film("shelved"), url="https://media/confess")
    asset = await ask(house)
    assert asset is not None
    assert (asset.asset_id, asset.source, asset.url) == ("confess", Source.PRE_MADE, "https://media/confess")
    assert asset.path.read_bytes() == film("shelved")
    entry = await house.cache.lookup(KEY)
    assert entry is not None
    assert (entry.library, entry.stand_in, entry.paid) == ("folder", False, False)


async def test_origin_is_what_the_library_states_or_the_library(house: House, library: FakeLibrary):
    library.add("confess", film("shelved"))
    asset = await ask(house)
    assert asset is not None
    assert asset.origin == Origin("library:folder")
    stated = Origin("generator:pixsim", NOW, "pixsim", "v5", "job-9")
    library.add("confess", film("shelved"), origin=stated)
    asset = await ask(house)
    assert asset is not None
    assert asset.origin == stated


async def test_reuse_of_the_request_limits_the_answer(house: House, library: FakeLibrary):
    request = replace(REQUEST, reuse=Reuse.PER_PLAYTHROUGH, playthrough_id="one")
    library.add("confess", film("shelved"))
    assert await ask(house, request) is not None
    entry = await house.cache.lookup(request_key(request))
    assert entry is not None
    assert entry.expires_at is not None
    assert (entry.expires_at - NOW).days == 90


async def test_no_match_is_a_miss_with_every_reason(house: House, library: FakeLibrary):
    library.add("other", film("other"), replace(REQUEST, choice_id="wait"))
    assert await ask(house) is None
    assert (await house.pre_made.availability(REQUEST, KEY)).reasons == ("other: is for another moment",)


async def test_empty_library_says_so(house: House):
    assert await ask(house) is None
    assert (await house.pre_made.availability(REQUEST, KEY)).reasons == ("nothing in it is near this request",)


async def test_what_a_library_remarks_stands_among_the_reasons(house: House, library: FakeLibrary):
    library.told = ("no asset can be tagged for this",)
    assert (await house.pre_made.availability(REQUEST, KEY)).reasons == ("no asset can be tagged for this",)
    library.add("confess", film("shelved"))
    assert (await house.pre_made.availability(REQUEST, KEY)).reasons[1:] == ("no asset can be tagged for this",)


async def test_availability_names_the_match_and_why(house: House, library: FakeLibrary):
    library.add("confess", film("shelved"))
    found = await house.pre_made.availability(REQUEST, KEY)
    assert (found.would, found.asset_id) == (Would.DOWNLOAD, "confess")
    assert found.reasons == ("confess: matches (same moment)",)


@pytest.mark.parametrize("trouble", [LibraryError("dead"), ServiceUnreachable("no answer")])
async def test_library_in_trouble_is_no_miss(house: House, library: FakeLibrary, trouble: AssetctlError):
    library.trouble = trouble
    for ask_ in (
        house.pre_made.find_asset(REQUEST, KEY),
        house.pre_made.availability(REQUEST, KEY),
        house.pre_made.get_asset("confess"),
        house.pre_made.has_asset("confess"),
    ):
        with pytest.raises(type(trouble)):
            await ask_


async def test_file_that_is_not_playable_is_trouble_of_the_library(house: House, library: FakeLibrary):
    library.add("confess", b"not a film")
    with pytest.raises(LibraryError, match="`confess` is broken") as caught:
        await ask(house)
    assert "is not playable" in (caught.value.why or "")
    assert "--generate-on-trouble" in (caught.value.hint or "")
    assert isinstance(caught.value.__cause__, IntegrityError)
    assert await house.cache.lookup(KEY) is None


@pytest.mark.parametrize(("why", "told"), [(None, "cut off"), ("at byte 5", "cut off: at byte 5")])
async def test_match_that_is_broken_is_no_miss(house: House, library: FakeLibrary, why: str | None, told: str):
    library.add("confess", film("shelved"))
    library.breaks("confess", IntegrityError("cut off", why=why))
    for ask_ in (house.pre_made.find_asset(REQUEST, KEY), house.pre_made.availability(REQUEST, KEY)):
        with pytest.raises(LibraryError, match="`confess` is broken") as caught:
            await ask_
        assert caught.value.why == told


async def test_sound_match_wins_over_a_broken_one(house: House, library: FakeLibrary):
    library.add("broken", film("x"))
    library.breaks("broken", IntegrityError("cut off"))
    library.add("sound", film("y"))
    asset = await ask(house)
    assert asset is not None
    assert asset.asset_id == "sound"


async def test_file_that_changes_while_it_is_read_is_not_cached(house: House, library: FakeLibrary):
    library.add("confess", film("old"))
    library.while_open = lambda: library.add("confess", film("new"))
    with pytest.raises(LibraryError, match="changed while it was read"):
        await ask(house)
    assert await house.cache.lookup(KEY) is None


async def test_failed_intake_leaves_nothing_behind(house: House, library: FakeLibrary):
    library.add("confess", b"not a film")
    with pytest.raises(LibraryError):
        await ask(house)
    assert list((house.folder / "cache" / "v1" / "partial").iterdir()) == []


async def test_library_keeps_its_own_file(house: House, library: FakeLibrary, tmp_path: Path):
    library.add("confess", film("shelved"))
    asset = await ask(house)
    assert asset is not None
    own = tmp_path / "library" / "confess.mp4"
    assert own.read_bytes() == film("shelved")
    assert own.stat().st_ino != asset.path.stat().st_ino


async def test_asset_by_id_is_cached_under_a_key_of_its_own(house: House, library: FakeLibrary):
    library.add("confess", film("shelved"), replace(REQUEST, asset_type=AssetType.IMAGE))
    asset = await house.pre_made.get_asset("confess")
    assert asset is not None
    assert (asset.asset_type, asset.request, asset.key) == (AssetType.IMAGE, None, None)
    assert await house.cache.lookup(asset_key("folder", "confess")) is not None
    assert (await house.pre_made.has_asset("confess")).would is Would.DOWNLOAD


async def test_promised_digest_is_held(house: House, tmp_path: Path):
    file = tmp_path / "other.mp4"
    file.write_bytes(film("another"))
    with pytest.raises(IntegrityError, match="not the one that was promised"):
        await house.intake.take(file, _facts(), sha256="0" * 64)


async def test_promised_digest_is_held_of_what_was_hashed_on_its_way(house: House, tmp_path: Path):
    for handover in (Handover.SHARE, Handover.GIVE):
        file = tmp_path / f"{handover.value}.mp4"
        file.write_bytes(film(handover.value))
        hashed = hash_file(file)
        with pytest.raises(IntegrityError, match="not the one that was promised"):
            await house.intake.take(file, _facts(), sha256="0" * 64, handover=handover, hashed=hashed)
        assert await house.cache.lookup(_facts().key) is None


async def test_a_file_that_is_given_away_is_the_one_that_is_looked_into_and_stored(house: House, tmp_path: Path):
    looked_into: list[Path] = []

    def probe(path: Path, expected: AssetType) -> MediaInfo:
        looked_into.append(path)
        return film_probe(path, expected)

    file = tmp_path / "given.mp4"
    file.write_bytes(film("given"))
    number = file.stat().st_ino
    intake = Intake(house.cache, probe=probe, clock=house.clock)
    entry = await intake.take(file, _facts(), handover=Handover.GIVE)
    path = await house.cache.verified(entry)
    assert path is not None
    assert (looked_into, path.stat().st_ino, file.exists()) == ([file], number, False)


@pytest.fixture
def far(tmp_path: Path) -> FarLibrary:
    return FarLibrary(tmp_path / "far")


@pytest.fixture
async def far_house(tmp_path: Path, far: FarLibrary) -> AsyncGenerator[House]:
    house = House(tmp_path / "far house", library=far, clock=far.clock)
    yield house
    await house.cache.aclose()


MANY = [replace(REQUEST, choice_id=f"c{number}") for number in range(300)]


async def looked(house: House, *requests: AssetRequest) -> list[Would | AssetctlError | None]:
    outlooks = await house.pre_made.outlooks([Asked(request, request_key(request)) for request in requests])
    return [one.would if isinstance(one, Availability) else one for one in outlooks]


async def test_what_was_found_absent_for_many_is_not_searched_for_again_at_once(far_house: House, far: FarLibrary):
    far.add("film", film("x"), MANY[3])
    assert await looked(far_house, *MANY) == [Would.DOWNLOAD if n == 3 else None for n in range(300)]
    assert await looked(far_house, *MANY) == [Would.DOWNLOAD if n == 3 else None for n in range(300)]
    assert far.asked == [300, 1]
    assert await ask(far_house, MANY[0]) is None
    assert far.asked == [300, 1]
    assert await ask(far_house, MANY[3]) is not None


async def test_what_was_found_for_many_is_fetched_without_a_search_once(far_house: House, far: FarLibrary):
    far.add("film", film("x"), MANY[3])
    await looked(far_house, *MANY)
    for searches in ([300], [300, 1]):
        asset = await ask(far_house, MANY[3])
        assert asset is not None
        assert (asset.asset_id, far.asked) == ("film", searches)


async def test_what_was_found_absent_since_is_not_fetched_as_the_match_it_was(far_house: House, far: FarLibrary):
    asset = far.add("confess", film("shelved"))
    await far_house.pre_made.outlooks([Asked(REQUEST, KEY)])
    # Somebody moves it to another moment.
    far.add("confess", film("shelved"), replace(REQUEST, choice_id="wait"), fingerprint=asset.fingerprint)
    await far_house.pre_made.outlooks([Asked(REQUEST, KEY)])
    assert await ask(far_house) is None
    assert await ask(far_house) is None


async def test_a_match_that_is_too_old_or_not_the_one_found_is_searched_for_again(far_house: House, far: FarLibrary):
    for number, change in enumerate(("age", "bytes", "absence")):
        request = MANY[number]
        far.add(f"film {number}", film("x"), request)
        await looked(far_house, request)
        far.asked.clear()
        if change == "age":
            far.clock.advance(seconds=MAX_AGE_S + 1)
        elif change == "bytes":
            far.add(f"film {number}", film("another"), request)
        else:
            far.remove(f"film {number}")
        asset = await ask(far_house, request)
        assert far.asked == [1]
        assert (asset is None) == (change == "absence")
        if change == "bytes":
            assert asset is not None
            assert asset.path.read_bytes() == film("another")


async def test_what_a_library_wrote_for_us_is_not_asked_about_again(far_house: House, far: FarLibrary):
    far.add("film", film("x"))
    far.writes = True
    asset = await ask(far_house, REQUEST)
    assert asset is not None
    assert asset.path.read_bytes() == film("x")
    assert "standing" not in far.calls


async def test_an_absence_counts_once_and_the_next_search_sees_what_came(far_house: House, far: FarLibrary):
    await looked(far_house, MANY[0])
    assert await ask(far_house, MANY[0]) is None
    far.add("film", film("x"), MANY[0])
    assert await ask(far_house, MANY[0]) is not None


async def test_an_absence_that_is_too_old_is_searched_for_again_with_those_that_come_next(
    far_house: House, far: FarLibrary
):
    await looked(far_house, *MANY)
    far.clock.advance(seconds=MAX_AGE_S + 1)
    far.add("film", film("x"), MANY[0])
    far.add("another", film("y"), MANY[5])
    far.asked.clear()
    assert await ask(far_house, MANY[0]) is not None
    assert far.asked == [MIN_RENEWED]
    assert [await ask(far_house, request) is None for request in MANY[1:10]] == [n != 5 for n in range(1, 10)]
    assert far.asked == [MIN_RENEWED]


async def test_an_absence_is_as_old_as_the_beginning_of_its_search(far_house: House, far: FarLibrary):
    far.takes_s = MAX_AGE_S + 1
    await looked(far_house, MANY[0])
    far.takes_s = 0.0
    far.add("film", film("x"), MANY[0])
    assert await ask(far_house, MANY[0]) is not None


async def test_many_that_ask_at_once_have_it_searched_for_once(far_house: House, far: FarLibrary):
    await looked(far_house, *MANY)
    far.clock.advance(seconds=MAX_AGE_S + 1)
    far.asked.clear()
    async with anyio.create_task_group() as tasks:
        for request in MANY[:MIN_RENEWED]:
            tasks.start_soon(ask, far_house, request)
    assert far.asked == [MIN_RENEWED]


async def test_trouble_is_no_absence_and_ends_one(far_house: House, far: FarLibrary):
    far.trouble = ServiceUnreachable("no answer")
    assert await looked(far_house, *MANY[:2]) == [far.trouble] * 2
    with pytest.raises(ServiceUnreachable):
        await ask(far_house, MANY[0])
    far.trouble = None
    await looked(far_house, *MANY[:2])
    far.clock.advance(seconds=MAX_AGE_S + 1)
    far.trouble = ServiceUnreachable("no answer")
    with pytest.raises(ServiceUnreachable):
        await ask(far_house, MANY[0])


async def test_a_broken_match_among_many_is_trouble_of_its_own_request(far_house: House, far: FarLibrary):
    far.add("broken", film("x"), MANY[1])
    far.breaks("broken", IntegrityError("cut off"))
    for trouble in await looked(far_house, *MANY[:2]):
        assert isinstance(trouble, LibraryError)
    with pytest.raises(LibraryError):
        await ask(far_house, MANY[1])


async def test_a_near_library_is_asked_each_time(house: House, library: FakeLibrary):
    assert await looked(house, REQUEST, REQUEST) == [None, None]
    library.add("film", film("x"))
    assert await ask(house) is not None


def _facts():
    return Facts(
        key=KEY,
        request=REQUEST,
        asset_id="confess",
        asset_type=AssetType.VIDEO,
        source=Source.GENERATED,
        origin=Origin("generator:shop"),
    )
