"""Many files or folders put on the disk at the same time, which takes a disk little longer than one of them.

Each does what `seal` and `sync_folder` do. The steps are told beforehand, one after the other, by whoever asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from assetctl.filesystem.files import seal, sync_folder
from assetctl.filesystem.steps import Step, no_step
from assetctl.filesystem.trouble import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_AT_ONCE: Final = 8


def seal_all(paths: Sequence[Path], *, step: Step = no_step) -> None:
    """The bytes of `paths`, regular files and no links, are on the disk, and nobody may write to them any more.

    Raises:
        CacheError: one is something else or could not be synced (see `translated`); of the others nothing is sure.
    """
    for path in paths:
        with translated(path):
            step("sync", path)
            step("chmod", path)
    _at_once(seal, paths)


def sync_folders(folders: Sequence[Path], *, step: Step = no_step) -> None:
    """The names in `folders` are on the disk; Windows syncs them by itself.

    Raises:
        CacheError: they could not be synced (see `translated`).
    """
    for folder in folders:
        with translated(folder):
            step("sync folder", folder)
    _at_once(sync_folder, folders)


def _at_once(sync: Callable[[Path], object], paths: Sequence[Path]) -> None:
    if len(paths) < 2:  # noqa: PLR2004 - one needs no thread
        for path in paths:
            sync(path)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most processes sync one file at a time

    with ThreadPoolExecutor(min(len(paths), _AT_ONCE)) as threads:
        for _ in threads.map(sync, paths):
            pass
