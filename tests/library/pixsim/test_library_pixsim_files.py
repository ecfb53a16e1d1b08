"""How the file of a stored asset comes: the server's copy first, a young one after a moment, the vendor's last."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from assetctl.errors import (
    AssetctlError,
    IntegrityError,
    LibraryError,
    NotAllowed,
    ServiceError,
    ServiceUnreachable,
    StorageFull,
)
from assetctl.library.pixsim.files import PATIENCE_S, FileFetcher
from assetctl.library.pixsim.matching import described
from assetctl.models import AssetType
from assetctl.network import Origin
from assetctl.pixsim.records import StoredAsset
from fakes import NOW, FakeClock

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.transfer import RemoteFile

pytestmark = pytest.mark.anyio

SERVER = Origin.of("http://127.0.0.1:8001")
OWN = "http://127.0.0.1:8001/api/v1/media/u/1/a.mp4"
VENDOR = "https://vendor.example/clip.mp4?Signature=x"
STORED = StoredAsset(
    7,
    "video",
    user_id=1,
    sha256="a" * 64,
    size_bytes=5,
    stored_key="u/1/a.mp4",
    file_url="/api/v1/media/u/1/a.mp4",
    remote_url=VENDOR,
    sync_status="downloaded",
    created_at=NOW,
)
YOUNG = replace(STORED, sha256=None, size_bytes=None, stored_key=None, file_url=VENDOR, sync_status="remote")


class Line:
    """Downloads that end as told; `asked` lists what was asked for."""

    def __init__(self, **ends: AssetctlError) -> None:
        self.asked: list[tuple[str, AssetType, str | None, int | None]] = []
        self._ends = ends

    async def __call__(self, file: RemoteFile, target: Path) -> None:
        self.asked.append((file.url, file.asset_type, file.sha256, file.size_bytes))
        trouble = self._ends.get("own" if file.url == OWN else "vendor")
        if trouble is not None:
            raise trouble
        target.write_bytes(b"bytes")  # noqa: ASYNC240 - five bytes

    @property
    def urls(self) -> list[str]:
        return [url for url, *_ in self.asked]


async def fetch(
    line: Line, target: Path, *states: StoredAsset | None, known: StoredAsset | None = None, clock: Any = None
) -> None:
    """Fetch what is known as `known`; the server tells `states` one after the other, the last one for ever."""
    told = list(states)

    async def read(*, again: bool) -> StoredAsset | None:
        del again
        return told.pop(0) if len(told) > 1 else told[0]

    asset = described(known or states[0] or STORED, SERVER)
    assert asset is not None
    await FileFetcher(line, origin=SERVER, clock=clock or FakeClock()).fetch(asset, target, read=read)


async def test_the_servers_copy_is_fetched_and_told_what_it_must_be(tmp_path: Path) -> None:
    line = Line()
    await fetch(line, tmp_path / "file", STORED)
    assert line.asked == [(OWN, AssetType.VIDEO, "a" * 64, 5)]
    assert (tmp_path / "file").read_bytes() == b"bytes"


@pytest.mark.parametrize("trouble", [ServiceError("gone"), ServiceUnreachable("away"), IntegrityError("torn")])
async def test_when_the_servers_copy_is_not_to_be_had_the_vendors_is(tmp_path: Path, trouble: AssetctlError) -> None:
    line = Line(own=trouble)
    await fetch(line, tmp_path / "file", STORED)
    assert line.urls == [OWN, VENDOR]


async def test_the_first_trouble_is_told_when_there_is_no_other_way(tmp_path: Path) -> None:
    line = Line(own=ServiceError("first"), vendor=ServiceError("second"))
    with pytest.raises(ServiceError, match="first"):
        await fetch(line, tmp_path / "file", STORED)


async def test_other_bytes_than_described_are_the_librarys_trouble(tmp_path: Path) -> None:
    torn = IntegrityError("the sum is wrong", why="a, not b")
    with pytest.raises(LibraryError, match="not the one it describes") as caught:
        await fetch(Line(own=torn, vendor=IntegrityError("x")), tmp_path / "file", STORED)
    assert caught.value.why == "the sum is wrong: a, not b"
    with pytest.raises(LibraryError) as caught:
        await fetch(Line(vendor=IntegrityError("short")), tmp_path / "file", replace(STORED, file_url=None))
    assert caught.value.why == "short"


@pytest.mark.parametrize("trouble", [NotAllowed("no"), StorageFull("full")])
async def test_what_another_address_would_not_mend_is_told_at_once(tmp_path: Path, trouble: AssetctlError) -> None:
    line = Line(own=trouble)
    with pytest.raises(type(trouble)):
        await fetch(line, tmp_path / "file", STORED)
    assert line.urls == [OWN]


async def test_a_young_asset_is_given_a_moment_to_arrive(tmp_path: Path) -> None:
    line, clock = Line(), FakeClock()
    await fetch(line, tmp_path / "file", YOUNG, YOUNG, STORED, clock=clock)
    assert line.asked == [(OWN, AssetType.VIDEO, "a" * 64, 5)]
    assert 0 < sum(clock.slept) < PATIENCE_S


async def test_what_does_not_arrive_is_fetched_from_its_vendor(tmp_path: Path) -> None:
    line, clock = Line(), FakeClock()
    await fetch(line, tmp_path / "file", YOUNG, clock=clock)
    assert line.asked == [(VENDOR, AssetType.VIDEO, None, None)]
    assert sum(clock.slept) == pytest.approx(PATIENCE_S)


async def test_what_is_not_young_is_not_waited_for(tmp_path: Path) -> None:
    line, clock = Line(), FakeClock(NOW + timedelta(days=1))
    await fetch(line, tmp_path / "file", YOUNG, clock=clock)
    assert line.urls == [VENDOR]
    assert clock.slept == []


async def test_an_asset_without_any_file_is_trouble(tmp_path: Path) -> None:
    nowhere = replace(STORED, file_url=None, remote_url="pixverse:123", stored_key=None, sync_status="error")
    line = Line()
    with pytest.raises(LibraryError, match="no file") as caught:
        await fetch(line, tmp_path / "file", nowhere)
    assert "error" in (caught.value.why or "")
    assert line.asked == []


@pytest.mark.parametrize(("now", "word"), [(None, "gone"), (replace(STORED, sha256="b" * 64), "changed")])
async def test_what_went_or_changed_meanwhile_is_not_fetched(
    tmp_path: Path, now: StoredAsset | None, word: str
) -> None:
    line = Line()
    with pytest.raises(LibraryError, match=word):
        await fetch(line, tmp_path / "file", now, known=STORED)
    assert line.asked == []
