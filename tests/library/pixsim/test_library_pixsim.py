"""The library of a PixSim7 server, over real sockets: found by tags, judged here, its trouble never "no match"."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from assetctl.clock import SystemClock
from assetctl.errors import IntegrityError, LibraryError, NotAllowed, ServiceError, ServiceFault, ServiceUnreachable
from assetctl.keys import request_key
from assetctl.library.base import Given, Standing
from assetctl.library.pixsim.files import FileFetcher
from assetctl.library.pixsim.library import PixsimLibrary
from assetctl.models import AssetRequest, AssetType, Reuse
from assetctl.network import Origin, new_client
from assetctl.pixsim.client import PixsimClient
from assetctl.pixsim.pacing import Pace
from assetctl.pixsim.session import HandedIn
from assetctl.pixsim.tags import slugs_for
from assetctl.secret import Secret
from fakes import FakeClock
from service import faults
from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    import httpx

    from assetctl.transfer import RemoteFile
    from service.harness import Account

pytestmark = pytest.mark.anyio

REQUEST = AssetRequest(scene_id="Romance_5", choice_id="confess")
MOMENT = AssetRequest(scene_id="romance_6", choice_id="confess")
TAGS = ("scene:romance_5", "choice:confess")
SEARCH = "POST /api/v1/assets/search"
PROMPT = "She says it at last"


class Line:
    """Downloads with one client; the token goes to the server alone."""

    def __init__(self, http: httpx.AsyncClient, origin: Origin, token: str) -> None:
        self._http = http
        self._origin = origin
        self._token = token
        self.urls: list[str] = []

    async def __call__(self, file: RemoteFile, target: Path) -> None:
        self.urls.append(file.url)
        own = {"Authorization": f"Bearer {self._token}"} if Origin.of(file.url) == self._origin else {}
        answer = await self._http.get(file.url, headers=own)
        if answer.status_code != 200:
            raise ServiceError(f"status {answer.status_code}")
        if file.size_bytes is not None and file.size_bytes != len(answer.content):
            raise IntegrityError("another length")
        target.write_bytes(answer.content)  # noqa: ASYNC240 - some kilobytes


@dataclass
class Shelf:
    """One user's assets at the server, and a library that looks at them."""

    server: LookAlike
    user: Account
    library: PixsimLibrary
    line: Line

    def put(self, *tags: str, **facts: Any) -> str:
        return str(self.server.add_asset(self.user, tags=tags or TAGS, **facts)["id"])

    def made(self, request: AssetRequest, **facts: Any) -> str:
        """What our generator stores for `request`."""
        tags = slugs_for(request, request_key(request))
        return self.put(*tags, source_generation_id=1, prompt=request.prompt, **facts)

    async def found(self, request: AssetRequest = REQUEST) -> list[str]:
        return [candidate.asset.asset_id for candidate in await self.library.search(request) if candidate.matches]

    async def refusals(self, request: AssetRequest = REQUEST) -> list[str]:
        return [candidate.refusal for candidate in await self.library.search(request) if candidate.refusal]

    async def opened(self, asset_id: str, target: Path) -> bytes:
        asset = await self.library.get(asset_id)
        assert asset is not None
        async with self.library.open(asset, target) as path:
            return path.read_bytes()


@pytest.fixture(scope="module")
def server() -> Iterator[LookAlike]:
    with LookAlike() as server:
        yield server


@pytest.fixture(autouse=True)
def without_faults(server: LookAlike) -> Iterator[None]:
    yield
    server.clear_faults()


async def shelf_of(server: LookAlike, user: Account, token: str | None = None) -> AsyncIterator[Shelf]:
    origin, clock = Origin.of(server.url), SystemClock()
    # What was seen a moment ago is seen again or not: the library's time stands still, however busy the machine is.
    still = FakeClock(datetime.now(UTC))
    async with new_client(timeout_s=20.0, home=origin) as http:
        client = PixsimClient(
            origin,
            http,
            tokens=HandedIn(Secret(token or user.token)),
            clock=clock,
            pace=Pace(clock=clock, random=Random(4)),
            timeout_s=20.0,
        )
        line = Line(http, origin, user.token)
        files = FileFetcher(line, origin=origin, clock=still, patience_s=2.0)
        yield Shelf(server, user, PixsimLibrary(client, files=files, clock=still), line)


names = iter(f"user_{number}" for number in range(1000))


@pytest.fixture
async def shelf(server: LookAlike) -> AsyncIterator[Shelf]:
    async for shelf in shelf_of(server, server.user(next(names))):
        yield shelf


@pytest.fixture
async def admins(server: LookAlike) -> AsyncIterator[Shelf]:
    async for shelf in shelf_of(server, server.user(next(names), role="admin")):
        yield shelf


async def test_what_is_tagged_for_a_moment_is_found_whatever_the_case_of_its_ids(shelf: Shelf) -> None:
    own = shelf.put()
    assert await shelf.found() == [own]
    assert (shelf.library.name, shelf.library.needs_network, shelf.library.recheck_after_s) == ("pixsim", True, 86_400)


async def test_one_search_and_one_look_at_who_we_are_find_an_answer(shelf: Shelf) -> None:
    shelf.put()
    before = len(shelf.server.requests())
    await shelf.found()
    await shelf.found()
    routes = [record["route"] for record in shelf.server.requests()[before:]]
    assert routes == [SEARCH, "POST /api/v1/auth/introspect", SEARCH]


async def test_a_miss_costs_one_search(shelf: Shelf) -> None:
    before = len(shelf.server.requests())
    assert await shelf.library.search(REQUEST) == []
    assert len(shelf.server.requests()) == before + 1


async def test_many_searches_give_what_each_gives_in_a_few_requests(shelf: Shelf) -> None:
    asked = [AssetRequest(scene_id=f"Scene_{n // 10}", choice_id=f"c{n % 10}", prompt=PROMPT) for n in range(200)]
    for request in asked[::7]:
        shelf.made(request)
    for request in asked[::9]:
        shelf.put(*slugs_for(request, request_key(request))[:2], "npc:somebody")
    mine = [replace(request, reuse=Reuse.PER_PLAYER, player_id="ann") for request in asked[:5]]
    own = shelf.made(mine[3])
    asked += mine
    before = len(shelf.server.requests())
    together = await shelf.library.search_all(asked)
    routes = [record["route"] for record in shelf.server.requests()[before:]]
    assert routes == [SEARCH, "POST /api/v1/auth/introspect"]
    assert together == [await shelf.library.search(request) for request in asked]
    assert [one.asset.asset_id for one in together[203] if one.matches] == [own]
    assert sum(any(one.matches for one in found) for found in together) == len(asked[:200:7]) + 1


async def test_what_has_some_of_the_tags_or_more_of_them_is_no_match(shelf: Shelf) -> None:
    shelf.put("scene:romance_5")
    shelf.put("choice:confess")
    shelf.put(*TAGS, "npc:yuki")
    assert await shelf.found() == []
    assert [refusal for refusal in await shelf.refusals() if "character `yuki`" in refusal]
    assert await shelf.found(AssetRequest(scene_id="romance_5")) != []


async def test_another_type_with_the_same_tags_is_no_match(shelf: Shelf) -> None:
    image = shelf.put(media_type="image")
    assert await shelf.found() == []
    assert await shelf.found(replace(REQUEST, asset_type=AssetType.IMAGE)) == [image]


async def test_sound_is_found_though_nobody_can_generate_it(shelf: Shelf) -> None:
    sound = shelf.put(media_type="audio")
    assert await shelf.found(replace(REQUEST, asset_type=AssetType.AUDIO)) == [sound]


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"signal_override": "broken"}, "broken"),
        ({"source_generation_id": 1, "provider_status": "flagged"}, "flagged"),
        ({"remote_url": "https://media.pixverse.ai/pixverse/mp4/media/default.mp4"}, "placeholder"),
    ],
)
async def test_what_is_unfit_never_matches_and_is_told(shelf: Shelf, facts: dict[str, Any], word: str) -> None:
    shelf.put(**facts)
    assert await shelf.found() == []
    (refusal,) = await shelf.refusals()
    assert word in refusal


@pytest.mark.parametrize("facts", [{"is_archived": True}, {"asset_kind": "mask"}])
async def test_what_the_server_hides_never_matches(shelf: Shelf, facts: dict[str, Any]) -> None:
    shelf.put(**facts)
    assert await shelf.library.search(REQUEST) == []


async def test_an_administrator_is_never_given_what_is_anothers(shelf: Shelf, admins: Shelf) -> None:
    shelf.put()
    assert await shelf.found() != []
    assert await admins.found() == []
    assert "belongs to another user" in await admins.refusals()
    own = admins.put()
    assert await admins.found() == [own]


async def test_a_search_over_several_pages_finds_the_oldest_of_250(shelf: Shelf) -> None:
    oldest = shelf.put()
    for asset_id in shelf.server.add_assets(shelf.user, 249):
        shelf.server.change_asset(asset_id, tags=[*TAGS, f"npc:extra_{asset_id}"])
    before = len(shelf.server.requests(SEARCH))
    assert await shelf.found() == [oldest]
    assert len(shelf.server.requests(SEARCH)) == before + 3


async def test_an_asset_with_ten_thousand_tags_is_judged_like_any(shelf: Shelf) -> None:
    own = shelf.put(*TAGS, *(f"has:word_{number}" for number in range(10_000)))
    assert await shelf.found() == [own]


async def test_what_was_generated_answers_its_own_prompt_and_no_other(shelf: Shelf) -> None:
    asked = replace(REQUEST, prompt=PROMPT)
    own = shelf.made(asked)
    assert await shelf.found(asked) == [own]
    assert await shelf.found(REQUEST) == [own]
    assert await shelf.found(replace(asked, prompt="another")) == []


async def test_what_was_made_for_this_very_request_is_the_first_of_all(shelf: Shelf) -> None:
    asked = replace(REQUEST, prompt=PROMPT, seed=5)
    own = shelf.made(asked)
    other = shelf.put()
    assert await shelf.found(asked) == [own, other]


async def test_what_is_one_players_is_found_by_its_key_and_by_nobody_else(shelf: Shelf) -> None:
    ann = replace(REQUEST, reuse=Reuse.PER_PLAYER, player_id="ann")
    own = shelf.made(ann)
    assert await shelf.found(ann) == [own]
    assert await shelf.found(replace(ann, player_id="bob")) == []
    assert await shelf.found() == []


async def test_a_prompt_without_a_moment_is_found_by_its_words(shelf: Shelf) -> None:
    asked = AssetRequest(prompt=f"{PROMPT}\n100% sure_")
    own = shelf.put("has:action", source_generation_id=1, prompt=asked.prompt)
    assert await shelf.found(asked) == [own]
    assert await shelf.found(replace(asked, prompt=PROMPT)) == []


async def test_a_moment_that_no_tag_can_say_is_remarked_and_found_by_its_key_alone(shelf: Shelf) -> None:
    long = replace(REQUEST, choice_id="x" * 200)
    assert "128" in shelf.library.remarks(long)[0]
    assert shelf.library.remarks(REQUEST) == ()
    assert await shelf.found(long) == []
    own = shelf.made(long)
    assert await shelf.found(long) == [own]


TROUBLES = {
    "expired login": (faults.answers(401, "Token expired", code="unauthorized"), NotAllowed),
    "failing server": (faults.answers(500, "boom", code="internal_error"), ServiceFault),
    "no JSON": (faults.text("<html>"), ServiceError),
    "an answer that breaks off": (faults.cut_off(40), ServiceUnreachable),
    "no answer": (faults.lost_before(), ServiceUnreachable),
    "another server": (faults.answers(404, "Not Found", code="not_found"), ServiceError),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_trouble_is_an_error_and_never_no_match(shelf: Shelf, trouble: str) -> None:
    fault, kind = TROUBLES[trouble]
    own = shelf.put()
    assert await shelf.library.standings([Given(own, "")]) == [Standing.CHANGED]
    for route in (SEARCH, "GET /api/v1/assets/*", "POST /api/v1/assets/bulk/get"):
        shelf.server.fault(route, fault, times=None)
    with pytest.raises(kind):
        await shelf.library.search(REQUEST)
    assert [type(found) for found in await shelf.library.search_all([REQUEST, MOMENT])] == [kind, kind]
    (standing,) = await shelf.library.standings([Given(own, "")])
    assert isinstance(standing, kind)
    with pytest.raises(kind):
        await shelf.library.get(own)
    with pytest.raises(kind):
        await shelf.library.standing(own, "")


async def test_a_server_that_does_not_say_who_we_are_is_trouble(shelf: Shelf) -> None:
    shelf.put()
    introspect = "POST /api/v1/auth/introspect"
    shelf.server.fault(introspect, faults.text('{"active": true, "claims": {}}', content_type="application/json"))
    with pytest.raises(LibraryError, match="who is logged in"):
        await shelf.library.search(REQUEST)
    shelf.server.fault(introspect, faults.text('{"active": false}', content_type="application/json"))
    with pytest.raises(NotAllowed, match="not logged in"):
        await shelf.library.search(REQUEST)


async def test_an_asset_is_had_by_its_number(shelf: Shelf) -> None:
    own = shelf.put(description="a bench")
    found = await shelf.library.get(own)
    assert found is not None
    assert (found.asset_id, found.scene_id, found.choice_id) == (own, "romance_5", "confess")
    assert found.description == "a bench"
    assert found.url is not None
    assert found.url.startswith(shelf.server.url)


@pytest.mark.parametrize(
    "asset_id", ["12abc", "", "0", "-1", "01", " 1", "1.0", "१", "confess.mp4", "2147483648", "9" * 40]
)
async def test_what_is_no_number_is_nobodys_and_is_not_asked_for(shelf: Shelf, asset_id: str) -> None:
    before = len(shelf.server.requests())
    assert await shelf.library.get(asset_id) is None
    assert await shelf.library.standing(asset_id, "") is Standing.GONE
    assert len(shelf.server.requests()) == before


async def test_a_number_nobody_has_is_nobodys(shelf: Shelf) -> None:
    assert await shelf.library.get("2147483647") is None


async def test_anothers_asset_is_not_allowed(shelf: Shelf, admins: Shelf) -> None:
    foreign = admins.put()
    with pytest.raises(NotAllowed):
        await shelf.library.get(foreign)


async def test_an_asset_of_a_type_nobody_knows_is_trouble_by_its_number(shelf: Shelf) -> None:
    own = shelf.put(overrides={"media_type": "hologram"})
    with pytest.raises(LibraryError, match="type"):
        await shelf.library.get(own)


async def test_an_asset_stands_until_its_hash_or_its_fitness_changes_or_it_goes(shelf: Shelf) -> None:
    own = shelf.put()
    found = await shelf.library.get(own)
    assert found is not None
    assert await shelf.library.standing(own, found.fingerprint) is Standing.SAME
    shelf.server.change_asset(int(own), signal_override="broken")
    assert await shelf.library.standing(own, found.fingerprint) is Standing.CHANGED
    shelf.server.change_asset(int(own), signal_override=None, sha256="b" * 64)
    assert await shelf.library.standing(own, found.fingerprint) is Standing.CHANGED
    shelf.server.remove_asset(int(own))
    assert await shelf.library.standing(own, found.fingerprint) is Standing.GONE


@pytest.mark.parametrize("placed", ["stored", "local", "remote"])
async def test_its_bytes_come_from_where_they_are(shelf: Shelf, tmp_path: Path, placed: str) -> None:
    content = b"bytes of " + placed.encode()
    own = shelf.put(placed=placed, content=content)
    assert await shelf.opened(own, tmp_path / "target") == content
    (url,) = shelf.line.urls
    assert url.startswith(shelf.server.vendor_url if placed == "remote" else shelf.server.url)
    assert not shelf.server.sightings()


async def test_the_servers_copy_is_taken_where_the_vendor_has_one_too(shelf: Shelf, tmp_path: Path) -> None:
    own = shelf.put(source_generation_id=1, content=b"ours")
    assert await shelf.opened(own, tmp_path / "target") == b"ours"
    assert shelf.line.urls[0].startswith(shelf.server.url)


async def test_a_lost_copy_is_had_from_the_vendor(shelf: Shelf, tmp_path: Path) -> None:
    own = shelf.put(source_generation_id=1, placed="lost", content=b"vendors")
    assert await shelf.opened(own, tmp_path / "target") == b"vendors"
    assert len(shelf.line.urls) == 2


@pytest.mark.parametrize("placed", ["none", "opaque"])
async def test_what_is_nowhere_is_trouble_and_no_miss(shelf: Shelf, tmp_path: Path, placed: str) -> None:
    own = shelf.put(placed=placed, overrides={"sync_status": "error"})
    (candidate,) = await shelf.library.search(REQUEST)
    assert candidate.trouble is not None
    with pytest.raises(LibraryError, match="no file"):
        await shelf.opened(own, tmp_path / "target")
    assert shelf.line.urls == []


async def test_anothers_asset_among_many_is_trouble_of_its_own(shelf: Shelf) -> None:
    own, other = shelf.put(), shelf.server.add_asset(shelf.server.user(next(names)), tags=TAGS)
    found = await shelf.library.get(own)
    assert found is not None
    asked = [Given(own, found.fingerprint), Given(str(other["id"]), ""), Given("999999", "")]
    same, foreign, gone = await shelf.library.standings(asked)
    assert (same, gone) == (Standing.SAME, Standing.GONE)
    assert isinstance(foreign, NotAllowed)


async def test_a_confirmed_asset_is_fetched_without_another_look(shelf: Shelf, tmp_path: Path) -> None:
    own = shelf.put(content=b"bytes")
    asset = await shelf.library.get(own)
    assert asset is not None
    before = len(shelf.server.requests())
    assert await shelf.library.standing(own, asset.fingerprint) is Standing.SAME
    for looks in (1, 2):
        async with shelf.library.open(asset, tmp_path / "target") as path:
            assert path.read_bytes() == b"bytes"
        routes = [record["route"] for record in shelf.server.requests()[before:]]
        assert routes.count(f"GET /api/v1/assets/{own}") == looks


async def test_what_many_searches_found_is_fetched_with_a_look_at_all_of_it(shelf: Shelf, tmp_path: Path) -> None:
    asked = [AssetRequest(scene_id="s", choice_id=f"c{number}") for number in range(5)]
    for request in asked:
        shelf.put("scene:s", f"choice:{request.choice_id}", content=(request.choice_id or "").encode())
    before = len(shelf.server.requests())
    for request, found in zip(asked, await shelf.library.search_all(asked), strict=True):
        assert isinstance(found, list)
        async with shelf.library.open(found[0].asset, tmp_path / "target") as path:
            assert path.read_bytes() == (request.choice_id or "").encode()
    routes = [record["route"] for record in shelf.server.requests()[before:]]
    assert routes.count("POST /api/v1/assets/bulk/get") == 1
    assert not [route for route in routes if route.startswith("GET /api/v1/assets/")]


async def test_looking_never_downloads(shelf: Shelf) -> None:
    own = shelf.put()
    await shelf.library.search(REQUEST)
    found = await shelf.library.get(own)
    assert found is not None
    await shelf.library.standing(own, found.fingerprint)
    assert shelf.line.urls == []
