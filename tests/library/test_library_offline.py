"""A library that is not asked offline has its own face and gives trouble, never an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assetctl.errors import LibraryError
from assetctl.library.base import Given
from assetctl.library.offline import OfflineLibrary
from fakes import REQUEST, FakeLibrary, film

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def test_it_asks_nothing_and_says_so(tmp_path: Path) -> None:
    far = FakeLibrary(tmp_path / "far", name="far", recheck_after_s=60.0)
    asset = far.add("clip", film("clip"))
    far.told = ("a remark",)
    library = OfflineLibrary(far)
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
