"""The library that is a folder of files: what a team has with nothing else installed.

A file's path says its scene and choice, a sidecar beside it says more (`shelf.py`). The folder is only read. Files are
opened neither to search nor to compare them; only the length of an otherwise matching file is looked up, once.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from assetctl.errors import AssetctlError, LibraryError
from assetctl.eventloop import in_thread
from assetctl.library.base import Candidate, Standing
from assetctl.library.folder.files import LeadsElsewhere, find_file
from assetctl.library.folder.index import FolderIndex
from assetctl.library.folder.naming import parts_of
from assetctl.library.folder.shelf import describe
from assetctl.library.matching import Moments, rank
from assetctl.models import AssetType

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.library.base import Given, Got, LibraryAsset, Searched, Stood
    from assetctl.library.folder.files import FoundFile
    from assetctl.library.folder.shelf import Shelf
    from assetctl.models import AssetRequest, MediaInfo

_TIMED: Final = frozenset({AssetType.VIDEO, AssetType.AUDIO})


class FolderLibrary:
    """A `Library` of the files below one folder, safe to use from many tasks at once.

    An asset's id is its sidecar's `id`, else its path in the folder such as `romance_5/confess.mp4`; the path always
    works for `get`. A folder that is not there is an empty library unless it `must_exist`.
    """

    def __init__(
        self,
        path: Path,
        *,
        snapshot: Path | None,
        clock: Clock,
        probe: Callable[[Path, AssetType], MediaInfo],
        must_exist: bool = False,
    ) -> None:
        """Read nothing yet. `snapshot` is a file to remember sidecars in, or None; `probe` looks into a media file."""
        self._index = FolderIndex(path.absolute(), snapshot=snapshot, clock=clock, must_exist=must_exist)
        self._probe = probe
        self._moments: tuple[Shelf, Moments] | None = None

    @property
    def name(self) -> str:
        """`folder`."""
        return "folder"

    @property
    def needs_network(self) -> bool:
        """Never."""
        return False

    @property
    def recheck_after_s(self) -> float:
        """Asked at each hit: one look at one file."""
        return 0.0

    async def get(self, asset_id: str) -> LibraryAsset | None:
        """The asset with this id or at this path, None when there is none.

        Raises:
            LibraryError: several files bear the id, the sidecar cannot be used, or the folder cannot be read.
        """
        return await in_thread(self._get, asset_id)

    async def search(self, request: AssetRequest) -> list[Candidate]:
        """The candidates as `matching.rank` orders them, each looked at on disk.

        Raises:
            LibraryError: the folder cannot be read.
        """
        return await in_thread(self._search, request)

    def remarks(self, request: AssetRequest) -> tuple[str, ...]:  # noqa: ARG002 - a library's face
        """None: a file can have any name."""
        return ()

    async def get_all(self, asset_ids: Sequence[str]) -> list[Got]:
        """What `get` gives or raises for each."""
        return await in_thread(lambda: [self._got(asset_id) for asset_id in asset_ids])

    async def search_all(self, requests: Sequence[AssetRequest]) -> list[Searched]:
        """What `search` gives or raises for each, without the refused; one look at the folder for all.

        Raises:
            LibraryError: the folder cannot be read.
        """
        return await in_thread(self._search_all, requests)

    async def standing(self, asset_id: str, fingerprint: str) -> Standing:
        """Whether the file is there and of the same size and time; a look at the whole folder only for a sidecar's id.

        Raises:
            LibraryError: several files bear the id, or the file cannot be looked at.
        """
        return await in_thread(self._standing, asset_id, fingerprint)

    async def standings(self, given: Sequence[Given]) -> list[Stood]:
        """What `standing` gives or raises for each."""
        return await in_thread(lambda: [self._stood(one) for one in given])

    @asynccontextmanager
    async def open(self, asset: LibraryAsset, target: Path) -> AsyncGenerator[Path]:  # noqa: ARG002 - nothing is copied
        """The library's own file, which must not be changed.

        Raises:
            LibraryError: it is gone, empty, replaced since it was found, or reached by a link that leads elsewhere.
        """
        found = await in_thread(self._find, asset.asset_id)
        yield _checked(asset, found).path

    async def problems(self) -> tuple[str, ...]:
        """A sentence for each thing in the folder that is left out or cannot be used.

        Raises:
            LibraryError: the folder cannot be read.
        """
        return (await in_thread(self._index.shelf)).problems

    # The rest runs in worker threads.

    def _search(self, request: AssetRequest) -> list[Candidate]:
        shelf = self._index.shelf()
        candidates = self._ranked(shelf.assets, request, shelf)
        self._index.save()
        return candidates

    def _search_all(self, requests: Sequence[AssetRequest]) -> list[Searched]:
        shelf = self._index.shelf()
        moments = self._moments_of(shelf)
        answers: list[Searched] = []
        for request in requests:
            try:
                answers.append(self._ranked(moments.made_for(request), request, shelf))
            except LibraryError as error:
                answers.append(error)
        self._index.save()
        return answers

    def _moments_of(self, shelf: Shelf) -> Moments:
        if self._moments is None or self._moments[0] is not shelf:
            self._moments = (shelf, Moments(shelf.assets))
        return self._moments[1]

    def _ranked(self, assets: Sequence[LibraryAsset], request: AssetRequest, shelf: Shelf) -> list[Candidate]:
        if not assets:
            return []
        looked_at = [self._look(candidate, request, shelf) for candidate in rank(assets, request)]
        candidates = [candidate for candidate in looked_at if candidate is not None]
        # Once more, because lengths found in the files change which matches are best, or matches at all.
        matching = rank((candidate.asset for candidate in candidates if candidate.matches), request)
        return [*matching, *(candidate for candidate in candidates if not candidate.matches)]

    def _look(self, candidate: Candidate, request: AssetRequest, shelf: Shelf) -> Candidate | None:
        """`candidate` with what its file says; None when the file is gone."""
        relative = shelf.paths[candidate.asset.asset_id]
        try:
            found = find_file(self._index.root, tuple(relative.split("/")))
        except LeadsElsewhere as error:
            return _refused(candidate.asset, error, would_match=candidate.matches)
        if found is None:
            return None
        looked_at = replace(candidate, asset=_as_found(candidate.asset, found))
        if not candidate.matches:
            return looked_at
        if relative in shelf.broken:
            return _refused(looked_at.asset, shelf.broken[relative], would_match=True)
        return looked_at if request.duration_s is None else self._timed(looked_at.asset, relative, found)

    def _timed(self, asset: LibraryAsset, relative: str, found: FoundFile) -> Candidate:
        """The match `asset` with its length, which is taken from its file unless it is stated."""
        if asset.duration_s is not None or asset.asset_type not in _TIMED:
            return Candidate(asset, None)

        def measure() -> float | None:
            return self._probe(found.path, asset.asset_type).duration_s

        try:
            duration_s = self._index.duration(relative, found, measure)
        except AssetctlError as error:
            return _refused(asset, error, would_match=True)
        return Candidate(replace(asset, duration_s=duration_s), None)

    def _get(self, asset_id: str) -> LibraryAsset | None:
        located = self._locate(asset_id)
        found = None if located is None else find_file(self._index.root, located)
        if located is None or found is None:
            return None
        relative = "/".join(located)
        asset = describe(relative, self._index.sidecar(relative))
        return None if asset is None else _as_found(replace(asset, asset_id=asset_id), found)

    def _got(self, asset_id: str) -> Got:
        try:
            return self._get(asset_id)
        except LibraryError as error:
            return error

    def _stood(self, given: Given) -> Stood:
        try:
            return self._standing(*given)
        except LibraryError as error:
            return error

    def _standing(self, asset_id: str, fingerprint: str) -> Standing:
        found = self._find(asset_id)
        if found is None:
            return Standing.GONE
        return Standing.SAME if found.fingerprint == fingerprint else Standing.CHANGED

    def _find(self, asset_id: str) -> FoundFile | None:
        located = self._locate(asset_id)
        return None if located is None else find_file(self._index.root, located)

    def _locate(self, asset_id: str) -> tuple[str, ...] | None:
        """The parts of the path of the asset, whether or not its file is still there."""
        parts = parts_of(asset_id)
        if parts is not None:
            return parts if self._index.exists() else None
        shelf = self._index.shelf()
        if asset_id in shelf.ambiguous:
            raise _ambiguous(asset_id, shelf.ambiguous[asset_id])
        relative = shelf.paths.get(asset_id)
        return None if relative is None else tuple(relative.split("/"))


def _as_found(asset: LibraryAsset, found: FoundFile) -> LibraryAsset:
    return replace(asset, fingerprint=found.fingerprint, size_bytes=found.size_bytes, url=found.path.as_uri())


def _refused(asset: LibraryAsset, error: AssetctlError, *, would_match: bool) -> Candidate:
    return Candidate(asset, error.sentence, trouble=error if would_match else None)


def _ambiguous(asset_id: str, paths: tuple[str, ...]) -> LibraryError:
    return LibraryError(
        f"the id `{asset_id}` belongs to several files of the library",
        why=f"it stands in the sidecars of {' and '.join(f'`{path}`' for path in paths)}",
        hint=f"give each its own id, or ask for the path: `assetctl get {paths[0]}`",
    )


def _checked(asset: LibraryAsset, found: FoundFile | None) -> FoundFile:
    if found is None:
        raise LibraryError(f"the library file of `{asset.asset_id}` is gone", hint="ask again")
    if found.fingerprint != asset.fingerprint:
        raise LibraryError(f"the library file of `{asset.asset_id}` was replaced a moment ago", hint="ask again")
    if not found.size_bytes:
        raise LibraryError(f"the library file of `{asset.asset_id}` is empty", hint=f"replace `{found.path}`")
    return found
