"""What somebody chose already is the answer, whatever it states of itself, as long as it is there and of the type."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from assetctl.errors import LibraryError, NotYours
from assetctl.keys import request_key
from assetctl.models import AssetRequest, AssetType, Source, Would
from assetctl.providers.base import Asked
from fakes import REQUEST, FakeLibrary, House, film

if TYPE_CHECKING:
    from assetctl.models import Asset

pytestmark = pytest.mark.anyio

KEY = request_key(REQUEST)
ELSEWHERE = AssetRequest(scene_id="elsewhere")


def chosen(house: House, library: FakeLibrary, asset_id: str = "take_3", request: AssetRequest = REQUEST) -> None:
    """`asset_id`, which by its tags answers nobody here, is named for `request`."""
    library.add(asset_id, film(asset_id), replace(ELSEWHERE, asset_type=request.asset_type), prompt="of another day")
    house.names.name(request_key(request), asset_id)


async def ask(house: House, request: AssetRequest = REQUEST) -> Asset | None:
    return await house.named.find_asset(request, request_key(request))


async def test_what_is_named_is_delivered_and_cached_as_the_answer(house: House, library: FakeLibrary) -> None:
    chosen(house, library)
    asset = await ask(house)
    assert asset is not None
    assert (asset.asset_id, asset.source, asset.path.read_bytes()) == ("take_3", Source.PRE_MADE, film("take_3"))
    entry = await house.cache.lookup(KEY)
    assert entry is not None
    assert (entry.asset_id, entry.library) == ("take_3", "folder")


async def test_what_is_named_is_preferred_to_what_matches(house: House, library: FakeLibrary) -> None:
    library.add("confess", film("matches"))
    chosen(house, library)
    asset = await ask(house)
    assert asset is not None
    assert asset.asset_id == "take_3"
    assert (await house.named.availability(REQUEST, KEY)).asset_id == "take_3"


async def test_where_nobody_named_anything_the_library_is_searched(house: House, library: FakeLibrary) -> None:
    library.add("confess", film("matches"))
    asset = await ask(house)
    assert asset is not None
    assert asset.asset_id == "confess"
    assert "get" not in library.calls


@pytest.mark.parametrize("why", ["gone", "a picture"])
async def test_what_is_gone_or_of_another_type_leaves_it_to_the_search(
    house: House, library: FakeLibrary, why: str
) -> None:
    library.add("confess", film("matches"))
    if why == "gone":
        house.names.name(KEY, "gone")
    else:
        chosen(house, library, "picture", replace(REQUEST, asset_type=AssetType.IMAGE))
        house.names.name(KEY, "picture")
    asset = await ask(house)
    assert asset is not None
    assert asset.asset_id == "confess"
    (outlook,) = await house.named.outlooks([Asked(REQUEST, KEY)])
    assert getattr(outlook, "asset_id", None) == "confess"


async def test_many_are_looked_up_each_with_its_own_outcome(house: House, library: FakeLibrary) -> None:
    asked = [replace(REQUEST, choice_id=choice) for choice in ("named", "matches", "neither", "gone")]
    chosen(house, library, "take_3", asked[0])
    library.add("own", film("own"), asked[1])
    house.names.name(request_key(asked[3]), "gone")
    outlooks = await house.named.outlooks([Asked(one, request_key(one)) for one in asked])
    assert [getattr(one, "asset_id", one) for one in outlooks] == ["take_3", "own", None, None]
    assert [getattr(one, "would", one) for one in outlooks] == [Would.DOWNLOAD, Would.DOWNLOAD, None, None]


async def test_trouble_with_what_is_named_is_no_miss(house: House, library: FakeLibrary) -> None:
    chosen(house, library)
    library.trouble = NotYours("another's")
    (outlook,) = await house.named.outlooks([Asked(REQUEST, KEY)])
    assert outlook is library.trouble
    with pytest.raises(NotYours):
        await ask(house)
    assert await house.journal.orders(open_only=False) == []


async def test_a_broken_file_that_is_named_is_trouble(house: House, library: FakeLibrary) -> None:
    library.add("take_3", b"no film", ELSEWHERE)
    house.names.name(KEY, "take_3")
    with pytest.raises(LibraryError):
        await ask(house)


async def test_another_choice_of_the_author_takes_the_place_of_the_cached_one(
    house: House, library: FakeLibrary
) -> None:
    request = house.service.effective(REQUEST)
    chosen(house, library, "take_3", request)
    first = await house.service.request_asset(request)
    again = await house.service.request_asset(request)
    chosen(house, library, "take_4", request)
    asked = [Asked(request, request_key(request))]
    (before,) = await house.service.decisions(asked)
    third = await house.service.request_asset(request)
    (after,) = await house.service.decisions(asked)
    assert [(one.asset_id, one.source) for one in (first, again, third)] == [
        ("take_3", Source.PRE_MADE),
        ("take_3", Source.CACHED),
        ("take_4", Source.PRE_MADE),
    ]
    decided = [(one.provider, one.availability.asset_id) for one in (before, after) if one and one.availability]
    assert decided == [("library:folder", "take_4"), ("cache", "take_4")]
    assert await house.journal.orders(open_only=False) == []


@pytest.mark.parametrize("why", ["gone", "a picture", "no answer"])
async def test_another_choice_that_is_no_answer_leaves_what_is_cached(
    house: House, library: FakeLibrary, why: str
) -> None:
    request = house.service.effective(REQUEST)
    library.add("confess", film("matches"))
    assert (await house.service.request_asset(request)).asset_id == "confess"
    if why == "gone":
        house.names.name(request_key(request), "gone")
    elif why == "a picture":
        chosen(house, library, "picture", replace(request, asset_type=AssetType.IMAGE))
        house.names.name(request_key(request), "picture")
    else:
        chosen(house, library, "take_3", request)
        library.trouble = LibraryError("down")
    (decision,) = await house.service.decisions([Asked(request, request_key(request))])
    assert decision is not None
    assert (decision.provider, decision.availability and decision.availability.asset_id) == ("cache", "confess")
    again = await house.service.request_asset(request)
    assert (again.asset_id, again.source) == ("confess", Source.CACHED)
    assert (await house.service.is_asset_available(request)).would is Would.NOTHING
