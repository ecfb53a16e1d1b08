"""Copies of a chapter's assets in a folder that somebody named, each called as its scene and choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetctl import filesystem
from assetctl.errors import InvalidRequest
from assetctl.export import export
from assetctl.prefetch.naming import Names

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.models import Asset
    from assetctl.prefetch.manifest.findings import Item


def require_usable(folder: Path) -> None:
    """Return when copies can be put into `folder`, which is made if needed; known before anything is ordered.

    Raises:
        InvalidRequest: it is a file.
        CacheError: nothing can be written there.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidRequest(f"`{folder}` is no folder", hint="--output FOLDER")
    hint = "make room there, or name another place: --output FOLDER"
    with filesystem.retold(f"nothing can be put into `{folder}`", hint=hint):
        with filesystem.translated(folder):
            folder.mkdir(parents=True, exist_ok=True)
        probe = filesystem.temporary_path(folder)
        filesystem.write_new(probe, b"")
        filesystem.remove(probe)


class Copies:
    """The copies of one chapter."""

    def __init__(self, folder: Path) -> None:
        """Put them into `folder`; nothing is touched yet."""
        self._folder = folder
        self._names = Names()

    def see(self, item: Item) -> None:
        """`item` has the name of its copy; shown once, each item of the chapter in its turn."""
        self._names.see(item)

    async def put(self, item: Item, asset: Asset) -> Path:
        """The new copy of `asset` for `item`, which was seen.

        Raises:
            CacheError: it could not be written.
        """
        return await export(asset, f"{self._folder}/{self._names.of(item)}{asset.path.suffix}")
