"""A library that is not asked, because it is on the network and `--offline` was said.

What it once gave may still be served from the cache; whether it stands behind that is trouble, not an answer.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from assetctl.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from assetctl.library.base import Candidate, Given, Got, Library, LibraryAsset, Searched, Standing, Stood
    from assetctl.models import AssetRequest


class OfflineLibrary:
    """The library it is given, never asked anything."""

    def __init__(self, library: Library) -> None:
        """Have the face of `library`, which needs the network."""
        self._library = library

    @property
    def name(self) -> str:
        """The library's own."""
        return self._library.name

    @property
    def needs_network(self) -> bool:
        """True."""
        return True

    @property
    def recheck_after_s(self) -> float:
        """The library's own."""
        return self._library.recheck_after_s

    async def get(self, asset_id: str) -> LibraryAsset | None:
        """Nothing.

        Raises:
            LibraryError: always.
        """
        raise self._not_asked(asset_id)

    async def search(self, request: AssetRequest) -> list[Candidate]:
        """Nothing.

        Raises:
            LibraryError: always.
        """
        raise self._not_asked(request)

    async def get_all(self, asset_ids: Sequence[str]) -> Sequence[Got]:
        """Nothing.

        Raises:
            LibraryError: always.
        """
        raise self._not_asked(asset_ids)

    async def search_all(self, requests: Sequence[AssetRequest]) -> Sequence[Searched]:
        """Nothing.

        Raises:
            LibraryError: always.
        """
        raise self._not_asked(requests)

    def remarks(self, request: AssetRequest) -> tuple[str, ...]:
        """The library's own."""
        return self._library.remarks(request)

    async def standing(self, asset_id: str, fingerprint: str) -> Standing:
        """Nothing.

        Raises:
            LibraryError: always.
        """
        raise self._not_asked(asset_id, fingerprint)

    async def standings(self, given: Sequence[Given]) -> Sequence[Stood]:
        """Nothing.

        Raises:
            LibraryError: always.
        """
        raise self._not_asked(given)

    @asynccontextmanager
    async def open(self, asset: LibraryAsset, target: Path) -> AsyncGenerator[Path]:
        """Nothing.

        Raises:
            LibraryError: always.
        """
        raise self._not_asked(asset)
        yield target

    def _not_asked(self, *_: object) -> LibraryError:
        return LibraryError(
            f"the library `{self.name}` is on the network and is not asked offline", hint="ask without `--offline`"
        )
