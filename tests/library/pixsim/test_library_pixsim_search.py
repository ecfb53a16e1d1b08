"""What the server is asked, and that an answer without an end is never taken for "no match"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from assetctl.errors import LibraryError
from assetctl.keys import request_key
from assetctl.library.pixsim.search import MAX_PAGES, PAGE_SIZE, Found, any_of, searches, unspoken
from assetctl.models import AssetRequest, AssetType, Reuse
from assetctl.pixsim.records import AssetPage, StoredAsset
from assetctl.pixsim.tags import key_slug

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.anyio

REQUEST = AssetRequest(scene_id="Romance_5", choice_id="confess", character_id="Yuki", location_id="park")
TAGS = ["scene:romance_5", "choice:confess", "npc:yuki", "loc:park"]


def asked(request: AssetRequest) -> list[dict[str, Any]]:
    return [search.body for search in searches(request, request_key(request))]


def own_tag(request: AssetRequest) -> str:
    return key_slug(request_key(request))


class Shelves:
    """A server with so many assets; `asked` tells each body that came."""

    def __init__(
        self, count: int, *, heeds_cursor: bool = True, endless: bool = False, total: int | None = None
    ) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self._count = count
        self._heeds_cursor = heeds_cursor
        self._endless = endless
        self._total = total

    async def search(self, body: Mapping[str, Any]) -> AssetPage:
        self.asked.append(body)
        start = int(body.get("cursor", 0)) if self._heeds_cursor else 0
        size = body["limit"]
        found = range(start, start + size if self._endless else min(start + size, self._count))
        cursor = str(start + size) if len(found) == size else None
        return AssetPage(tuple(StoredAsset(number + 1, "video") for number in found), self._total, cursor)


def test_a_moment_is_looked_for_by_all_its_tags_in_one_search() -> None:
    assert asked(REQUEST) == [
        {"tag": TAGS, "filters": {"media_type": "video", "tag__mode": "all"}, "include_total": False}
    ]
    assert asked(AssetRequest(scene_id="a", asset_type=AssetType.AUDIO))[0]["filters"]["media_type"] == "audio"


def test_what_may_be_tagged_with_its_key_alone_is_looked_for_by_that_too() -> None:
    mine = replace(REQUEST, reuse=Reuse.PER_PLAYER, player_id="ann")
    assert [body["tag"] for body in asked(mine)] == [TAGS, [own_tag(mine)]]
    long = replace(REQUEST, choice_id="x" * 200)
    assert [body["tag"] for body in asked(long)] == [[own_tag(long)]]


def test_a_new_one_each_time_is_looked_for_by_its_moment_alone() -> None:
    assert [body["tag"] for body in asked(replace(REQUEST, reuse=Reuse.ALWAYS))] == [TAGS]


def test_a_prompt_alone_is_looked_for_by_its_words_and_by_its_key() -> None:
    request = AssetRequest(prompt="  two friends\n100%_of\\a much longer line than the others  ")
    words, key = asked(request)
    assert words == {
        "q": "a much longer line than the others",
        "filters": {"media_type": "video"},
        "include_total": False,
    }
    assert key["tag"] == [own_tag(request)]


def test_a_long_prompt_is_looked_for_by_its_beginning() -> None:
    assert asked(AssetRequest(prompt="word " * 100))[0]["q"] == ("word " * 40).strip()
    assert [list(body) for body in asked(AssetRequest(prompt="\\\n\\"))] == [["tag", "filters", "include_total"]]


def test_what_no_tag_can_say_is_told() -> None:
    assert unspoken(REQUEST) == ()
    (sentence,) = unspoken(replace(REQUEST, choice_id="x" * 200))
    assert "choice" in sentence
    assert "128" in sentence


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (99, 1), (100, 2), (250, 3)])
async def test_an_answer_is_read_to_its_end(count: int, pages: int) -> None:
    shelves, found = Shelves(count), Found()
    await found.read(shelves.search, {"tag": TAGS})
    assert sorted(found.assets) == list(range(1, count + 1))
    assert len(shelves.asked) == pages
    assert all(body["limit"] == PAGE_SIZE and body["tag"] == TAGS for body in shelves.asked)
    found.check_end()


@pytest.mark.parametrize("shelves", [Shelves(0, endless=True), Shelves(500, heeds_cursor=False)])
async def test_an_answer_without_an_end_is_broken_off_and_said(shelves: Shelves) -> None:
    found = Found()
    await found.read(shelves.search, {"tag": TAGS})
    assert len(shelves.asked) <= MAX_PAGES
    with pytest.raises(LibraryError, match=r"assets were looked at and more exist"):
        found.check_end()


async def test_a_second_search_that_finds_the_same_has_an_end() -> None:
    shelves, found = Shelves(250), Found()
    for _ in range(2):
        await found.read(shelves.search, {"tag": TAGS})
    found.check_end()
    assert len(found.assets) == 250


@pytest.mark.parametrize(("count", "asked", "is_all"), [(0, 1, True), (299, 3, True), (300, 3, False), (301, 1, False)])
async def test_where_the_total_tells_that_it_is_too_much_no_second_page_is_read(
    count: int, asked: int, *, is_all: bool
) -> None:
    shelves, found = Shelves(count, total=count), Found()
    await found.read(shelves.search, any_of(TAGS, AssetType.VIDEO), max_pages=3)
    assert (len(shelves.asked), found.is_all) == (asked, is_all)
    assert [body["include_total"] for body in shelves.asked] == [True, False, False][:asked]


async def test_a_total_that_was_not_asked_for_ends_nothing() -> None:
    shelves, found = Shelves(250, total=10**9), Found()
    (body,) = asked(REQUEST)
    await found.read(shelves.search, body)
    found.check_end()
    assert len(found.assets) == 250
