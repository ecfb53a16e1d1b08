"""Puts an asset where somebody wants it, whole or not at all.

The copy is the receiver's own: blocks are shared with the cache where the file system can copy on write, never by a
hard link, because a change to such a file would change the only copy of something paid for.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from assetctl import filesystem
from assetctl.errors import InvalidRequest, StorageFull
from assetctl.eventloop import in_thread
from assetctl.text import file_name

if TYPE_CHECKING:
    from collections.abc import Generator

    from assetctl.models import Asset

_SEPARATORS = tuple({"/", os.sep})


def is_folder(target: str) -> bool:
    """Whether what is exported to `target` is put inside it."""
    return target.endswith(_SEPARATORS) or Path(target).is_dir()


async def export(asset: Asset, target: str) -> Path:
    """The absolute path of a new copy of `asset`: at `target`, or inside it, named by `export_name`, if it is a folder.

    A file or link that is there already is replaced in one step; a device, pipe or the like never is.
    Missing parent folders of `target` are made; a `target` that ends in a separator is a folder.

    Raises:
        InvalidRequest: something is there that is no file.
        CacheError: it could not be written; what was there before still is.
    """
    return await in_thread(_export, asset, target)


def _export(asset: Asset, target: str) -> Path:
    with filesystem.translated(Path(target)):
        path = Path(target).absolute()
        final = path / export_name(asset) if is_folder(target) else path
        _check_replaceable(final)
    with filesystem.translated(final, needed_bytes=asset.size_bytes):
        final.parent.mkdir(parents=True, exist_ok=True)
    partial = filesystem.temporary_path(final.parent, final.suffix)
    with _roomy(final.parent):
        filesystem.copy(asset.path, partial)
        try:
            filesystem.hand_out(partial, final)
        finally:
            filesystem.remove(partial)
    return final


@contextmanager
def _roomy(folder: Path) -> Generator[None]:
    """That there is no room is told of `folder`, in the same words for each file, and the cache is no part of it."""
    try:
        yield
    except StorageFull as error:
        refused = error.__cause__
        raise StorageFull(
            f"no room for a copy in `{folder}`",
            why=refused.strerror if isinstance(refused, OSError) else error.why,
            hint="make room there, or name another place: --output DIR",
        ) from error


def _check_replaceable(final: Path) -> None:
    if os.path.lexists(final) and not final.is_symlink() and not final.is_file():
        raise InvalidRequest(
            f"`{final}` is no file that could be replaced",
            why="it is a device, a pipe or the like",
            hint="`--output -` streams the bytes to stdout",
        )


def export_name(asset: Asset) -> str:
    """`<scene>--<choice>.<ext>`, with what the request names; `asset-<digest>` when it names nothing."""
    request = asset.request
    context = () if request is None else (request.scene_id, request.choice_id)
    label = "--".join(part for part in context if part) or f"asset-{asset.sha256[:12]}"
    return file_name(label, asset.path.suffix)
