"""What goes in is what was asked with, at the server once, or refused with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from assetctl.errors import InvalidRequest, ServiceError
from assetctl.generation.pixsim.body import Source
from assetctl.generation.pixsim.inputs import Inputs
from assetctl.media.inputs import with_digest
from assetctl.models import AssetInput, AssetType
from assetctl.pixsim.records import AssetPage, StoredAsset
from fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.anyio

IMAGE, VIDEO = AssetType.IMAGE, AssetType.VIDEO
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" + b"IEND\xaeB`\x82"


class Server:
    """Takes files for the asset 5, of which it says `said` one after the other."""

    def __init__(self, *said: StoredAsset | None, found: tuple[StoredAsset, ...] = ()) -> None:
        self.said = list(said)
        self.found = found
        self.uploads: list[tuple[Path, str]] = []
        self.unreadable = False

    async def asset(self, asset_id: int) -> StoredAsset | None:
        del asset_id
        return self.said.pop(0) if len(self.said) > 1 else self.said[0]

    async def search_assets(self, body: Mapping[str, Any]) -> AssetPage:
        assert body["sha256"]
        return AssetPage(self.found)

    async def upload(self, path: Path, mime_type: str) -> int:
        if self.unreadable:
            raise PermissionError(13, "Permission denied")
        self.uploads.append((path, mime_type))
        return 5


@pytest.fixture
def picture(tmp_path: Path) -> AssetInput:
    path = tmp_path / "lantern.png"
    path.write_bytes(PNG)
    return with_digest(AssetInput(role="hero", path=path))


async def sources(server: Server, *given: AssetInput) -> tuple[Source, ...]:
    return await Inputs(FakeClock()).sources(server, given)  # type: ignore[arg-type]


async def test_address_is_handed_on_as_it_is():
    given = AssetInput(VIDEO, url="https://example.com/a.mp4")
    assert await sources(Server(None), given) == (Source(VIDEO, url="https://example.com/a.mp4"),)
    assert await Inputs(FakeClock()).kinds(Server(None), [given]) == [VIDEO]  # type: ignore[arg-type]


async def test_file_is_sent_with_its_media_type(picture: AssetInput):
    server = Server(StoredAsset(5, "image", sha256=picture.sha256))
    assert await sources(server, picture, picture) == (Source(IMAGE, "hero", asset_id=5),) * 2
    assert server.uploads == [(picture.path, "image/png")]


async def test_file_that_the_server_has_is_not_sent(picture: AssetInput):
    others = StoredAsset(1, "image", sha256="cd" * 32), StoredAsset(2, "image", sha256=picture.sha256, is_archived=True)
    server = Server(None, found=(*others, StoredAsset(3, "image", sha256=picture.sha256)))
    assert await sources(server, picture) == (Source(IMAGE, "hero", asset_id=3),)
    assert server.uploads == []


async def test_digest_that_is_stated_late_is_awaited(picture: AssetInput):
    server = Server(None, StoredAsset(5, "image"), StoredAsset(5, "image", sha256=picture.sha256))
    assert await sources(server, picture) == (Source(IMAGE, "hero", asset_id=5),)


async def test_asset_without_a_digest_is_not_believed(picture: AssetInput):
    with pytest.raises(ServiceError, match="does not say what it stored"):
        await sources(Server(StoredAsset(5, "image")), picture)


async def test_other_bytes_in_its_place_are_refused(picture: AssetInput):
    with pytest.raises(InvalidRequest, match="which is another file") as caught:
        await sources(Server(StoredAsset(5, "image", sha256="cd" * 32)), picture)
    assert "--asset-ref ROLE=5" in (caught.value.hint or "")


async def test_file_that_cannot_be_read_while_it_is_sent_is_told(picture: AssetInput):
    server = Server(None)
    server.unreadable = True
    with pytest.raises(InvalidRequest, match="can't be read") as caught:
        await sources(server, picture)
    assert caught.value.why == "Permission denied"


@pytest.mark.parametrize(
    ("given", "said", "what"),
    [
        (AssetInput(asset_id="12"), None, "has no asset `12`"),
        (AssetInput(asset_id="1" * 19), StoredAsset(1, "image"), "has no asset"),
        (AssetInput(asset_id="٣"), StoredAsset(3, "image"), "has no asset"),
        (AssetInput(asset_id="12"), StoredAsset(12, "audio"), "is no image or video"),
        (AssetInput(IMAGE, asset_id="12"), StoredAsset(12, "video"), "is no image"),
    ],
)
async def test_reference_that_leads_nowhere_is_refused(given: AssetInput, said: StoredAsset | None, what: str):
    for ask in (Inputs(FakeClock()).sources, Inputs(FakeClock()).kinds):
        with pytest.raises(InvalidRequest, match=what):
            await ask(Server(said), [given])  # type: ignore[arg-type]


async def test_reference_has_the_type_that_the_server_says():
    server = Server(StoredAsset(12, "video"))
    assert await sources(server, AssetInput(role="hero", asset_id="12")) == (Source(VIDEO, "hero", asset_id=12),)
