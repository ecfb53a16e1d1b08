"""Remembered answers of a library: fewer requests, never another answer than the library stands behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.cache.lookups import Lookups
from assetctl.errors import LibraryError, ServiceUnreachable
from assetctl.keys import request_key
from assetctl.library.answers import asset_from_text, asset_text, search_from_text, search_text
from assetctl.library.base import Candidate, Given, LibraryAsset, Standing
from assetctl.library.remembered import ABSENCE_TTL_S, ASSET_TTL_S, SEARCH_TTL_S, RememberedLibrary
from assetctl.models import AssetType, Origin, Style
from fakes import NOW, REQUEST, FakeClock, FakeLibrary, film

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


class FarLibrary(FakeLibrary):
    needs_network = True


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def far(tmp_path: Path) -> FarLibrary:
    library = FarLibrary(tmp_path / "far", name="far", recheck_after_s=3600.0)
    library.add("clip", film("clip"), prompt="a lantern", style=Style.ANIME, tags=frozenset({"a", "b"}))
    return library


@pytest.fixture
def lookups(tmp_path: Path, clock: FakeClock) -> Lookups:
    return Lookups(tmp_path / "lookups", clock=clock)


@pytest.fixture
def library(far: FarLibrary, lookups: Lookups) -> RememberedLibrary:
    return RememberedLibrary(far, lookups)


async def test_it_has_the_face_of_its_library(library):
    assert (library.name, library.needs_network, library.recheck_after_s) == ("far", True, 3600.0)


async def test_a_near_library_is_not_remembered(tmp_path, lookups):
    with pytest.raises(ValueError, match="near"):
        RememberedLibrary(FakeLibrary(tmp_path / "near"), lookups)


async def test_an_asset_by_id_is_asked_for_once_in_its_time(far, library, clock):
    first = await library.get("clip")
    assert await library.get("clip") == first == await far.get("clip")
    assert far.calls == ["get", "get"]
    clock.advance(seconds=ASSET_TTL_S)
    await library.get("clip")
    assert far.calls == ["get", "get", "get"]


async def test_absence_is_remembered_and_soon_over(far, library, clock):
    assert await library.get("new") is None
    far.add("new", film("new"))
    assert await library.get("new") is None
    clock.advance(seconds=ABSENCE_TTL_S)
    assert await library.get("new") is not None
    assert far.calls == ["get", "get"]


async def test_a_search_is_made_once_and_its_match_confirmed_by_id(far, library, clock):
    first = await library.search(REQUEST)
    assert await library.search(REQUEST) == first
    assert far.calls == ["search", "standing"]
    clock.advance(seconds=SEARCH_TTL_S)
    await library.search(REQUEST)
    assert far.calls == ["search", "standing", "search"]


async def test_another_request_is_another_search(far, library):
    await library.search(REQUEST)
    await library.search(replace(REQUEST, choice_id="wait"))
    assert far.calls == ["search", "search"]


async def test_a_search_without_a_match_is_never_remembered_because_it_leads_to_buying(far, library):
    far.remove("clip")
    assert await library.search(REQUEST) == []
    far.add("late", film("late"))
    assert [candidate.asset.asset_id for candidate in await library.search(REQUEST)] == ["late"]


@pytest.mark.parametrize("change", ["replaced", "removed"])
async def test_a_remembered_match_that_changed_or_went_is_searched_for_anew(far, library, change):
    await library.search(REQUEST)
    if change == "replaced":
        far.add("clip", film("other bytes"))
    else:
        far.remove("clip")
    found = await library.search(REQUEST)
    assert [candidate.asset for candidate in found] == ([] if change == "removed" else [await far.get("clip")])
    assert far.calls[:3] == ["search", "standing", "search"]
    await library.search(REQUEST)
    assert far.calls[-1] == ("search" if change == "removed" else "standing")


async def test_trouble_is_never_remembered(far, library):
    far.trouble = LibraryError("it is down")
    for _ in range(2):
        with pytest.raises(LibraryError):
            await library.search(REQUEST)
        with pytest.raises(LibraryError):
            await library.get("clip")
    far.trouble = None
    assert await library.get("clip") is not None
    assert (await library.search(REQUEST))[0].matches


async def test_a_library_that_is_down_is_trouble_even_if_its_answer_is_remembered(far, library):
    await library.search(REQUEST)
    far.trouble = ServiceUnreachable("no answer")
    with pytest.raises(ServiceUnreachable):
        await library.search(REQUEST)


async def test_a_broken_candidate_keeps_an_answer_from_being_remembered(far, library):
    far.add("broken", film("broken"))
    far.breaks("broken", LibraryError("its length cannot be told"))
    await library.search(REQUEST)
    found = await library.search(REQUEST)
    assert far.calls == ["search", "search"]
    assert any(candidate.trouble for candidate in found)


async def test_refresh_asks_each_time_and_leaves_the_new_answer_for_others(far, library, lookups):
    await library.get("clip")
    await library.search(REQUEST)
    await library.get("absent")
    far.add("absent", film("absent"), replace(REQUEST, choice_id="wait"))
    fresh = RememberedLibrary(far, lookups, refresh=True)
    assert fresh.recheck_after_s == 0.0
    far.calls.clear()
    assert await fresh.get("absent") is not None
    await fresh.search(REQUEST)
    await fresh.get("clip")
    assert far.calls == ["get", "search", "get"]
    assert await library.get("absent") is not None
    assert far.calls == ["get", "search", "get"]


MOMENTS = [replace(REQUEST, choice_id=f"c{number}") for number in range(4)]


async def test_of_many_searches_those_remembered_are_confirmed_and_the_rest_is_asked(far, library):
    for number, request in enumerate(MOMENTS[:3]):
        far.add(f"clip{number}", film(f"{number}"), request)
    await library.search(MOMENTS[1])
    far.calls.clear()
    first = await library.search_all(MOMENTS)
    assert first == [await far.search(request) for request in MOMENTS]
    assert far.calls[:4] == ["standing", *["search"] * 3]
    far.calls.clear()
    assert await library.search_all(MOMENTS) == first
    assert far.calls == ["standing"] * 3 + ["search"]
    assert [await library.search(request) for request in MOMENTS[:3]] == first[:3]
    assert far.calls == ["standing"] * 3 + ["search"] + ["standing"] * 3


async def test_of_many_searches_what_found_nothing_is_never_remembered(far, library):
    await library.search_all(MOMENTS)
    far.add("late", film("late"), MOMENTS[2])
    (found,) = await library.search_all([MOMENTS[2]])
    assert found[0].matches


@pytest.mark.parametrize("change", ["replaced", "removed"])
async def test_of_many_remembered_matches_those_that_changed_or_went_are_searched_for_anew(far, library, change):
    for number, request in enumerate(MOMENTS):
        far.add(f"clip{number}", film(f"{number}"), request)
    before = await library.search_all(MOMENTS)
    if change == "replaced":
        far.add("clip2", film("other bytes"), MOMENTS[2])
    else:
        far.remove("clip2")
    after = await library.search_all(MOMENTS)
    assert after[2] == await far.search(MOMENTS[2])
    assert after[:2] + after[3:] == before[:2] + before[3:]
    assert await library.search(MOMENTS[2]) == after[2]


async def test_of_many_searches_trouble_is_each_ones_own_and_never_remembered(far, library):
    far.add("clip0", film("0"), MOMENTS[0])
    await library.search_all(MOMENTS)
    far.trouble = ServiceUnreachable("no answer")
    assert await library.search_all(MOMENTS) == [far.trouble] * 4
    far.trouble = None
    assert [any(one.matches for one in found) for found in await library.search_all(MOMENTS)] == [True] + [False] * 3


async def test_of_many_searches_a_broken_candidate_is_told_and_not_remembered(far, library):
    far.add("broken", film("broken"), MOMENTS[0])
    far.breaks("broken", LibraryError("its length cannot be told"))
    for _ in range(2):
        far.calls.clear()
        (found, _) = await library.search_all(MOMENTS[:2])
        assert any(candidate.trouble for candidate in found)
        assert far.calls == ["search", "search"]


async def test_refresh_asks_for_many_anew_too(far, library, lookups):
    far.add("clip0", film("0"), MOMENTS[0])
    await library.search_all(MOMENTS)
    far.calls.clear()
    await RememberedLibrary(far, lookups, refresh=True).search_all(MOMENTS)
    assert far.calls == ["search"] * 4


async def test_an_equal_request_is_asked_once_among_many(far, library):
    first, second = await library.search_all([REQUEST, REQUEST])
    assert first == second
    assert far.calls == ["search"]


async def test_of_many_ids_those_remembered_are_not_asked_for_again(far, library, clock):
    second = far.add("second", film("second"))
    first = await library.get("clip")
    assert await library.get_all(["second", "clip", "none", "second"]) == [second, first, None, second]
    assert len(far.calls) == 3
    far.add("none", film("new"))
    assert (await library.get_all(["second", "none"]))[1] is None
    assert len(far.calls) == 3
    clock.advance(seconds=ABSENCE_TTL_S)
    assert [one is None for one in await library.get_all(["second", "none"])] == [False, False]
    assert len(far.calls) == 4
    clock.advance(seconds=ASSET_TTL_S)
    await library.get_all(["second", "clip"])
    assert len(far.calls) == 6


async def test_of_many_ids_trouble_is_each_ones_own_and_never_remembered(far, library):
    far.trouble = LibraryError("down")
    assert await library.get_all(["clip", "none"]) == [far.trouble, far.trouble]
    far.trouble = None
    assert [one is None for one in await library.get_all(["clip", "none"])] == [False, True]


async def test_refresh_asks_for_many_ids_anew(far, library, lookups):
    await library.get_all(["clip"])
    await RememberedLibrary(far, lookups, refresh=True).get_all(["clip"])
    assert far.calls == ["get", "get"]


async def test_many_standings_make_the_next_answers_fresh_ones(far, library):
    old = await library.get("clip")
    far.add("clip", film("new bytes"))
    given = [Given("clip", old.fingerprint), Given("none", "")]
    assert await library.standings(given) == [Standing.CHANGED, Standing.GONE]
    assert (await library.get("clip")).fingerprint != old.fingerprint


def scope_of(*parts: str):
    async def scope() -> tuple[str, ...]:
        return parts

    return scope


async def test_scopes_do_not_share_answers(far, lookups):
    ours = RememberedLibrary(far, lookups, scope=scope_of("https://ours", "ann"))
    await ours.get("clip")
    await RememberedLibrary(far, lookups, scope=scope_of("https://theirs", "ann")).get("clip")
    await RememberedLibrary(far, lookups, scope=scope_of("https://ours", "bob")).get("clip")
    await RememberedLibrary(far, lookups, scope=scope_of("https://ours", "ann")).get("clip")
    assert far.calls == ["get", "get", "get"]


async def test_bytes_that_cannot_be_had_make_the_next_answer_a_fresh_one(far, library, tmp_path):
    found = await library.get("clip")
    with pytest.raises(LibraryError):
        async with library.open(found, tmp_path / "target"):
            raise LibraryError("it changed while it was read")
    far.calls.clear()
    await library.get("clip")
    assert far.calls == ["get"]


async def test_bytes_come_from_the_library_itself(library, tmp_path):
    async with library.open(await library.get("clip"), tmp_path / "target") as path:
        assert path.read_bytes() == film("clip")


async def test_a_changed_standing_makes_the_next_answer_a_fresh_one(far, library):
    old = await library.get("clip")
    assert await library.standing("clip", old.fingerprint) is Standing.SAME
    far.add("clip", film("new bytes"))
    assert await library.standing("clip", old.fingerprint) is Standing.CHANGED
    assert (await library.get("clip")).fingerprint != old.fingerprint


async def test_what_is_remembered_wrong_is_asked_for_anew(far, library, lookups):
    for text in ("", "{}", "null", search_text([]), asset_text(None)[:-1]):
        await lookups.remember(await library._key("asset", "clip"), text, ttl_s=60)
        assert (await library.get("clip")).asset_id == "clip"
        await library._forget("clip")
    assert far.calls == ["get"] * 5


async def test_a_remembered_search_without_a_match_does_not_count(far, library, lookups):
    refused = [Candidate(await far.get("clip"), refusal="no")]
    await library.search(REQUEST)
    await lookups.remember(await library._key("search", request_key(REQUEST)), search_text(refused), ttl_s=60)
    assert (await library.search(REQUEST))[0].matches


async def test_an_answer_that_no_text_can_hold_is_still_an_answer(far, library):
    far.add("odd", film("odd"), replace(REQUEST, choice_id="odd"), duration_s=float("nan"))
    far.add("torn", film("torn"), replace(REQUEST, choice_id="odd"), description="\ud800")
    assert (await library.get("odd")).asset_id == "odd"
    assert (await library.get("torn")).asset_id == "torn"
    assert len(await library.search(replace(REQUEST, choice_id="odd"))) == 3
    await library.get("odd")
    assert far.calls == ["get", "get", "search", "get"]


async def test_without_a_place_for_memories_it_is_the_library_it_is_given(far, clock, tmp_path):
    (tmp_path / "file").touch()
    library = RememberedLibrary(far, Lookups(tmp_path / "file" / "x", clock=clock))
    for _ in range(2):
        assert (await library.get("clip")).asset_id == "clip"
        assert (await library.search(REQUEST))[0].matches
    assert far.calls == ["get", "search", "get", "search"]


texts = st.text(st.characters(exclude_categories=["Cs"]))
optional = st.none() | texts
assets = st.builds(
    LibraryAsset,
    asset_id=texts,
    asset_type=st.sampled_from(AssetType),
    fingerprint=texts,
    scene_id=optional,
    prompt=optional,
    description=optional,
    style=st.none() | st.sampled_from(Style),
    duration_s=st.none() | st.floats(0, 1e9),
    tags=st.frozensets(texts),
    size_bytes=st.none() | st.integers(0, 2**60),
    url=optional,
    origin=st.none()
    | st.builds(
        Origin,
        provider=texts,
        created_at=st.none() | st.datetimes(timezones=st.just(UTC)),
        generator=optional,
        model=optional,
        job_id=optional,
    ),
)


@given(st.none() | assets)
def test_an_asset_survives_the_way_through_text(asset):
    assert asset_from_text(asset_text(asset)) == asset


@given(st.lists(st.builds(Candidate, assets, optional, st.lists(texts).map(tuple))))
def test_a_search_survives_the_way_through_text(candidates):
    assert search_from_text(search_text(candidates)) == candidates


@pytest.mark.parametrize(
    ("old", "new"),
    [('"video"', '"hologram"'), ('"clip"', "7"), ('"tags"', '"tag"'), ("library-asset/1", "library-asset/2"),
     ('"origin":null', '"origin":{"provider":"x"}')],
)  # fmt: skip
def test_another_shape_is_no_answer(old, new):
    text = asset_text(LibraryAsset("clip", AssetType.VIDEO, "f"))
    assert asset_from_text(text) == LibraryAsset("clip", AssetType.VIDEO, "f")
    assert old in text
    with pytest.raises(ValueError):
        asset_from_text(text.replace(old, new))


def test_times_keep_their_moment():
    made = datetime(2026, 1, 1, tzinfo=UTC)
    asset = LibraryAsset("a", AssetType.AUDIO, "f", origin=Origin("library:far", created_at=made))
    assert asset_from_text(asset_text(asset)).origin.created_at == made
    assert made < NOW
