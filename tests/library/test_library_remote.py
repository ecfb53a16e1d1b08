"""A library on the network: built when first asked, not asked offline, its name and times known before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assetctl.errors import LibraryError
from assetctl.library.base import Given, Standing
from assetctl.library.remote import RemoteLibrary
from fakes import REQUEST, FakeLibrary, film

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def test_it_is_built_once_and_not_before_it_is_asked(tmp_path: Path) -> None:
    built: list[FakeLibrary] = []

    def build() -> FakeLibrary:
        built.append(FakeLibrary(tmp_path / "far", name="far"))
        return built[-1]

    library = RemoteLibrary("far", recheck_after_s=60.0, build=build, offline=False)
    assert (library.name, library.needs_network, library.recheck_after_s) == ("far", True, 60.0)
    assert built == []
    assert await library.get("clip") is None
    (far,) = built
    asset = far.add("clip", film("clip"))
    far.told = ("a remark",)
    assert await library.get_all(["clip", "none"]) == [asset, None]
    (together,) = await library.search_all([REQUEST])
    assert together == await library.search(REQUEST)
    assert await library.standings([Given("clip", asset.fingerprint), Given("none", "")]) == [
        Standing.SAME,
        Standing.GONE,
    ]
    assert [candidate.asset for candidate in await library.search(REQUEST)] == [asset]
    assert library.remarks(REQUEST) == ("a remark",)
    assert await library.standing("clip", asset.fingerprint) is Standing.SAME
    async with library.open(asset, tmp_path / "target") as path:
        assert path.read_bytes() == film("clip")
    assert len(built) == 1


async def test_offline_it_asks_nothing_and_says_so(tmp_path: Path) -> None:
    far = FakeLibrary(tmp_path / "far", name="far")
    asset = far.add("clip", film("clip"))
    far.told = ("a remark",)
    library = RemoteLibrary("far", recheck_after_s=60.0, build=lambda: far, offline=True)
    assert (library.name, library.needs_network, library.recheck_after_s) == ("far", True, 60.0)
    assert library.remarks(REQUEST) == ("a remark",)
    for asking in (
        library.get("clip"),
        library.get_all(["clip"]),
        library.search(REQUEST),
        library.search_all([REQUEST]),
        library.standing("clip", asset.fingerprint),
        library.standings([Given("clip", asset.fingerprint)]),
    ):
        with pytest.raises(LibraryError, match="offline"):
            await asking
    with pytest.raises(LibraryError, match="offline"):
        async with library.open(asset, tmp_path / "target"):
            pass
    assert far.calls == []
