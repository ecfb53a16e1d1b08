"""Many searches made as few answer each request as if it had been searched for alone, and no trouble is "no match"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetctl.errors import AssetctlError, LibraryError, NotAllowed, ServiceError, ServiceUnreachable
from assetctl.keys import request_key
from assetctl.library.base import Given, Standing
from assetctl.library.pixsim import together
from assetctl.library.pixsim.library import PixsimLibrary
from assetctl.library.pixsim.search import MAX_PAGES, PAGE_SIZE
from assetctl.library.pixsim.together import MAX_TAGS, MAX_TROUBLES
from assetctl.models import AssetRequest, AssetType, Reuse
from assetctl.network import Origin
from assetctl.pixsim.records import AssetPage, StoredAsset, TokenFacts
from assetctl.pixsim.tags import key_slug, slugs_for
from fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

pytestmark = pytest.mark.anyio

ME = 1


class Server:
    """A server's search: any or all of some tags, words, types, pages. `broken` assets spoil the page they are on."""

    origin = Origin.of("http://127.0.0.1:8001")

    def __init__(self, assets: Iterable[StoredAsset] = ()) -> None:
        self.stored = list(assets)
        self.broken: set[int] = set()
        self.trouble: AssetctlError | None = None
        self.forgets_cursor = False
        self.bodies: list[Mapping[str, Any]] = []
        self.single_looks = 0
        self.looks = 0

    async def search_assets(self, body: Mapping[str, Any]) -> AssetPage:
        self.bodies.append(body)
        if self.trouble is not None:
            raise self.trouble
        found = sorted((one for one in self.stored if _is_found(one, body)), key=lambda one: -one.id)
        total = len(found) if body["include_total"] else None
        before = None if self.forgets_cursor else body.get("cursor")
        page = [one for one in found if before is None or one.id < int(before)][: body["limit"]]
        if self.broken & {one.id for one in page}:
            raise ServiceError("an answer that cannot be read")
        return AssetPage(tuple(page), total, str(page[-1].id) if len(page) == body["limit"] else None)

    async def asset(self, asset_id: int) -> StoredAsset | None:
        self.single_looks += 1
        (found,) = await self._known([asset_id]) or [None]
        if found is not None and found.user_id != ME:
            raise NotAllowed("it is another user's")
        return found

    async def assets(self, asset_ids: Sequence[int]) -> list[StoredAsset]:
        self.looks += 1
        found = await self._known(asset_ids)
        if any(one.user_id != ME for one in found):
            raise ServiceError("Cannot access other users' assets")
        return found

    async def introspect(self) -> TokenFacts:
        return TokenFacts(is_active=True, user_id=ME)

    async def _known(self, asset_ids: Sequence[int]) -> list[StoredAsset]:
        if self.trouble is not None:
            raise self.trouble
        return [one for one in self.stored if one.id in asset_ids]


def _is_found(stored: StoredAsset, body: Mapping[str, Any]) -> bool:
    filters, tags = body["filters"], frozenset(body.get("tag", ()))
    is_tagged = tags <= stored.tags if filters.get("tag__mode") == "all" else bool(tags & stored.tags)
    return (
        filters["media_type"] == stored.media_type
        and (is_tagged or not tags)
        and body.get("q", "") in (stored.prompt or "")
    )


def library_at(server: Server) -> PixsimLibrary:
    return PixsimLibrary(server, files=None, clock=FakeClock())  # type: ignore[arg-type]


def clip(number: int, *tags: str, **facts: Any) -> StoredAsset:
    known = {"user_id": ME, "file_url": "/api/v1/media/x", "asset_kind": "content", "sync_status": "downloaded"}
    return StoredAsset(number, **{"media_type": "video", **known, **facts}, tags=frozenset(tags))


def moments(count: int, **facts: Any) -> list[AssetRequest]:
    return [AssetRequest(scene_id=f"s{number}", choice_id="go", **facts) for number in range(count)]


def clips_for(requests: Iterable[AssetRequest], *, first: int = 1) -> list[StoredAsset]:
    return [
        clip(number, *slugs_for(request, request_key(request))) for number, request in enumerate(requests, start=first)
    ]


names = st.sampled_from(["a", "b", "C", "x" * 200])
requests = st.builds(
    AssetRequest,
    scene_id=st.none() | names,
    choice_id=st.none() | names,
    character_id=st.none() | st.just("yuki"),
    prompt=st.none() | st.sampled_from(["a lantern", "a bench"]),
    asset_type=st.sampled_from([AssetType.VIDEO, AssetType.IMAGE]),
    seed=st.none() | st.just(5),
    duration_s=st.none() | st.just(5.0),
    reuse=st.sampled_from([Reuse.ONCE, Reuse.ALWAYS, Reuse.PER_PLAYER]),
    player_id=st.just("ann"),
)


@st.composite
def shelves(draw: st.DrawFn) -> tuple[list[AssetRequest], list[StoredAsset]]:
    asked = draw(st.lists(requests, max_size=12))
    tags = st.sampled_from([
        *("scene:a", "scene:b", "scene:c", "choice:a", "choice:b", "npc:yuki", "assetctl:0", "style:anime"),
        *(slug for request in asked for slug in slugs_for(request, request_key(request))),
        *(key_slug(request_key(request)) for request in asked),
    ])  # fmt: skip
    facts = st.fixed_dictionaries({
        "media_type": st.sampled_from(["video", "image"]),
        "user_id": st.sampled_from([ME, ME, ME, 2]),
        "prompt": st.none() | st.sampled_from(["a lantern", "a bench"]),
        "source_generation_id": st.none() | st.just(3),
        "duration_s": st.none() | st.sampled_from([5.0, 9.0]),
        "signal_override": st.sampled_from([None, None, None, "broken"]),
        "file_url": st.sampled_from(["/api/v1/media/x", "/api/v1/media/x", None]),
    })  # fmt: skip
    shelf = draw(st.lists(st.tuples(st.frozensets(tags, max_size=5), facts), max_size=25))
    return asked, [clip(number, *tags, **known) for number, (tags, known) in enumerate(shelf, start=1)]


@settings(max_examples=300)
@given(shelf=shelves(), page=st.sampled_from([1, 3, 100]), most=st.sampled_from([1, 2, 200]))
async def test_together_is_as_alone_on_any_shelf(
    shelf: tuple[list[AssetRequest], list[StoredAsset]], page: int, most: int
) -> None:
    asked, stored = shelf
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(together, "MAX_TAGS", most)
        patch.setattr("assetctl.library.pixsim.search.PAGE_SIZE", page)
        library = library_at(Server(stored))
        found = await library.search_all(asked)
        assert list(map(told, found)) == [told(await alone(library, request)) for request in asked]


async def alone(library: PixsimLibrary, request: AssetRequest) -> Any:
    try:
        return await library.search(request)
    except AssetctlError as error:
        return error


def told(found: Any) -> Any:
    if isinstance(found, AssetctlError):
        return type(found), found.what
    return [(one.asset, one.refusal, one.notes, one.trouble and one.trouble.what) for one in found]


async def test_what_is_missing_everywhere_costs_a_search_for_hundreds_of_scenes() -> None:
    server = Server()
    many = moments(4 * MAX_TAGS)
    assert await library_at(server).search_all(many) == [[]] * len(many)
    assert [len(body["tag"]) for body in server.bodies] == [MAX_TAGS] * 4
    server.bodies.clear()
    of_few_scenes = [replace(request, choice_id=f"c{n}") for request in moments(20) for n in range(10)]
    assert await library_at(server).search_all(of_few_scenes) == [[]] * 200
    assert [len(body["tag"]) for body in server.bodies] == [20]


async def test_each_type_is_searched_for_by_itself() -> None:
    server = Server(clips_for(moments(4)))
    found = await library_at(server).search_all([*moments(4), *moments(4, asset_type=AssetType.AUDIO)])
    assert [bool(one) for one in found] == [True] * 4 + [False] * 4
    assert sorted(body["filters"]["media_type"] for body in server.bodies) == ["audio", "video"]


async def test_what_is_found_by_its_key_alone_is_searched_for_with_others() -> None:
    mine = [replace(request, reuse=Reuse.PER_PLAYER, player_id="ann") for request in moments(50)]
    server = Server(clips_for(mine))
    found = await library_at(server).search_all([*mine, *moments(50)])
    assert [any(one.matches for one in candidates) for candidates in found] == [True] * 50 + [False] * 50
    assert len(server.bodies) == 1


@pytest.mark.parametrize("forgets_cursor", [False, True])
async def test_a_search_without_an_end_is_parted_until_each_is_answered(*, forgets_cursor: bool) -> None:
    many = moments(16)
    other = [clip(number, "scene:s3", "choice:other") for number in range(100, 100 + 17 * PAGE_SIZE)]
    server = Server([*clips_for(many), *other])
    server.forgets_cursor = forgets_cursor
    found = await library_at(server).search_all(many)
    assert all(candidates[0].matches for candidates in found)
    # A half is one more search, and nothing was read that promised to be too much.
    assert len(server.bodies) <= 2 * len(many)
    singles = [body for body in server.bodies if body["filters"].get("tag__mode") == "all"]
    assert ["scene:s3", "choice:go"] in [body["tag"] for body in singles]
    assert len(singles) <= 2


async def test_an_end_that_is_never_reached_is_trouble_for_whom_it_concerns_and_no_miss() -> None:
    many = moments(8)
    endless = [clip(number, "scene:s3", "choice:go", "npc:x") for number in range(100, 100 + 51 * PAGE_SIZE)]
    found = await library_at(Server([*clips_for(many[:3]), *endless])).search_all(many)
    assert [index for index, one in enumerate(found) if isinstance(one, LibraryError)] == [3]
    assert [bool(one) for one in found if not isinstance(one, AssetctlError)] == [True] * 3 + [False] * 4


async def test_many_without_an_end_keep_nobody_from_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assetctl.library.pixsim.search.PAGE_SIZE", 2)
    crowd = [AssetRequest(scene_id="hub", choice_id=f"c{number:03}") for number in range(100)]
    choices = [f"choice:c{number:03}" for number in range(60)]
    endless = [clip(number, "scene:hub", "npc:x", *choices) for number in range(1, 2 * MAX_PAGES + 2)]
    server = Server([*endless, *clips_for(crowd[60:], first=9_000)])
    found = await library_at(server).search_all([*crowd, *moments(5)])
    assert [isinstance(one, LibraryError) for one in found] == [True] * 60 + [False] * 45
    assert all(one[0].matches for one in found[60:100] if not isinstance(one, AssetctlError))


@pytest.mark.parametrize("trouble", [ServiceUnreachable("gone"), NotAllowed("who are you?")])
async def test_trouble_of_the_server_is_everybodys_and_is_not_met_by_each(trouble: AssetctlError) -> None:
    server = Server()
    server.trouble = trouble
    assert await library_at(server).search_all(moments(1000)) == [trouble] * 1000
    assert len(server.bodies) == 1000 / MAX_TAGS


async def test_trouble_that_passes_is_trouble_for_those_searched_for_then_alone() -> None:
    server = Server()
    ask = server.search_assets

    async def flaky(body: Mapping[str, Any]) -> AssetPage:
        if len(server.bodies) == 1:
            server.bodies.append(body)
            raise ServiceUnreachable("gone for a moment")
        return await ask(body)

    server.search_assets = flaky  # type: ignore[method-assign]
    found = await library_at(server).search_all(moments(1000))
    assert sum(isinstance(one, ServiceUnreachable) for one in found) == MAX_TAGS
    assert sum(one == [] for one in found) == 1000 - MAX_TAGS


async def test_one_asset_that_cannot_be_read_is_trouble_for_its_own_request_alone() -> None:
    many = moments(64)
    server = Server(clips_for(many))
    server.broken = {18}
    found = await library_at(server).search_all(many)
    assert [index for index, one in enumerate(found) if isinstance(one, ServiceError)] == [17]
    assert sum(one[0].matches for one in found if not isinstance(one, AssetctlError)) == 63
    assert len(server.bodies) <= 2 * 7


async def test_many_assets_that_cannot_be_read_are_still_trouble_for_their_own_requests_alone() -> None:
    many = moments(800)
    server = Server(clips_for(many))
    server.broken = set(range(1, 801, 16))
    found = await library_at(server).search_all(many)
    assert {index + 1 for index, one in enumerate(found) if isinstance(one, ServiceError)} == server.broken


async def test_a_server_that_always_fails_is_not_asked_by_everybody() -> None:
    server = Server()
    server.trouble = ServiceError("it is broken inside")
    assert await library_at(server).search_all(moments(1000)) == [server.trouble] * 1000
    assert len(server.bodies) <= MAX_TROUBLES + 4


async def test_words_are_searched_for_one_by_one_and_their_keys_together() -> None:
    words = [AssetRequest(prompt=f"a lantern, {number}") for number in range(10)]
    server = Server([clip(1, "has:light", prompt="a lantern, 7", source_generation_id=3)])
    found = await library_at(server).search_all(words)
    assert [any(one.matches for one in candidates) for candidates in found] == [n == 7 for n in range(10)]
    assert sum("q" in body for body in server.bodies) == 10
    assert len(server.bodies) == 11


async def test_many_ids_are_looked_at_together() -> None:
    server = Server([*clips_for(moments(450)), clip(900, user_id=2)])
    library = library_at(server)
    found = await library.get_all([str(number) for number in range(1, 451)])
    assert [getattr(one, "asset_id", None) for one in found] == [str(number) for number in range(1, 451)]
    assert (server.looks, server.single_looks) == (3, 0)
    known = await library.get_all(["7", "800", "900", "no number"])
    assert (getattr(known[0], "asset_id", None), known[1], known[3]) == ("7", None, None)
    assert isinstance(known[2], NotAllowed)
    server.trouble = ServiceUnreachable("gone")
    assert await library.get_all(["1", "2"]) == [server.trouble] * 2


async def test_many_are_stood_behind_as_each_is_in_few_looks() -> None:
    server = Server([*clips_for(moments(450)), clip(900, user_id=2)])
    library = library_at(server)
    given = [Given(str(number), "||") for number in range(1, 451)]
    server.stored[3] = replace(server.stored[3], sha256="b" * 64)
    server.stored[4] = replace(server.stored[4], signal_override="broken")
    assert (await library.standings(given)) == [Standing.CHANGED if n == 5 else Standing.SAME for n in range(1, 451)]
    assert (server.looks, server.single_looks) == (3, 0)
    some = [Given("7", "||"), Given("800", "||"), Given("900", "||"), Given("no number", "")]
    known = await library.standings(some)
    assert known[:2] == [Standing.SAME, Standing.GONE]
    assert isinstance(known[2], NotAllowed)
    assert known[3] is Standing.GONE
    server.trouble = ServiceUnreachable("gone")
    assert await library.standings(given) == [server.trouble] * 450
    assert await library.standings([]) == []
