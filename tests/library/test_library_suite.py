"""What every library promises, asked of each in the same words. A new place of assets is a row in `PLACES`."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from assetctl.cache.lookups import Lookups
from assetctl.clock import SystemClock
from assetctl.errors import AssetctlError
from assetctl.library.base import BatchLibrary, Given, Library, Standing
from assetctl.library.folder.library import FolderLibrary
from assetctl.library.pixsim.files import FileFetcher
from assetctl.library.pixsim.library import PixsimLibrary
from assetctl.library.remembered import RememberedLibrary
from assetctl.library.remote import RemoteLibrary
from assetctl.models import AssetRequest, AssetType
from assetctl.network import Origin, new_client
from assetctl.pixsim.client import PixsimClient
from assetctl.pixsim.pacing import Pace
from assetctl.pixsim.session import HandedIn
from assetctl.secret import Secret
from fakes import film, film_probe
from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from assetctl.transfer import RemoteFile

pytestmark = pytest.mark.anyio

REQUEST = AssetRequest(scene_id="romance_5", choice_id="confess")
CONTENT = film("made before")


@dataclass(frozen=True)
class Place:
    """A library with one asset for `REQUEST`, its id, and how somebody changes or removes it."""

    library: Library
    asset_id: str
    change: Callable[[], None]
    remove: Callable[[], None]


@asynccontextmanager
async def in_a_folder(tmp_path: Path, _server: LookAlike) -> AsyncIterator[Place]:
    file = tmp_path / "assets" / "romance_5" / "confess.mp4"
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)

    def change() -> None:
        file.write_bytes(film("another"))
        os.utime(file, ns=(1, 1))

    library = FolderLibrary(tmp_path / "assets", snapshot=None, clock=SystemClock(), probe=film_probe)
    yield Place(library, "romance_5/confess.mp4", change, file.unlink)


@asynccontextmanager
async def at_a_server(tmp_path: Path, server: LookAlike) -> AsyncIterator[Place]:
    del tmp_path
    user = server.user(f"user_{len(server.assets())}")
    tags = ["scene:romance_5", "choice:confess"]
    asset_id = server.add_asset(user, tags=tags, content=CONTENT)["id"]
    origin, clock = Origin.of(server.url), SystemClock()
    async with new_client(timeout_s=20.0, home=origin) as http:
        client = PixsimClient(
            origin,
            http,
            tokens=HandedIn(Secret(user.token)),
            clock=clock,
            pace=Pace(clock=clock, random=Random(5)),
            timeout_s=20.0,
        )

        async def download(file: RemoteFile, target: Path) -> None:
            answer = await http.get(file.url, headers={"Authorization": f"Bearer {user.token}"})
            target.write_bytes(answer.content)  # noqa: ASYNC240 - some bytes

        yield Place(
            PixsimLibrary(client, files=FileFetcher(download, origin=origin, clock=clock), clock=clock),
            str(asset_id),
            lambda: server.change_asset(asset_id, sha256="b" * 64) and None,
            lambda: server.remove_asset(asset_id),
        )


@asynccontextmanager
async def remembered_and_remote(tmp_path: Path, server: LookAlike) -> AsyncIterator[Place]:
    async with at_a_server(tmp_path, server) as place:
        remembered = RememberedLibrary(place.library, Lookups(tmp_path / "lookups", clock=SystemClock()))
        library = RemoteLibrary("pixsim", recheck_after_s=86_400.0, build=lambda: remembered, offline=False)
        yield replace(place, library=library)


PLACES: dict[str, Callable[[Path, LookAlike], AbstractAsyncContextManager[Place]]] = {
    "folder": in_a_folder,
    "server": at_a_server,
    "remembered server": remembered_and_remote,
}


@pytest.fixture(scope="module")
def server() -> Iterator[LookAlike]:
    with LookAlike() as server:
        yield server


@pytest.fixture(params=PLACES)
async def place(request: pytest.FixtureRequest, tmp_path: Path, server: LookAlike) -> AsyncIterator[Place]:
    async with PLACES[request.param](tmp_path, server) as place:
        yield place


async def test_it_tells_its_name_and_whether_it_is_far(place: Place) -> None:
    assert place.library.name in ("folder", "pixsim")
    assert place.library.needs_network is (place.library.name == "pixsim")
    assert (place.library.recheck_after_s > 0) is place.library.needs_network


async def test_a_search_gives_what_fits_exactly_twice_the_same(place: Place) -> None:
    for _ in range(2):
        (candidate,) = await place.library.search(REQUEST)
        assert candidate.matches
        assert candidate.asset.asset_id == place.asset_id
        assert candidate.asset.asset_type is AssetType.VIDEO


@pytest.mark.parametrize(
    "change", [{"choice_id": None}, {"choice_id": "wait"}, {"location_id": "park"}, {"asset_type": AssetType.IMAGE}]
)
async def test_what_does_not_fit_exactly_never_matches(place: Place, change: dict[str, object]) -> None:
    assert not [c for c in await place.library.search(replace(REQUEST, **change)) if c.matches]


async def test_many_searches_give_what_each_gives(place: Place) -> None:
    assert isinstance(place.library, BatchLibrary)
    changes = [{}, {"choice_id": "wait"}, {"scene_id": "x"}, {"scene_id": None, "choice_id": None}, {}]
    asked = [replace(REQUEST, **change) for change in changes]
    for request, found in zip(asked, await place.library.search_all(asked), strict=True):
        assert not isinstance(found, AssetctlError)
        assert [one for one in await place.library.search(request) if one.matches] == found
    assert await place.library.search_all([]) == []


async def test_many_ids_give_what_each_gives(place: Place) -> None:
    assert isinstance(place.library, BatchLibrary)
    ids = [place.asset_id, "nobody", "999999", place.asset_id, "../../etc/passwd"]
    assert await place.library.get_all(ids) == [await place.library.get(one) for one in ids]
    assert await place.library.get_all([]) == []


async def test_it_remarks_on_a_request_in_sentences_or_not_at_all(place: Place) -> None:
    assert place.library.remarks(REQUEST) == ()
    assert all(place.library.remarks(replace(REQUEST, scene_id="x" * 200)))


async def test_by_its_id_it_is_the_same_asset_as_was_found(place: Place) -> None:
    (candidate,) = await place.library.search(REQUEST)
    got = await place.library.get(place.asset_id)
    assert got is not None
    assert (got.asset_id, got.fingerprint, got.url) == (
        candidate.asset.asset_id,
        candidate.asset.fingerprint,
        candidate.asset.url,
    )


@pytest.mark.parametrize("asset_id", ["", "nobody", "2147483647", "../secret", "12abc", "a\0"])
async def test_an_id_it_does_not_have_is_nobodys(place: Place, asset_id: str) -> None:
    assert await place.library.get(asset_id) is None
    assert await place.library.standing(asset_id, "") is Standing.GONE


async def test_it_stands_behind_an_asset_until_it_changes_or_goes(place: Place) -> None:
    got = await place.library.get(place.asset_id)
    assert got is not None
    assert await place.library.standing(place.asset_id, got.fingerprint) is Standing.SAME
    place.change()
    assert await place.library.standing(place.asset_id, got.fingerprint) is Standing.CHANGED
    given = [Given(place.asset_id, got.fingerprint), Given("nobody", "")]
    assert isinstance(place.library, BatchLibrary)
    assert await place.library.standings(given) == [Standing.CHANGED, Standing.GONE]
    place.remove()
    assert await place.library.standing(place.asset_id, got.fingerprint) is Standing.GONE
    assert await place.library.standings(given) == [Standing.GONE, Standing.GONE]
    assert not [c for c in await place.library.search(REQUEST) if c.matches]


async def test_its_bytes_are_those_of_the_asset_and_wherever_it_says(place: Place, tmp_path: Path) -> None:
    got = await place.library.get(place.asset_id)
    assert got is not None
    async with place.library.open(got, tmp_path / "target") as path:
        assert path.read_bytes() == CONTENT
